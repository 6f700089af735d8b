#include "base/distribution.h"

#include <fmt/format.h>
#include <algorithm>

#include "base/check.h"
#include "base/maths.h"
#include "base/random.h"
#include "base/text.h"

namespace looptwin {
namespace {

constexpr double kLargest = 1.7976931348623157e308;
bool finite(double x) { return x >= -kLargest && x <= kLargest; }

/// "the deviation of a normal distribution must not be negative, it is -1"
tl::unexpected<Diagnostics> wrong(const char* parameter, const char* must, double value) {
  return failure(fmt::format("the {} must {}, it is {}", parameter, must, shortest(value)));
}

}  // namespace

Result<Distribution> Distribution::constant(double value) {
  if (!finite(value)) return wrong("constant", "be finite", value);
  return Distribution(Kind::constant, value);
}

Result<Distribution> Distribution::uniform(double low, double high) {
  if (!finite(low)) return wrong("lower end of a uniform distribution", "be finite", low);
  if (!finite(high) || high < low)
    return wrong("upper end of a uniform distribution", "not lie below the lower end", high);
  return Distribution(Kind::uniform, low, high);
}

Result<Distribution> Distribution::normal(double mean, double deviation) {
  if (!finite(mean)) return wrong("mean of a normal distribution", "be finite", mean);
  if (!finite(deviation) || deviation < 0)
    return wrong("deviation of a normal distribution", "not be negative", deviation);
  return Distribution(Kind::normal, mean, deviation);
}

Result<Distribution> Distribution::lognormal(double median, double sigma) {
  if (!finite(median) || median <= 0)
    return wrong("median of a lognormal distribution", "be positive", median);
  if (!finite(sigma) || sigma < 0)
    return wrong("sigma of a lognormal distribution", "not be negative", sigma);
  return Distribution(Kind::lognormal, median, sigma);
}

Result<Distribution> Distribution::exponential(double mean) {
  if (!finite(mean) || mean <= 0) return wrong("mean of an exponential distribution", "be positive", mean);
  return Distribution(Kind::exponential, mean);
}

Result<Distribution> Distribution::gamma(double shape, double scale) {
  if (!finite(shape) || shape <= 0) return wrong("shape of a gamma distribution", "be positive", shape);
  if (!finite(scale) || scale <= 0) return wrong("scale of a gamma distribution", "be positive", scale);
  return Distribution(Kind::gamma, shape, scale);
}

Result<Distribution> Distribution::weibull(double shape, double scale) {
  if (!finite(shape) || shape <= 0) return wrong("shape of a Weibull distribution", "be positive", shape);
  if (!finite(scale) || scale <= 0) return wrong("scale of a Weibull distribution", "be positive", scale);
  return Distribution(Kind::weibull, shape, scale);
}

Result<Distribution> Distribution::discrete(std::vector<double> values, std::vector<double> weights) {
  if (values.empty() || values.size() != weights.size()) {
    return failure(fmt::format("a choice has {} values and {} weights", values.size(), weights.size()),
                   "give every value one weight");
  }
  double total = 0;
  for (const double w : weights) {
    if (!finite(w) || w < 0) return wrong("weight of a choice", "not be negative", w);
    total += w;
  }
  if (!finite(total) || total <= 0) return wrong("sum of a choice's weights", "be positive", total);
  Distribution d(Kind::discrete, 0);
  d.values_ = std::move(values);
  double sum = 0;
  for (const double w : weights) d.cumulative_.push_back((sum += w) / total);
  // What follows the last positive weight must never be drawn, whatever the rounding above.
  const auto last = std::find_if(weights.rbegin(), weights.rend(), [](double w) { return w > 0; });
  std::fill(d.cumulative_.begin() + (weights.rend() - last - 1), d.cumulative_.end(), 1.0);
  return d;
}

Result<Distribution> Distribution::empirical(std::vector<double> quantiles) {
  if (quantiles.size() < 2)
    return failure("an empirical distribution needs at least two quantiles, those at 0 and at 1");
  for (size_t i = 0; i < quantiles.size(); ++i) {
    if (!finite(quantiles[i]))
      return wrong("quantile of an empirical distribution", "be finite", quantiles[i]);
    if (i > 0 && quantiles[i] < quantiles[i - 1]) {
      return failure(fmt::format("the quantiles of an empirical distribution decrease from {} to {}",
                                 shortest(quantiles[i - 1]), shortest(quantiles[i])),
                     "write them in rising order");
    }
  }
  Distribution d(Kind::empirical, 0);
  d.values_ = std::move(quantiles);
  return d;
}

Result<Distribution> Distribution::poisson(double mean) {
  if (!(mean >= 0) || mean > 1e9)
    return wrong("mean of a Poisson distribution", "lie between 0 and 1e9", mean);
  return Distribution(Kind::poisson, mean);
}

Result<Distribution> Distribution::bernoulli(double probability) {
  if (!(probability >= 0 && probability <= 1))
    return wrong("probability", "lie between 0 and 1", probability);
  return Distribution(Kind::bernoulli, probability);
}

/// The quantile of the kinds that have one. For u in (0, 1) it is also the sample.
double Distribution::at(double p) const {
  switch (kind_) {
    case Kind::constant:
      return a_;
    case Kind::uniform:
      return a_ + (b_ - a_) * p;
    case Kind::normal:
      return a_ + b_ * maths::normal_quantile(p);
    case Kind::lognormal:
      return a_ * maths::exp(b_ * maths::normal_quantile(p));
    case Kind::exponential:
      return -a_ * maths::log1p(-p);
    case Kind::weibull:
      return b_ * maths::pow(-maths::log1p(-p), 1 / a_);
    case Kind::discrete: {
      const auto it = std::lower_bound(cumulative_.begin(), cumulative_.end() - 1, p);
      return values_[static_cast<size_t>(it - cumulative_.begin())];
    }
    case Kind::empirical: {
      const double position = p * static_cast<double>(values_.size() - 1);
      const auto i = std::min(static_cast<size_t>(position), values_.size() - 2);
      return values_[i] + (values_[i + 1] - values_[i]) * (position - static_cast<double>(i));
    }
    case Kind::bernoulli:
      return p > 1 - a_ ? 1 : 0;
    case Kind::gamma:
    case Kind::poisson:
      break;
  }
  LT_CHECK(false, "a kind without a quantile");
}

double Distribution::sample(uint64_t bits) const {
  if (kind_ == Kind::gamma) return sample_gamma(bits);
  if (kind_ == Kind::poisson) return sample_poisson(bits);
  return at(random::uniform(bits));
}

void Distribution::sample(std::span<const uint64_t> bits, std::span<double> x) const {
  LT_CHECK(bits.size() == x.size());
  const size_t n = x.size();
  double* const y = x.data();
  switch (kind_) {
    case Kind::uniform:
      random::uniform(bits.data(), y, n);
      for (size_t i = 0; i < n; ++i) y[i] = a_ + (b_ - a_) * y[i];
      return;
    case Kind::normal:
      random::normal(bits.data(), y, n);
      for (size_t i = 0; i < n; ++i) y[i] = a_ + b_ * y[i];
      return;
    case Kind::lognormal:
      random::normal(bits.data(), y, n);
      for (size_t i = 0; i < n; ++i) y[i] = b_ * y[i];
      maths::exp(y, y, n);
      for (size_t i = 0; i < n; ++i) y[i] = a_ * y[i];
      return;
    case Kind::exponential:
      random::uniform(bits.data(), y, n);
      for (size_t i = 0; i < n; ++i) y[i] = -y[i];
      maths::log1p(y, y, n);
      for (size_t i = 0; i < n; ++i) y[i] = -a_ * y[i];
      return;
    default:
      for (size_t i = 0; i < n; ++i) y[i] = sample(bits[i]);
  }
}

/// Marsaglia and Tsang (2000): d v with v = (1 + z / sqrt(9d))³ for d = shape - 1/3, accepted by the
/// squeeze-free test; below shape 1 that of shape + 1 times u^(1/shape).
double Distribution::sample_gamma(uint64_t bits) const {
  const double shape = a_ < 1 ? a_ + 1 : a_;
  const double d = shape - 1.0 / 3, c = 1 / maths::sqrt(9 * d);
  double value = 0;
  for (uint64_t attempt = 0;; attempt += 2) {
    const double z = random::normal(random::more_bits(bits, attempt));
    const double cube_root = 1 + c * z;
    if (cube_root <= 0) continue;
    const double v = cube_root * cube_root * cube_root;
    const double u = random::uniform(random::more_bits(bits, attempt + 1));
    if (maths::log(u) < 0.5 * z * z + d - d * v + d * maths::log(v)) {
      value = d * v;
      break;
    }
  }
  if (a_ < 1) value *= maths::pow(random::uniform(bits), 1 / a_);
  return b_ * value;
}

/// Small means by adding up the probabilities; others by Hörmann's transformed rejection PTRS (1993).
double Distribution::sample_poisson(uint64_t bits) const {
  if (a_ == 0) return 0;
  if (a_ < 10) {
    const double u = random::uniform(bits);
    double k = 0, p = maths::exp(-a_), sum = p;
    for (; sum < u && k < 200; sum += p) p *= a_ / ++k;
    return k;
  }
  const double b = 0.931 + 2.53 * maths::sqrt(a_), a = -0.059 + 0.02483 * b;
  const double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4), accept = 0.9277 - 3.6224 / (b - 2);
  const double log_mean = maths::log(a_);
  for (uint64_t attempt = 0;; attempt += 2) {
    const double u = random::uniform(random::more_bits(bits, attempt)) - 0.5;
    const double v = random::uniform(random::more_bits(bits, attempt + 1));
    const double us = 0.5 - (u < 0 ? -u : u);
    const double k = maths::floor((2 * a / us + b) * u + a_ + 0.43);
    if (us >= 0.07 && v <= accept) return k;
    if (k < 0 || (us < 0.013 && v > us)) continue;
    if (maths::log(v * inverse_alpha / (a / (us * us) + b)) <= k * log_mean - a_ - maths::lgamma(k + 1))
      return k;
  }
}

