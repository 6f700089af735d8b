#include "base/maths.h"

#include <algorithm>
#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

namespace looptwin {
namespace {

using Column = std::vector<double>;
constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

std::vector<Simd> widths() {
  std::vector<Simd> all{Simd::v2};
  if (simd() >= Simd::v3) all.push_back(Simd::v3);
  if (simd() >= Simd::v4) all.push_back(Simd::v4);
  return all;
}

struct Random {
  uint64_t state = 0x9e3779b97f4a7c15;
  uint64_t next() {
    state += 0x9e3779b97f4a7c15;
    uint64_t z = state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  double uniform(double low, double high) {
    return low + (high - low) * (static_cast<double>(next() >> 11) * 0x1p-53);
  }
  /// Every exponent from log2 low to log2 high is as likely as another.
  double magnitude(double low, double high) { return std::exp2(uniform(std::log2(low), std::log2(high))); }
};

/// The distance of y from the exact value in units of the last place of that value (of the smallest number at
/// least).
double ulps(double y, long double exact) {
  if (std::isnan(y) || std::isnan(exact)) return std::isnan(y) == std::isnan(exact) ? 0 : kInf;
  const double rounded = static_cast<double>(exact);
  if (std::isinf(rounded) || std::isinf(y)) {
    if (y == rounded) return 0;
    // One step over the edge of the range is one unit.
    return std::abs(std::isinf(y) ? rounded : y) == std::numeric_limits<double>::max() ? 1 : kInf;
  }
  const double size = std::max(std::abs(rounded), std::numeric_limits<double>::min());
  const double unit = std::ldexp(1.0, std::ilogb(size) - 52);
  return static_cast<double>(std::abs(static_cast<long double>(y) - exact) / unit);
}

long double normal_cdf_reference(double x) {
  return erfcl(-static_cast<long double>(x) / std::sqrt(2.0L)) / 2;
}
/// One Newton step in long double from a value that is right to double precision is right to long double's.
long double normal_quantile_reference(double p) {
  long double x = maths::normal_quantile(p);
  for (int i = 0; i < 2; ++i) {
    const bool upper = p > 0.5;
    const long double tail = erfcl((upper ? x : -x) / std::sqrt(2.0L)) / 2;
    const long double density = expl(-x * x / 2) / std::sqrt(2 * 3.14159265358979323846264338327950288L);
    const long double want = upper ? 1 - static_cast<long double>(p) : p;
    if (p > 0.4 && p < 0.6) {
      x -= (erfl(x / std::sqrt(2.0L)) / 2 - (static_cast<long double>(p) - 0.5L)) / density;
    } else {
      x += (upper ? 1 : -1) * (tail - want) / density;
    }
  }
  return x;
}

struct Range {
  double low, high;
  bool by_exponent = false;  ///< both signs of magnitudes low to high, else uniform on [low, high]
  bool positive = false;     ///< with by_exponent: no negative ones
};

struct Case {
  const char* name;
  double (*scalar)(double);
  void (*maths::Columns::*column)(const double*, double*, size_t);
  long double (*exact)(double);
  double bound;
  std::vector<Range> ranges;
};

#define LT_CASE(f, reference)                                          \
#f, static_cast < double (*)(double)>(maths::f), &maths::Columns::f, \
      [](double x) -> long double { return reference; }

std::vector<Case> cases() {
  using L = long double;
  constexpr double kTiny = 1e-310, kHuge = 1e308;
  return {
      {LT_CASE(exp, expl(L(x))), 1, {{-1, 1}, {-708, 710}, {-746, -708}, {1e-300, 1, true}}},
      {LT_CASE(exp2, exp2l(L(x))), 1, {{-1, 1}, {-1022, 1024}, {-1076, -1022}}},
      {LT_CASE(expm1, expm1l(L(x))), 2, {{-1, 1}, {-50, 709}, {1e-300, 1, true}}},
      {LT_CASE(log, logl(L(x))), 1, {{0.5, 2}, {0.99, 1.01}, {kTiny, kHuge, true, true}}},
      {LT_CASE(log2, log2l(L(x))), 0.6, {{0.5, 2}, {0.99, 1.01}, {kTiny, kHuge, true, true}}},
      {LT_CASE(log10, log10l(L(x))), 0.6, {{0.5, 2}, {0.99, 1.01}, {kTiny, kHuge, true, true}}},
      {LT_CASE(log1p, log1pl(L(x))), 1.5, {{-0.999999, 3}, {1e-300, 0.5, true}, {1, kHuge, true, true}}},
      {LT_CASE(sqrt, sqrtl(L(x))), 0.5005, {{0, 4}, {kTiny, kHuge, true, true}}},
      {LT_CASE(cbrt, cbrtl(L(x))), 1, {{-8, 8}, {kTiny, kHuge, true}}},
      {LT_CASE(sin, sinl(L(x))),
       1,
       {{-4, 4}, {-1e4, 1e4}, {-1e9, 1e9}, {1e-300, 1, true}, {1e9, 1e18, true}}},
      {LT_CASE(cos, cosl(L(x))),
       1,
       {{-4, 4}, {-1e4, 1e4}, {-1e9, 1e9}, {1e-300, 1, true}, {1e9, 1e18, true}}},
      {LT_CASE(tan, tanl(L(x))),
       1.1,
       {{-4, 4}, {-1e4, 1e4}, {-1e9, 1e9}, {1e-300, 1, true}, {1e9, 1e18, true}}},
      {LT_CASE(asin, asinl(L(x))), 0.7, {{-1, 1}, {1e-300, 1, true}}},
      {LT_CASE(acos, acosl(L(x))), 0.7, {{-1, 1}, {1e-300, 1, true}}},
      {LT_CASE(atan, atanl(L(x))), 0.7, {{-3, 3}, {1e-300, 1e300, true}}},
      {LT_CASE(sinh, sinhl(L(x))), 2, {{-2, 2}, {-710.4, 710.4}, {1e-300, 1, true}}},
      {LT_CASE(cosh, coshl(L(x))), 2, {{-2, 2}, {-710.4, 710.4}, {1e-300, 1, true}}},
      {LT_CASE(tanh, tanhl(L(x))), 2, {{-2, 2}, {-30, 30}, {1e-300, 1, true}}},
      {LT_CASE(floor, floorl(L(x))), 0, {{-100, 100}, {1e-300, 1e300, true}}},
      {LT_CASE(ceil, ceill(L(x))), 0, {{-100, 100}, {1e-300, 1e300, true}}},
      {LT_CASE(round, roundl(L(x))), 0, {{-100, 100}, {1e-300, 1e300, true}}},
      {LT_CASE(erf, erfl(L(x))), 2, {{-1, 1}, {-7, 7}, {1e-300, 1, true}}},
      {LT_CASE(erfc, erfcl(L(x))), 4.5, {{-7, 1}, {0.4, 3}, {1, 26.5}}},
      {LT_CASE(normal_cdf, normal_cdf_reference(x)), 4.5, {{-1, 1}, {-5, 9}, {-37.5, -5}}},
      {LT_CASE(normal_quantile, normal_quantile_reference(x)),
       6,
       {{0, 1}, {1e-10, 0.5, true, true}, {0.05, 0.1}}},
      {LT_CASE(normal_quantile, normal_quantile_reference(x)), 8, {{1e-300, 1e-10, true, true}}},
      {LT_CASE(lgamma, lgammal(L(x))), 4, {{0, 3}, {2, 20}, {0.5, 1.5}, {1e-300, 1e300, true, true}}},
  };
}

Column points(const Range& range, size_t n, Random& random) {
  Column x(n);
  for (auto& v : x) {
    v = range.by_exponent ? random.magnitude(range.low, range.high) : random.uniform(range.low, range.high);
    if (range.by_exponent && !range.positive && (random.next() & 1) != 0) v = -v;
  }
  return x;
}

/// What a function is most likely to get wrong: zeros, infinities, the edges of the ranges of numbers, seams.
Column edges() {
  Column x = {0.0,
              1e-320,
              5e-324,
              1e-308,
              0x1p-1022,
              1e-200,
              1e-17,
              1e-9,
              0.1,
              0.25,
              0.375,
              0.4142135623730950,
              0.5,
              0.625,
              0.75,
              0.9999999999999999,
              1,
              1.0000000000000002,
              1.5,
              2,
              2.5,
              3,
              4,
              8,
              10,
              30,
              31.5,
              700,
              709.78,
              709.79,
              710.4,
              710.5,
              744.4,
              745.2,
              746,
              1023,
              1024,
              1e9,
              1073741824,
              1073741825,
              1e15,
              4503599627370496,
              9007199254740994,
              1e22,
              1e100,
              1e300,
              1.7976931348623157e308,
              kInf};
  const size_t n = x.size();
  for (size_t i = 0; i < n; ++i) x.push_back(-x[i]);
  x.push_back(kNan);
  return x;
}

bool same_bits(double a, double b) {
  return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b) || (std::isnan(a) && std::isnan(b));
}

}  // namespace

TEST_CASE(
    "maths: functions of one argument stay within their bound, with equal bits one by one and at every "
    "width") {
  constexpr size_t kPoints = 200'000;
  Random random;
  for (const auto& c : cases()) {
    double worst = 0, at = 0;
    for (const auto& range : c.ranges) {
      auto x = points(range, kPoints, random);
      const auto edge = edges();
      x.insert(x.end(), edge.begin(), edge.end());
      Column first(x.size());
      for (size_t i = 0; i < x.size(); ++i) {
        first[i] = c.scalar(x[i]);
        if (i >= kPoints) continue;
        const double off = ulps(first[i], c.exact(x[i]));
        if (off > worst) worst = off, at = x[i];
      }
      for (const Simd width : widths()) {
        Column y(x.size(), -1);
        (maths::columns(width).*c.column)(x.data(), y.data(), x.size());
        size_t different = 0;
        for (size_t i = 0; i < x.size(); ++i) {
          if (!same_bits(y[i], first[i]) && different++ == 0)
            UNSCOPED_INFO(c.name << " of " << x[i] << ": " << y[i] << " and " << first[i]);
        }
        INFO(c.name << " at " << name_of(width));
        CHECK(different == 0);
        Column in_place = x;
        (maths::columns(width).*c.column)(in_place.data(), in_place.data(), x.size());
        CHECK(std::equal(y.begin(), y.end(), in_place.begin(), same_bits));
      }
    }
    if (std::getenv("LOOPTWIN_SHOW_ULPS") != nullptr) WARN(c.name << ": " << worst << " ulp at " << at);
    INFO(c.name << ": " << worst << " ulp at " << at << " gives " << c.scalar(at));
    CHECK(worst <= c.bound);
  }
}

namespace {

struct BinaryCase {
  const char* name;
  double (*scalar)(double, double);
  void (*maths::Columns::*column)(const double*, const double*, double*, size_t);
  long double (*exact)(double, double);
  double bound;
  std::vector<std::pair<Range, Range>> ranges;
};

#define LT_CASE_2(f, reference)                                                \
#f, static_cast < double (*)(double, double)>(maths::f), &maths::Columns::f, \
      [](double x, double y) -> long double { return reference; }

/// The floor of x / y is exact in the remainder, whatever the sizes.
long double mod_reference(double x, double y) {
  const long double r = fmodl(x, y);
  return r != 0 && (r < 0) != (y < 0) ? r + y : r;
}

std::vector<BinaryCase> binary_cases() {
  using L = long double;
  const Range near_one{0.9, 1.1}, small{-10, 10}, any{1e-300, 1e300, true};
  return {
      // powl itself errs by a unit of long double, far below these bounds.
      {LT_CASE_2(pow, powl(L(x), L(y))),
       1,
       {{{1e-5, 1e5, true, true}, {-60, 60}},
        {near_one, {-7000, 7000}},
        {{1e-300, 1e300, true, true}, {-1.1, 1.1}},
        {{0.5, 2}, {-1074, 1024}}}},
      {LT_CASE_2(atan2, atan2l(L(x), L(y))),
       1.5,
       {{small, small}, {any, any}, {{1e-300, 1, true}, {1e-300, 1, true}}}},
      {LT_CASE_2(hypot, hypotl(L(x), L(y))),
       1,
       {{small, small}, {any, any}, {{1e-320, 1e-300, true}, {1e-320, 1e-300, true}}}},
      {LT_CASE_2(mod, mod_reference(x, y)),
       0.5,
       {{{-100, 100}, small}, {{1, 1e15, true}, small}, {any, any}}},
  };
}

}  // namespace

TEST_CASE(
    "maths: functions of two arguments stay within their bound, with equal bits one by one and at every "
    "width") {
  constexpr size_t kPoints = 150'000;
  Random random;
  for (const auto& c : binary_cases()) {
    double worst = 0, at_x = 0, at_y = 0;
    for (const auto& [first_range, second_range] : c.ranges) {
      auto x = points(first_range, kPoints, random), y = points(second_range, kPoints, random);
      const auto edge = edges();
      for (const double a : edge) {
        for (const double b : edge) x.push_back(a), y.push_back(b);
      }
      Column first(x.size());
      for (size_t i = 0; i < x.size(); ++i) {
        first[i] = c.scalar(x[i], y[i]);
        if (i >= kPoints) continue;
        const double off = ulps(first[i], c.exact(x[i], y[i]));
        if (off > worst) worst = off, at_x = x[i], at_y = y[i];
      }
      for (const Simd width : widths()) {
        Column z = x;
        (maths::columns(width).*c.column)(z.data(), y.data(), z.data(), x.size());
        size_t different = 0;
        for (size_t i = 0; i < x.size(); ++i) {
          if (!same_bits(z[i], first[i]) && different++ == 0) {
            UNSCOPED_INFO(c.name << " of " << x[i] << ", " << y[i] << ": " << z[i] << " and " << first[i]);
          }
        }
        INFO(c.name << " at " << name_of(width));
        CHECK(different == 0);
      }
    }
    if (std::getenv("LOOPTWIN_SHOW_ULPS") != nullptr)
      WARN(c.name << ": " << worst << " ulp at " << at_x << ", " << at_y);
    INFO(c.name << ": " << worst << " ulp at " << at_x << ", " << at_y << " gives " << c.scalar(at_x, at_y));
    CHECK(worst <= c.bound);
  }
}

TEST_CASE("maths: at zeros, infinities and outside the domain the values are C's") {
  using Pair = std::pair<double (*)(double), double (*)(double)>;
  const std::vector<std::pair<const char*, Pair>> unary = {
      {"exp", {maths::exp, std::exp}},          {"exp2", {maths::exp2, std::exp2}},
      {"expm1", {maths::expm1, std::expm1}},    {"log", {maths::log, std::log}},
      {"log2", {maths::log2, std::log2}},       {"log10", {maths::log10, std::log10}},
      {"log1p", {maths::log1p, std::log1p}},    {"sqrt", {maths::sqrt, std::sqrt}},
      {"cbrt", {maths::cbrt, std::cbrt}},       {"sin", {maths::sin, std::sin}},
      {"cos", {maths::cos, std::cos}},          {"tan", {maths::tan, std::tan}},
      {"asin", {maths::asin, std::asin}},       {"acos", {maths::acos, std::acos}},
      {"atan", {maths::atan, std::atan}},       {"sinh", {maths::sinh, std::sinh}},
      {"cosh", {maths::cosh, std::cosh}},       {"tanh", {maths::tanh, std::tanh}},
      {"erf", {maths::erf, std::erf}},          {"erfc", {maths::erfc, std::erfc}},
      {"lgamma", {maths::lgamma, std::lgamma}}, {"floor", {maths::floor, std::floor}},
      {"ceil", {maths::ceil, std::ceil}},       {"round", {maths::round, std::round}},
  };
  for (const auto& [name, pair] : unary) {
    for (const double x : edges()) {
      const double ours = pair.first(x), theirs = pair.second(x);
      INFO(name << "(" << x << ") = " << ours << ", C says " << theirs);
      if (theirs == 0 || std::isinf(theirs) || std::isnan(theirs)) {
        CHECK((same_bits(ours, theirs) || ulps(ours, theirs) <= 1));
      } else {
        CHECK(ulps(ours, theirs) <= 8);
      }
    }
  }
  for (const double x : edges()) {
    for (const double y : edges()) {
      INFO(x << ", " << y);
      const bool unknown = std::isnan(x) || std::isnan(y);
      CHECK(ulps(maths::pow(x, y), unknown ? kNan : std::pow(x, y)) <= 1.5);
      CHECK(ulps(maths::atan2(x, y), std::atan2(x, y)) <= 2);
      CHECK(std::signbit(maths::atan2(x, y)) == std::signbit(std::atan2(x, y)));
      CHECK(ulps(maths::hypot(x, y), unknown ? kNan : std::hypot(x, y)) <= 1.5);
    }
  }
}

TEST_CASE("maths: what people expect to be exact is exact") {
  for (int k = -1074; k < 1024; ++k) {
    CHECK(maths::exp2(k) == std::ldexp(1.0, k));
    CHECK(maths::log2(std::ldexp(1.0, k)) == k);
  }
  double ten = 1;
  for (int k = 0; k <= 22; ++k, ten *= 10) {
    CHECK(maths::log10(ten) == k);
    CHECK(maths::pow(10, k) == ten);
  }
  CHECK(maths::exp(0) == 1);
  CHECK(maths::pow(-2, 3) == -8);
  CHECK(std::isnan(maths::pow(-2, 0.5)));
  CHECK(maths::cbrt(-27) == -3);
  CHECK(maths::hypot(3, 4) == 5);
  CHECK(maths::round(-2.5) == -3);
  CHECK(maths::round(0.49999999999999994) == 0);
  CHECK(maths::normal_quantile(0.5) == 0);
  CHECK(maths::normal_cdf(0) == 0.5);
  CHECK(maths::normal_quantile(0) == -kInf);
  CHECK(maths::normal_quantile(1) == kInf);
  CHECK(std::isnan(maths::normal_quantile(1.5)));
  CHECK(std::isnan(maths::normal_quantile(-0.5)));
  CHECK(maths::normal_quantile(0.975) == Approx(1.959963984540054).epsilon(1e-15));
  CHECK(maths::lgamma(1) == 0);
  CHECK(maths::lgamma(2) == 0);
}

TEST_CASE("maths: mod takes the divisor's sign and lies below it") {
  CHECK(maths::mod(7, 3) == 1);
  CHECK(maths::mod(-7, 3) == 2);
  CHECK(maths::mod(7, -3) == -2);
  CHECK(maths::mod(-7, -3) == -1);
  CHECK(maths::mod(1e20, 3) == std::fmod(1e20, 3));
  CHECK(std::isnan(maths::mod(1, 0)));
  CHECK(std::isnan(maths::mod(kInf, 2)));
  CHECK(maths::mod(5, kInf) == 5);
  CHECK(maths::mod(-5, kInf) == kInf);
}

TEST_CASE("maths: the sine of a huge number is reduced with all the bits of pi") {
  // 6381956970095103 · 2^797 lies closer to a multiple of π/2 than any other double; 1e22 and 2^1023 are the
  // usual probes.
  for (const double x : {std::ldexp(6381956970095103.0, 797), 1e22, std::ldexp(1.0, 1023),
                         1.7976931348623157e308, 1e9, 1073741824.0 * 1.5}) {
    CHECK(ulps(maths::sin(x), sinl(x)) <= 1);
    CHECK(ulps(maths::cos(x), cosl(x)) <= 1);
    CHECK(ulps(maths::tan(-x), tanl(-static_cast<long double>(x))) <= 1.1);
  }
}

TEST_CASE("maths: lgamma is right below zero, between its poles") {
  Random random;
  for (int i = 0; i < 100'000; ++i) {
    const double x = random.uniform(-30, 0);
    const long double exact = lgammal(x);
    // Next to a zero the absolute error counts, next to a pole the distance to it as given.
    CHECK(std::abs(maths::lgamma(x) - static_cast<double>(exact)) <=
          4e-15 * std::max(std::abs(static_cast<double>(exact)), 10.0));
  }
}

}  // namespace looptwin
