#include "twin/sets.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "twin/set_kernels.h"
#include "twin/tables.h"

namespace looptwin::twin {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

struct Total {
  double sum = 0;
  double least = std::numeric_limits<double>::infinity();
  double greatest = -std::numeric_limits<double>::infinity();
  uint64_t good = 0;

  static Total joined(const Total& a, const Total& b) {
    return {a.sum + b.sum, std::min(a.least, b.least), std::max(a.greatest, b.greatest), a.good + b.good};
  }
};

/// What the kernels make of a lane with one member.
Total of_one(double x) {
  if (std::isnan(x)) return {};
  return {0.0 + x, x, x, 1};
}

/// One leaf. Extremes cost as much as the sum, so they are left out where nobody asks.
template <bool kExtremes>
Total leaf(const double* x, size_t count) {
  // Sets of one are common: the valve of a pipe. The same bits as below, for x + 0 is x.
  if (count == 1) return of_one(*x);
  const SetKernels& kernels = set_kernels(simd());
  double sum[kSetLanes], good[kSetLanes], least[kSetLanes], greatest[kSetLanes];
  kernels.sums(x, count, sum, good);
  if constexpr (kExtremes) kernels.extremes(x, count, least, greatest);
  std::array<Total, kSetLanes> lanes;
  for (size_t l = 0; l < kSetLanes; ++l) {
    lanes[l].sum = sum[l];
    lanes[l].good = static_cast<uint64_t>(good[l]);
    if constexpr (kExtremes) lanes[l].least = least[l], lanes[l].greatest = greatest[l];
  }
  for (size_t width = kSetLanes / 2; width > 0; width /= 2)
    for (size_t l = 0; l < width; ++l) lanes[l] = Total::joined(lanes[2 * l], lanes[2 * l + 1]);
  return lanes[0];
}

/// A leaf of bytes, of which `unknown` is none: whole numbers, so their order does not matter.
template <bool kExtremes>
Total leaf_of_bytes(const uint8_t* data, size_t count, uint8_t unknown) {
  uint32_t sum = 0, good = 0;
  for (size_t i = 0; i < count; ++i) {
    const uint32_t known = data[i] != unknown ? 1 : 0;
    sum += known * data[i];
    good += known;
  }
  Total total{static_cast<double>(sum), std::numeric_limits<double>::infinity(),
              -std::numeric_limits<double>::infinity(), good};
  if constexpr (kExtremes) {
    for (size_t i = 0; i < count; ++i) {
      if (data[i] == unknown) continue;
      total.least = std::min(total.least, static_cast<double>(data[i]));
      total.greatest = std::max(total.greatest, static_cast<double>(data[i]));
    }
  }
  return total;
}

template <bool kExtremes>
Total leaf_of(const SetColumn& column, std::span<const uint32_t> members) {
  const bool contiguous = members.back() - members.front() + 1 == members.size();
  if (column.storage == lang::Storage::f64) {
    const auto* data = static_cast<const double*>(column.data);
    if (contiguous) return leaf<kExtremes>(data + members.front(), members.size());
    std::array<double, kBlockRows> gathered;
    for (size_t i = 0; i < members.size(); ++i) gathered[i] = data[members[i]];
    return leaf<kExtremes>(gathered.data(), members.size());
  }
  LT_CHECK(column.storage == lang::Storage::boolean || column.storage == lang::Storage::code,
           "a set over rows or instants");
  const uint8_t unknown = column.storage == lang::Storage::boolean ? 2 : 255;
  const auto* data = static_cast<const uint8_t*>(column.data);
  if (contiguous) return leaf_of_bytes<kExtremes>(data + members.front(), members.size(), unknown);
  std::array<uint8_t, kBlockRows> gathered;
  for (size_t i = 0; i < members.size(); ++i) gathered[i] = data[members[i]];
  return leaf_of_bytes<kExtremes>(gathered.data(), members.size(), unknown);
}

/// Leaves [first, last) joined as a balanced tree whose left half is the larger.
template <bool kExtremes>
Total tree(const SetColumn& column, std::span<const uint32_t> members, size_t first, size_t last) {
  if (last - first == 1) {
    const size_t begin = first * kBlockRows;
    return leaf_of<kExtremes>(column, members.subspan(begin, std::min(kBlockRows, members.size() - begin)));
  }
  const size_t middle = first + (last - first + 1) / 2;
  return Total::joined(tree<kExtremes>(column, members, first, middle),
                       tree<kExtremes>(column, members, middle, last));
}

}  // namespace

const SetKernels& set_kernels(Simd width) {
  return width == Simd::v4 ? v4::kSetKernels : width == Simd::v3 ? v3::kSetKernels : v2::kSetKernels;
}

double aggregate(lang::Op op, const SetColumn& column, std::span<const uint32_t> members,
                 double minimum_good) {
  const auto size = static_cast<double>(members.size());
  if (op == lang::Op::set_size) return size;
  Total total;
  const size_t leaves = (members.size() + kBlockRows - 1) / kBlockRows;
  const bool extremes = op == lang::Op::set_minimum || op == lang::Op::set_maximum ||
                        op == lang::Op::set_all || op == lang::Op::set_any;
  if (leaves > 0)
    total = extremes ? tree<true>(column, members, 0, leaves) : tree<false>(column, members, 0, leaves);
  const auto good = static_cast<double>(total.good);
  const bool enough = good >= minimum_good * size;
  switch (op) {
    case lang::Op::set_sum:
    case lang::Op::set_count:
      return enough ? total.sum : kUnknown;
    case lang::Op::set_share:
      return !enough ? kUnknown : good > 0 ? total.sum / good : 0;
    case lang::Op::set_mean:
      return enough && good > 0 ? total.sum / good : kUnknown;
    case lang::Op::set_minimum:
      return enough && good > 0 ? total.least : kUnknown;
    case lang::Op::set_maximum:
      return enough && good > 0 ? total.greatest : kUnknown;
    case lang::Op::set_all:
      return total.least == 0 ? 0 : enough ? 1 : 0.5;
    case lang::Op::set_any:
      return total.greatest == 1 ? 1 : enough ? 0 : 0.5;
    default:
      LT_CHECK(false, "not an aggregate over a set");
  }
}

}  // namespace looptwin::twin