double Distribution::mean() const {
  switch (kind_) {
    case Kind::constant:
    case Kind::normal:
    case Kind::exponential:
    case Kind::poisson:
    case Kind::bernoulli:
      return a_;
    case Kind::uniform:
      return a_ + 0.5 * (b_ - a_);
    case Kind::lognormal:
      return a_ * maths::exp(0.5 * b_ * b_);
    case Kind::gamma:
      return a_ * b_;
    case Kind::weibull:
      return b_ * maths::exp(maths::lgamma(1 + 1 / a_));
    case Kind::discrete: {
      double sum = 0;
      for (size_t i = 0; i < values_.size(); ++i)
        sum += values_[i] * (cumulative_[i] - (i > 0 ? cumulative_[i - 1] : 0));
      return sum;
    }
    case Kind::empirical: {
      double sum = 0.5 * (values_.front() + values_.back());
      for (size_t i = 1; i + 1 < values_.size(); ++i) sum += values_[i];
      return sum / static_cast<double>(values_.size() - 1);
    }
  }
  LT_CHECK(false, "an unknown kind");
}

std::optional<double> Distribution::quantile(double p) const {
  LT_CHECK(p > 0 && p < 1);
  if (kind_ == Kind::gamma || kind_ == Kind::poisson) return std::nullopt;
  return at(p);
}

}  // namespace looptwin
