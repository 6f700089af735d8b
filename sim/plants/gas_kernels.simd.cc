#include "sim/plants/gas_kernels.h"

namespace looptwin::sim::LT_SIMD {
namespace {

void flux(const GasFaces& faces, double a, double b, const double* __restrict pressure,
          const double* __restrict density, double* __restrict flux, size_t n) {
  const double* __restrict drive = faces.drive;
  const double* __restrict friction = faces.friction;
  const double* __restrict slope = faces.slope;
  const double* __restrict limit = faces.limit;
  for (size_t i = 0; i < n; ++i) {
    const double left = pressure[i], right = pressure[i + 1], sum = left + right;
    const double mean = a * sum + b * (sum * sum - left * right);
    const double free = flux[i] - drive[i] * (right - left) - slope[i] * (density[i] + density[i + 1]);
    // φ + β φ|φ| = free, solved without cancellation.
    const double size = free < 0 ? -free : free;
    double next = 2 * free / (1 + __builtin_sqrt(1 + 4 * (friction[i] / mean) * size));
    const double most = limit[i] * density[i], least = -limit[i] * density[i + 1];
    next = next > most ? most : next;
    next = next < least ? least : next;
    flux[i] = next;
  }
}

void density(const double* __restrict gain, const double* __restrict flux, double a_squared, double b1,
             double b2, double* __restrict density, double* __restrict pressure, size_t n) {
  if (b2 == 0) {
    const double factor = a_squared / b1;
    for (size_t i = 1; i < n; ++i) {
      density[i] += gain[i] * (flux[i - 1] - flux[i]);
      pressure[i] = factor * density[i];
    }
    return;
  }
  const double square = b1 * b1, four = 4 * b2;
  for (size_t i = 1; i < n; ++i) {
    density[i] += gain[i] * (flux[i - 1] - flux[i]);
    const double k = a_squared * density[i];
    pressure[i] = 2 * k / (b1 + __builtin_sqrt(square + four * k));
  }
}

}  // namespace

extern const GasKernels kGasKernels;
const GasKernels kGasKernels{flux, density};

}  // namespace looptwin::sim::LT_SIMD
