// Distributions of parameters, delays, noise and arrivals. A sample is a function of 64 random bits
// (base/random.h) and of nothing else, through deterministic maths, so a distribution may be shared and asked
// in any order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace looptwin {

class Distribution {
 public:
  enum class Kind : uint8_t {
    constant,
    uniform,
    normal,
    lognormal,
    exponential,
    gamma,
    weibull,
    discrete,
    empirical,
    poisson,
    bernoulli
  };

  // Each refuses parameters outside its domain. Values are in whatever unit the caller keeps them.
  static Result<Distribution> constant(double value);
  static Result<Distribution> uniform(double low, double high);
  static Result<Distribution> normal(double mean, double deviation);
  /// median · exp(sigma z)
  static Result<Distribution> lognormal(double median, double sigma);
  static Result<Distribution> exponential(double mean);
  /// mean shape · scale, for any shape > 0
  static Result<Distribution> gamma(double shape, double scale);
  /// scale · (-ln u)^(1/shape)
  static Result<Distribution> weibull(double shape, double scale);
  /// values[i] with probability weights[i] / Σ weights
  static Result<Distribution> discrete(std::vector<double> values, std::vector<double> weights);
  /// quantiles at probabilities 0, 1/(n-1), ..., 1, not decreasing; linear between
  static Result<Distribution> empirical(std::vector<double> quantiles);
  static Result<Distribution> poisson(double mean);
  /// 1 with this probability, else 0
  static Result<Distribution> bernoulli(double probability);

  Kind kind() const { return kind_; }
  double sample(uint64_t bits) const;
  /// x[i] = sample(bits[i]), the same bits.
  void sample(std::span<const uint64_t> bits, std::span<double> x) const;

  double mean() const;
  /// The value that is not exceeded with probability p, 0 < p < 1; empty for gamma and Poisson, which are
  /// drawn by rejection and have no closed form.
  std::optional<double> quantile(double p) const;

 private:
  Distribution(Kind kind, double a, double b = 0) : kind_(kind), a_(a), b_(b) {}
  double at(double p) const;
  double sample_gamma(uint64_t bits) const;
  double sample_poisson(uint64_t bits) const;

  Kind kind_;
  double a_, b_;                    ///< the parameters, in the order of the factory
  std::vector<double> values_;      ///< discrete: values; empirical: quantiles
  std::vector<double> cumulative_;  ///< discrete: probabilities summed up, the last one 1
};

}  // namespace looptwin
