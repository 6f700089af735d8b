// The inner loops of pipes, over the columns of all pipes at once. Compiled once per vector width; equal bits
// at each. Read by gas_kernels.simd.cc: declarations only.
#pragma once

#include <cstddef>

#include "base/simd.h"

namespace looptwin::sim {

/// Points carry density and pressure, a face lies between point i and point i + 1. The face behind a pipe's
/// last point is none: its coefficients are 0, and so is its flux.
struct GasFaces {
  const double* drive;     ///< Δt/Δx
  const double* friction;  ///< λ Δt/(2 D), m
  const double* slope;     ///< Δt g sin θ / 2, m/s
  const double* limit;     ///< the most that may leave a cell in a step, as a speed, m/s
};

struct GasKernels {
  /// flux[i], kg/m²/s, for i < n (points 0 … n): momentum with the friction of the new flux, which is the
  /// root of a quadratic. With a = b1/(2 a²) and b = b2/(3 a²) the mean density is that of
  /// Gas::mean_density.
  void (*flux)(const GasFaces& faces, double a, double b, const double* pressure, const double* density,
               double* flux, size_t n);
  /// density[i] += gain[i] (flux[i-1] - flux[i]) and pressure[i] of it, for 1 ≤ i < n. gain is Δt/Δx within
  /// pipes, 0 at their ends.
  void (*density)(const double* gain, const double* flux, double a_squared, double b1, double b2,
                  double* density, double* pressure, size_t n);
};

namespace v2 {
extern const GasKernels kGasKernels;
}
namespace v3 {
extern const GasKernels kGasKernels;
}
namespace v4 {
extern const GasKernels kGasKernels;
}

const GasKernels& gas_kernels(Simd width);

}  // namespace looptwin::sim
