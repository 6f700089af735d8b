#include "sim/sensor_kernels.h"

namespace looptwin::sim::LT_SIMD {
namespace {

constexpr double kLargest = 2147483647.0;
// Adding and subtracting 1.5·2^52 rounds to the nearest integer, ties to even, for all that fits into 32
// bits.
constexpr double kRound = 6755399441055744.0;

void add(double* __restrict x, const double* __restrict term, double factor, size_t n) {
  for (size_t i = 0; i < n; ++i) x[i] += factor * term[i];
}

/// The rounded number of steps; where the unit's scale is 1 a division less. What is past 32 bits saturates
/// before it is rounded, which gives the same.
template <bool kSteps, bool kScaled>
inline double rounded(const Quantiser& q, double x) {
  double value = kScaled ? (x - q.offset) / q.scale : x - q.offset;
  value = kSteps ? value * q.steps : value / q.resolution;
  value = value > kLargest ? kLargest : value;
  value = value < -kLargest ? -kLargest : value;
  return (value + kRound) - kRound;
}

template <bool kSteps, bool kScaled>
void quantise_as(const Quantiser& q, const double* settled, const double* in, double* __restrict out,
                 size_t n) {
  const Quantiser c = q;
  const double below = c.lowest - 1, above = c.highest + 1;
  for (size_t i = 0; i < n; ++i) {
    double raw = rounded<kSteps, kScaled>(c, in[i]);
    raw = raw > c.highest ? c.highest : raw;
    raw = raw < c.lowest ? c.lowest : raw;
    raw = settled[i] > c.high ? above : raw;
    raw = settled[i] < c.low ? below : raw;
    const double value = kSteps ? raw / c.steps : raw * c.resolution;
    out[i] = kScaled ? value * c.scale + c.offset : value + c.offset;
  }
}

template <bool kSteps, bool kScaled>
void to_raw_as(const Quantiser& q, const double* __restrict in, int32_t* __restrict raw, size_t n) {
  const Quantiser c = q;
  for (size_t i = 0; i < n; ++i) {
    const double x = in[i];
    const double value = rounded<kSteps, kScaled>(c, x);
    // kMissing is the one integer that saturated values do not take.
    raw[i] = static_cast<int32_t>(x == x ? value : -kLargest - 1.0);
  }
}

void quantise(const Quantiser& q, const double* settled, const double* x, double* out, size_t n) {
  const bool scaled = q.scale != 1;
  if (q.steps != 0)
    return scaled ? quantise_as<true, true>(q, settled, x, out, n)
                  : quantise_as<true, false>(q, settled, x, out, n);
  return scaled ? quantise_as<false, true>(q, settled, x, out, n)
                : quantise_as<false, false>(q, settled, x, out, n);
}

void to_raw(const Quantiser& q, const double* x, int32_t* raw, size_t n) {
  const bool scaled = q.scale != 1;
  if (q.steps != 0)
    return scaled ? to_raw_as<true, true>(q, x, raw, n) : to_raw_as<true, false>(q, x, raw, n);
  return scaled ? to_raw_as<false, true>(q, x, raw, n) : to_raw_as<false, false>(q, x, raw, n);
}

void codes(const uint8_t* __restrict x, uint8_t unknown, int32_t* __restrict raw, size_t n) {
  for (size_t i = 0; i < n; ++i) raw[i] = x[i] == unknown ? INT32_MIN : static_cast<int32_t>(x[i]);
}

}  // namespace

extern const SensorKernels kSensorKernels;
const SensorKernels kSensorKernels = {add, quantise, to_raw, codes};

}  // namespace looptwin::sim::LT_SIMD
