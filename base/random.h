// Counter-based random numbers: a draw is a function of (seed, device key, stream, counter) and of nothing else, so it
// does not matter who asks, in which order, on which thread. Bits are equal at any vector width.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace looptwin {

/// A named stream of one run: "home.temperature.noise". Cheap to copy.
struct RandomStream {
  RandomStream() = default;
  RandomStream(uint64_t seed, std::string_view name);
  uint64_t key = 0;

  /// 64 uniform bits for a device (a stable key of its id) and a counter.
  uint64_t bits(uint64_t device, uint64_t counter) const;
  /// In (0, 1), never 0 nor 1.
  double uniform(uint64_t device, uint64_t counter) const;
  double normal(uint64_t device, uint64_t counter) const;

  /// Columns: one counter, many devices; out[i] belongs to devices[i].
  void uniform(std::span<const uint64_t> devices, uint64_t counter, double* out) const;
  void normal(std::span<const uint64_t> devices, uint64_t counter, double* out) const;
};

/// A distribution with its parameters in SI. How it is written: lognormal(60 ms, 0.4), uniform(0.7, 1.3), …
struct Distribution {
  enum class Kind : uint8_t {
    constant,     ///< a
    uniform,      ///< low a, high b
    normal,       ///< mean a, standard deviation b
    lognormal,    ///< median a, standard deviation of the logarithm b
    exponential,  ///< mean a
    gamma,        ///< shape a, scale b
    weibull,      ///< shape a, scale b
    discrete,     ///< values with weights
    empirical,    ///< values are quantiles at equal steps from 0 to 1, linear between
    poisson,      ///< mean a
    bernoulli,    ///< probability a
  };
  Kind kind = Kind::constant;
  double a = 0;
  double b = 0;
  std::vector<double> values;
  std::vector<double> weights;

  double sample(const RandomStream& stream, uint64_t device, uint64_t counter) const;
  void sample(const RandomStream& stream, std::span<const uint64_t> devices, uint64_t counter, double* out) const;
  double mean() const;
  /// Standard deviation; infinite where it does not exist.
  double deviation() const;
  /// The value below which a share p in (0, 1) of draws falls.
  double quantile(double p) const;
};

}  // namespace looptwin
