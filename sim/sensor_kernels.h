// The inner loops of sensors, over one slice of rows. Compiled once per vector width; equal bits at each.
// Read by sensor_kernels.simd.cc: declarations only.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/simd.h"

namespace looptwin::sim {

/// From SI to the wire's integers and back, as twin::Scaling does it, bit for bit.
struct Quantiser {
  double steps = 1;  ///< per unit; 0: `resolution` is used
  double resolution = 1;
  double scale = 1;
  double offset = 0;
  double lowest = 0;  ///< raw, of what the sensor can read at all
  double highest = 0;
  double low = 0;  ///< SI: half a step beyond these
  double high = 0;
};

struct SensorKernels {
  /// x[i] += factor * term[i]
  void (*add)(double* x, const double* term, double factor, size_t n);
  /// out[i] = the reading of x[i] at the resolution: within the range where settled[i] is, one step beyond
  /// where that is half a step or more outside. NaN stays NaN. `settled` may be x.
  void (*quantise)(const Quantiser& q, const double* settled, const double* x, double* out, size_t n);
  /// raw[i] = the integer of a reading; NaN gives twin::kMissing.
  void (*to_raw)(const Quantiser& q, const double* x, int32_t* raw, size_t n);
  /// raw[i] = the code of a boolean or a word; `unknown` gives twin::kMissing.
  void (*codes)(const uint8_t* x, uint8_t unknown, int32_t* raw, size_t n);
};

namespace v2 {
extern const SensorKernels kSensorKernels;
}
namespace v3 {
extern const SensorKernels kSensorKernels;
}
namespace v4 {
extern const SensorKernels kSensorKernels;
}

const SensorKernels& sensor_kernels(Simd width);

}  // namespace looptwin::sim
