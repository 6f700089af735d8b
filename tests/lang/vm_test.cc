// The vector VM's kernels against their definitions, at every width.
#include <algorithm>
#include <catch2/catch.hpp>

#include "base/simd.h"
#include "lang/kernels.h"
#include "tests/lang/dice.h"
#include "tests/lang/kernel_definitions.h"

namespace looptwin::lang::test {
namespace {

/// Operands that must be booleans, for kernels of which the definition asks it.
bool takes_boolean(Kernel kernel, int operand) {
  switch (kernel) {
    case Kernel::logical_not:
    case Kernel::known_boolean:
    case Kernel::equal_boolean:
    case Kernel::not_equal_boolean:
    case Kernel::logical_and:
    case Kernel::logical_or:
      return true;
    case Kernel::choose:
      return operand == 0;
    case Kernel::choose_boolean:
      return true;
    case Kernel::less_and:
    case Kernel::less_equal_and:
    case Kernel::less_or:
    case Kernel::less_equal_or:
      return operand == 2;
    case Kernel::choose_less_boolean:
    case Kernel::choose_less_equal_boolean:
      return operand >= 2;
    default:
      return false;
  }
}

std::vector<Simd> widths() {
  std::vector<Simd> all = {Simd::v2};
  if (simd() >= Simd::v3) all.push_back(Simd::v3);
  if (simd() >= Simd::v4) all.push_back(Simd::v4);
  return all;
}

TEST_CASE("vm: every kernel, in every form, does what its definition says at every width, also in place") {
  Dice dice(1);
  const auto kernel = static_cast<Kernel>(GENERATE(range(size_t{0}, kKernels)));
  const KernelInfo& info = kKernelInfo[static_cast<size_t>(kernel)];
  INFO(info.name);
  for (const size_t rows : {size_t{1}, size_t{7}, size_t{255}, size_t{256}}) {
    std::vector<double> in[4];
    for (int k = 0; k < 4; ++k) {
      for (size_t i = 0; i <= rows; ++i)
        in[k].push_back(takes_boolean(kernel, k) ? dice.boolean() : dice.number());
    }
    for (size_t form = 0; form < kForms; ++form) {
      for (const Simd width : widths()) {
        const Kernels::Apply apply = kernels(width).apply[static_cast<size_t>(kernel)][form];
        const size_t all = (size_t{1} << info.operands) - 1;
        REQUIRE((apply != nullptr) == (form < all || (form == all && info.operands == 1)));
        if (apply == nullptr) continue;
        std::vector<double> out(rows + 1, -7.0), in_place = in[0];
        // Columns begin anywhere: one double past the vector's alignment.
        apply(out.data() + 1, &in[0][1], &in[1][1], &in[2][1], &in[3][1], rows);
        apply(in_place.data() + 1, in_place.data() + 1, &in[1][1], &in[2][1], &in[3][1], rows);
        for (size_t i = 0; i < rows; ++i) {
          const auto operand = [&](size_t k) { return in[k][form >> k & 1 ? 1 : i + 1]; };
          const double expected = defined(kernel, operand(0), operand(1), operand(2), operand(3));
          if (!same(out[i + 1], expected) || !same(in_place[i + 1], expected)) {
            FAIL(name_of(width) << " form " << form << " of " << operand(0) << ", " << operand(1) << ", "
                                << operand(2) << ", " << operand(3) << ": " << out[i + 1] << " or "
                                << in_place[i + 1] << ", not " << expected);
          }
        }
        REQUIRE(out[0] == -7.0);
      }
    }
  }
}

TEST_CASE("vm: tables, gathers, loads and stores are equal at every width") {
  Dice dice(2);
  constexpr size_t kRows = 301;
  std::vector<double> x(kRows), first(kRows), out(kRows);
  std::vector<uint32_t> rows(kRows);
  std::vector<int64_t> instants(kRows);
  for (size_t i = 0; i < kRows; ++i) {
    x[i] = dice.number();
    rows[i] = dice.one_in(5) ? UINT32_MAX : static_cast<uint32_t>(dice.below(kRows));
    const double instant = dice.number() * 1e6;
    instants[i] = dice.one_in(5) || !(std::abs(instant) < 1e18) ? INT64_MAX : static_cast<int64_t>(instant);
  }
  const double table[] = {-2, 0, 0, 3, /* y */ 5, 1, 2, 8, /* slopes */ -2, kInfinite, 2, 0};
  for (const Simd width : widths()) {
    const Kernels& k = kernels(width);
    k.interpolate(out.data(), x.data(), table, 4, kRows);
    if (width == Simd::v2) first = out;
    for (size_t i = 0; i < kRows; ++i) REQUIRE(same(out[i], first[i]));
    const double line[] = {-2, 0, 3, /* y */ 5, 1, 8, /* slopes */ -2, 7. / 3, 0};
    k.extrapolate(out.data(), x.data(), line, 3, kRows);
    for (size_t i = 0; i < kRows; ++i)
      REQUIRE(same(out[i], x[i] >= 0 ? 1 + (x[i] - 0) * (7. / 3) : 5 + (x[i] + 2) * -2));
    k.gather[0](out.data(), rows.data(), x.data(), kRows);
    for (size_t i = 0; i < kRows; ++i) REQUIRE(same(out[i], rows[i] == UINT32_MAX ? kUnknown : x[rows[i]]));
    k.load[4](out.data(), instants.data(), kRows);
    std::vector<int64_t> back(kRows);
    k.store[4](back.data(), out.data(), kRows);
    REQUIRE(back == instants);
    for (auto& instant : back)
      if (dice.one_in(2)) instant = static_cast<int64_t>(dice.below(SIZE_MAX)) / 2;  // ages past 2^53 ns, too
    k.age(out.data(), back.data(), 5'000'000'000, kRows);
    for (size_t i = 0; i < kRows; ++i)
      REQUIRE(same(out[i], back[i] == INT64_MAX ? 5.0 : static_cast<double>(5'000'000'000 - back[i]) / 1e9));
  }
}

TEST_CASE("vm: a sum of products is the same as its products added one by one, at every width") {
  Dice dice(5);
  constexpr size_t kRows = 259;
  for (size_t products = kLeastProducts; products <= kMostProducts; ++products) {
    std::vector<std::vector<double>> in(2 * products, std::vector<double>(kRows));
    std::vector<const double*> pointers;
    for (auto& column : in) {
      for (double& x : column) x = dice.number();
      pointers.push_back(column.data());
    }
    std::vector<double> expected(kRows), out(kRows);
    for (size_t i = 0; i < kRows; ++i) {
      expected[i] = in[0][i] * in[1][i];
      for (size_t k = 1; k < products; ++k) expected[i] = expected[i] + in[2 * k][i] * in[2 * k + 1][i];
    }
    for (const Simd width : widths()) {
      kernels(width).dot[products - kLeastProducts](out.data(), pointers.data(), kRows);
      for (size_t i = 0; i < kRows; ++i) REQUIRE(same(out[i], expected[i]));
    }
  }
}

}  // namespace
}  // namespace looptwin::lang::test
