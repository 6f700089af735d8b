#include "testbed/testing/intervals.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "base/maths.h"

namespace looptwin::testbed {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kTiny = 1e-300, kPrecision = 1e-15;
constexpr int kMostTerms = 100'000;

/// b0 + a1/(b1 + a2/(b2 + …)) by Lentz's method. `term(n)` gives an and bn; b0 is not zero.
template <typename Term>
double continued_fraction(double b0, const Term& term) {
  double f = b0, c = b0, d = 0;
  for (int n = 1; n < kMostTerms; ++n) {
    const auto [a, b] = term(n);
    d = b + a * d;
    c = b + a / c;
    if (std::abs(d) < kTiny) d = kTiny;
    if (std::abs(c) < kTiny) c = kTiny;
    d = 1 / d;
    f *= c * d;
    if (std::abs(c * d - 1) < kPrecision) break;
  }
  return f;
}

struct Term {
  double a, b;
};

/// The regularised incomplete beta function I_x(a, b) (NIST DLMF 8.17.22).
double incomplete_beta(double a, double b, double x) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - incomplete_beta(b, a, 1 - x);
  const double front = std::exp(maths::lgamma(a + b) - maths::lgamma(a) - maths::lgamma(b) + a * std::log(x) +
                                b * std::log1p(-x)) /
                       a;
  return front / continued_fraction(1, [&](int n) -> Term {
           const double m = n / 2;
           if (n % 2 == 0) return {m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)), 1};
           return {-(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)), 1};
         });
}

/// The regularised lower incomplete gamma function P(a, x) (NIST DLMF 8.11.4, 8.9.2).
double incomplete_gamma(double a, double x) {
  if (x <= 0) return 0;
  const double front = std::exp(a * std::log(x) - x - maths::lgamma(a));
  if (x < a + 1) {
    double term = 1 / a, sum = term;
    for (int n = 1; n < kMostTerms && term > sum * kPrecision; ++n) sum += term *= x / (a + n);
    return front * sum;
  }
  return 1 - front / continued_fraction(x + 1 - a, [&](int n) -> Term {
               return {-n * (n - a), x + 2 * n + 1 - a};
             });
}

/// Where a rising function reaches a value.
template <typename Function>
double where(double value, double low, double high, const Function& f) {
  for (int i = 0; i < 200 && high - low > kPrecision * high; ++i) {
    const double middle = low + (high - low) / 2;
    (f(middle) < value ? low : high) = middle;
  }
  return low + (high - low) / 2;
}

}  // namespace

double student_quantile(double probability, double freedom) {
  LT_CHECK(probability > 0 && probability < 1 && freedom > 0);
  if (probability == 0.5) return 0;
  if (probability < 0.5) return -student_quantile(1 - probability, freedom);
  // 2 (1 - p) = I_x(ν/2, 1/2) with x = ν/(ν + t²)
  const double x =
      where(2 * (1 - probability), 0, 1, [&](double at) { return incomplete_beta(freedom / 2, 0.5, at); });
  return std::sqrt(freedom * (1 - x) / x);
}

Interval binomial_interval(double hits, double trials, double confidence) {
  if (trials <= 0) return {0, 1};
  const double tail = (1 - confidence) / 2, misses = trials - hits;
  return {hits <= 0 ? 0 : where(tail, 0, 1, [&](double p) { return incomplete_beta(hits, misses + 1, p); }),
          misses <= 0 ? 1 : where(1 - tail, 0, 1, [&](double p) {
            return incomplete_beta(hits + 1, misses, p);
          })};
}

Interval poisson_interval(double count, double confidence) {
  const double tail = (1 - confidence) / 2;
  // More than forty standard deviations up is far enough for any confidence that a number can tell from 1.
  const double top = count + 100 + 40 * std::sqrt(count);
  return {count <= 0 ? 0 : where(tail, 0, top, [&](double mean) { return incomplete_gamma(count, mean); }),
          where(1 - tail, 0, top, [&](double mean) { return incomplete_gamma(count + 1, mean); })};
}

Ratio::Ratio(Is is, std::span<const Part> runs) : is_(is), runs_(static_cast<double>(runs.size())) {
  for (const Part& run : runs) {
    counted_ += run.counted;
    all_ += run.all;
  }
  if (runs.size() < 2 || all_ <= 0) return;
  double squares = 0;
  for (const Part& run : runs) {
    const double residual = run.counted - value() * run.all;
    squares += residual * residual;
  }
  deviation_ = std::sqrt(squares / (runs_ - 1)) / (all_ / runs_);
}

double Ratio::value() const { return all_ > 0 ? counted_ / all_ : std::numeric_limits<double>::quiet_NaN(); }

Interval Ratio::interval_of(double confidence, double runs) const {
  LT_CHECK(runs >= 2);
  const double most = is_ == Is::share ? 1 : kInfinity;
  if (all_ <= 0) return {0, most};
  const double counted = counted_ * runs / runs_, all = all_ * runs / runs_;
  Interval exact =
      is_ == Is::share ? binomial_interval(counted, all, confidence) : poisson_interval(counted, confidence);
  if (is_ == Is::rate) exact = {exact.low / all, exact.high / all};
  const double half = student_quantile((1 + confidence) / 2, runs - 1) * deviation_ / std::sqrt(runs);
  return {std::max(0.0, std::min(exact.low, value() - half)),
          std::min(most, std::max(exact.high, value() + half))};
}

double Ratio::runs_to_show(double most, double confidence) const {
  constexpr double kMost = 1 << 20;
  const auto shown = [&](double runs) { return interval_of(confidence, runs).high <= most; };
  if (!(value() < most)) return 0;
  double low = 1, high = std::max(2.0, runs_);
  for (; !shown(high); high *= 2) {
    if (high >= kMost) return 0;
    low = high;
  }
  while (high - low > 1) {
    const double middle = std::floor((low + high) / 2);
    (shown(middle) ? high : low) = middle;
  }
  return high;
}

}  // namespace looptwin::testbed
