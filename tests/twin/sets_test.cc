#include "twin/sets.h"

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <random>

#include "base/simd.h"
#include "twin/set_kernels.h"

using namespace looptwin;
using lang::Op;

namespace {
constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

std::vector<uint32_t> range(uint32_t first, uint32_t count) {
  std::vector<uint32_t> rows(count);
  std::iota(rows.begin(), rows.end(), first);
  return rows;
}
}  // namespace

TEST_CASE("sets: sums, means and extremes of the good members against plain loops") {
  std::mt19937_64 random(3);
  std::vector<double> column(5000);
  for (auto& x : column) x = static_cast<double>(random() % 20001) / 100 - 100;
  for (const uint32_t size : {1u, 7u, 8u, 9u, 1023u, 1024u, 1025u, 2048u, 3000u, 4999u}) {
    const auto members = range(1, size);
    auto copy = column;
    size_t good = 0;
    long double sum = 0;
    double least = 1e9, greatest = -1e9;
    for (const uint32_t m : members) {
      if (random() % 10 == 0) copy[m] = kUnknown;
      if (std::isnan(copy[m])) continue;
      ++good;
      sum += copy[m];
      least = std::min(least, copy[m]);
      greatest = std::max(greatest, copy[m]);
    }
    const twin::SetColumn from{copy.data(), lang::Storage::f64};
    const double share = static_cast<double>(good) / size;
    CHECK(twin::aggregate(Op::set_sum, from, members, 0) == Approx(static_cast<double>(sum)).margin(1e-9));
    if (good > 0) {
      CHECK(twin::aggregate(Op::set_mean, from, members, 0) ==
            Approx(static_cast<double>(sum / good)).margin(1e-9));
      CHECK(twin::aggregate(Op::set_minimum, from, members, 0) == least);
      CHECK(twin::aggregate(Op::set_maximum, from, members, 0) == greatest);
    }
    CHECK(std::isnan(twin::aggregate(Op::set_sum, from, members, share + 1e-9)));
    CHECK_FALSE(std::isnan(twin::aggregate(Op::set_sum, from, members, share)));
    CHECK(twin::aggregate(Op::set_size, {}, members, 1) == size);
  }
}

TEST_CASE("sets: member i counts in lane i % 8, with the same bits at every width") {
  std::mt19937_64 random(5);
  std::vector<double> column(1100);
  for (auto& x : column)
    x = random() % 10 == 0 ? kUnknown : static_cast<double>(static_cast<int64_t>(random())) * 0x1p-50;
  for (const size_t size : {0u, 1u, 5u, 8u, 15u, 64u, 1001u, 1024u}) {
    const double* const from = column.data() + 3;  // columns begin anywhere
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    std::array<double, twin::kSetLanes> sum{}, good{}, least, greatest;
    least.fill(kInfinity), greatest.fill(-kInfinity);
    for (size_t i = 0; i < size; ++i) {
      const size_t lane = i % twin::kSetLanes;
      if (std::isnan(from[i])) continue;
      sum[lane] += from[i];
      ++good[lane];
      least[lane] = std::min(least[lane], from[i]);
      greatest[lane] = std::max(greatest[lane], from[i]);
    }
    for (const Simd width : {Simd::v2, Simd::v3, Simd::v4}) {
      if (width > simd()) continue;
      std::array<double, twin::kSetLanes> a, b;
      twin::set_kernels(width).sums(from, size, a.data(), b.data());
      CHECK(a == sum);
      CHECK(b == good);
      twin::set_kernels(width).extremes(from, size, a.data(), b.data());
      CHECK(a == least);
      CHECK(b == greatest);
    }
  }
}

TEST_CASE("sets: the bits of a sum do not depend on where the members lie") {
  std::mt19937_64 random(4);
  std::vector<double> dense(3000), sparse(6000, 1e6);
  std::vector<uint32_t> every_other;
  for (uint32_t i = 0; i < 3000; ++i) {
    dense[i] = static_cast<double>(random()) / 3e17;
    sparse[2 * i] = dense[i];
    every_other.push_back(2 * i);
  }
  const double a = twin::aggregate(Op::set_sum, {dense.data(), lang::Storage::f64}, range(0, 3000), 1);
  const double b = twin::aggregate(Op::set_sum, {sparse.data(), lang::Storage::f64}, every_other, 1);
  CHECK(std::memcmp(&a, &b, sizeof a) == 0);
}

TEST_CASE("sets: one member alone has the bits that it has beside unknown ones") {
  const double unknown = std::nan(""), infinity = std::numeric_limits<double>::infinity();
  for (const double x : {1.5, -0.0, 0.0, infinity, -infinity, unknown}) {
    const std::vector<double> column = {x, unknown, unknown};
    const lang::Op ops[] = {lang::Op::set_sum, lang::Op::set_mean, lang::Op::set_minimum,
                            lang::Op::set_maximum, lang::Op::set_count};
    for (const auto op : ops) {
      const double alone = twin::aggregate(op, {column.data(), lang::Storage::f64}, range(0, 1), 0);
      const double beside = twin::aggregate(op, {column.data(), lang::Storage::f64}, range(0, 3), 0);
      INFO(x << ", operation " << static_cast<int>(op));
      CHECK(std::signbit(alone) == std::signbit(beside));
      CHECK((alone == beside || (std::isnan(alone) && std::isnan(beside))));
    }
  }
}

TEST_CASE("sets: all and any are decided by one good member, whatever is unknown") {
  const auto members = range(0, 4);
  const auto all = [&](std::vector<uint8_t> b, double good) {
    return twin::aggregate(Op::set_all, {b.data(), lang::Storage::boolean}, members, good);
  };
  const auto any = [&](std::vector<uint8_t> b, double good) {
    return twin::aggregate(Op::set_any, {b.data(), lang::Storage::boolean}, members, good);
  };
  CHECK(all({1, 1, 1, 1}, 1) == 1);
  CHECK(all({1, 0, 2, 2}, 1) == 0);
  CHECK(all({1, 1, 2, 1}, 1) == 0.5);
  CHECK(all({1, 1, 2, 1}, 0.75) == 1);
  CHECK(any({0, 0, 0, 0}, 1) == 0);
  CHECK(any({2, 2, 1, 2}, 1) == 1);
  CHECK(any({0, 2, 0, 0}, 1) == 0.5);
  CHECK(any({0, 2, 0, 0}, 0.75) == 0);
}

TEST_CASE("sets: count and share of a condition, and the empty set") {
  std::vector<uint8_t> b = {1, 0, 1, 2, 1};
  const twin::SetColumn from{b.data(), lang::Storage::boolean};
  CHECK(twin::aggregate(Op::set_count, from, range(0, 5), 0.8) == 3);
  CHECK(std::isnan(twin::aggregate(Op::set_count, from, range(0, 5), 1)));
  CHECK(twin::aggregate(Op::set_share, from, range(0, 5), 0.8) == 0.75);
  CHECK(twin::aggregate(Op::set_sum, from, {}, 1) == 0);
  CHECK(twin::aggregate(Op::set_all, from, {}, 1) == 1);
  CHECK(twin::aggregate(Op::set_any, from, {}, 1) == 0);
  CHECK(std::isnan(twin::aggregate(Op::set_mean, from, {}, 1)));
}
