#include "twin/sets.h"

#include <algorithm>
#include <array>
#include <limits>

#include "base/check.h"
#include "twin/tables.h"

namespace looptwin::twin {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
constexpr size_t kLanes = 8;

struct Total {
  double sum = 0;
  double least = std::numeric_limits<double>::infinity();
  double greatest = -std::numeric_limits<double>::infinity();
  uint64_t good = 0;

  static Total joined(const Total& a, const Total& b) {
    return {a.sum + b.sum, std::min(a.least, b.least), std::max(a.greatest, b.greatest), a.good + b.good};
  }
};

/// One leaf, member i in lane i % 8. `at(i)` yields the value of member i, NaN where unknown.
template <typename At>
Total leaf(size_t count, At at) {
  std::array<double, kLanes> sum{}, good{}, least, greatest;
  least.fill(std::numeric_limits<double>::infinity());
  greatest.fill(-std::numeric_limits<double>::infinity());
  const auto take = [&](size_t lane, double x) {
    const bool known = x == x;
    sum[lane] += known ? x : 0.0;
    good[lane] += known ? 1.0 : 0.0;
    least[lane] = x < least[lane] ? x : least[lane];
    greatest[lane] = x > greatest[lane] ? x : greatest[lane];
  };
  const size_t whole = count / kLanes * kLanes;
  for (size_t i = 0; i < whole; i += kLanes)
    for (size_t lane = 0; lane < kLanes; ++lane) take(lane, at(i + lane));
  for (size_t i = whole; i < count; ++i) take(i - whole, at(i));
  std::array<Total, kLanes> lanes;
  for (size_t l = 0; l < kLanes; ++l) lanes[l] = {sum[l], least[l], greatest[l], static_cast<uint64_t>(good[l])};
  for (size_t width = kLanes / 2; width > 0; width /= 2)
    for (size_t l = 0; l < width; ++l) lanes[l] = Total::joined(lanes[2 * l], lanes[2 * l + 1]);
  return lanes[0];
}

template <typename T>
double number(T stored) {
  if constexpr (std::is_same_v<T, double>) return stored;
  else return static_cast<double>(stored);
}

template <typename T>
Total leaf_of(const T* data, std::span<const uint32_t> members, T unknown) {
  const auto value = [unknown](T x) { return std::is_same_v<T, double> || x != unknown ? number(x) : kUnknown; };
  const bool contiguous = members.back() - members.front() + 1 == members.size();
  if (contiguous) {
    const T* first = data + members.front();
    return leaf(members.size(), [&](size_t i) { return value(first[i]); });
  }
  return leaf(members.size(), [&](size_t i) { return value(data[members[i]]); });
}

Total leaf_of(const SetColumn& column, std::span<const uint32_t> members) {
  switch (column.storage) {
    case lang::Storage::f64: return leaf_of(static_cast<const double*>(column.data), members, kUnknown);
    case lang::Storage::boolean: return leaf_of<uint8_t>(static_cast<const uint8_t*>(column.data), members, 2);
    case lang::Storage::code: return leaf_of<uint8_t>(static_cast<const uint8_t*>(column.data), members, 255);
    default: LT_CHECK(false, "a set over rows or instants");
  }
}

/// Leaves [first, last) joined as a balanced tree whose left half is the larger.
Total tree(const SetColumn& column, std::span<const uint32_t> members, size_t first, size_t last) {
  if (last - first == 1) return leaf_of(column, members.subspan(first * kBlockRows, std::min(kBlockRows, members.size() - first * kBlockRows)));
  const size_t middle = first + (last - first + 1) / 2;
  return Total::joined(tree(column, members, first, middle), tree(column, members, middle, last));
}

}  // namespace

double aggregate(lang::Op op, const SetColumn& column, std::span<const uint32_t> members, double minimum_good) {
  const auto size = static_cast<double>(members.size());
  if (op == lang::Op::set_size) return size;
  Total total;
  if (!members.empty()) total = tree(column, members, 0, (members.size() + kBlockRows - 1) / kBlockRows);
  const auto good = static_cast<double>(total.good);
  const bool enough = good >= minimum_good * size;
  switch (op) {
    case lang::Op::set_sum:
    case lang::Op::set_count: return enough ? total.sum : kUnknown;
    case lang::Op::set_share: return !enough ? kUnknown : good > 0 ? total.sum / good : 0;
    case lang::Op::set_mean: return enough && good > 0 ? total.sum / good : kUnknown;
    case lang::Op::set_minimum: return enough && good > 0 ? total.least : kUnknown;
    case lang::Op::set_maximum: return enough && good > 0 ? total.greatest : kUnknown;
    case lang::Op::set_all: return total.least == 0 ? 0 : enough ? 1 : 0.5;
    case lang::Op::set_any: return total.greatest == 1 ? 1 : enough ? 0 : 0.5;
    default: LT_CHECK(false, "not an aggregate over a set");
  }
}

}  // namespace looptwin::twin
