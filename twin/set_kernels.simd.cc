#include "twin/set_kernels.h"

#include <cstring>

namespace looptwin::twin::LT_SIMD {
namespace {

typedef double Lanes __attribute__((vector_size(kSetLanes * sizeof(double))));

constexpr double kInfinity = __builtin_inf();

/// Calls take(values) for eight members at a time; lanes past the end hold NaN, which no aggregate counts.
template <typename Take>
[[gnu::always_inline]] inline void for_each(const double* x, size_t n, Take take) {
  Lanes v;
  size_t i = 0;
  for (; i + kSetLanes <= n; i += kSetLanes) {
    std::memcpy(&v, x + i, sizeof v);
    take(v);
  }
  if (i == n) return;
  v = Lanes{} + __builtin_nan("");
  std::memcpy(&v, x + i, (n - i) * sizeof(double));
  take(v);
}

void sums(const double* x, size_t n, double* sum, double* good) {
  const Lanes zero = {};
  const Lanes one = zero + 1.0;
  Lanes s = zero, g = zero;
  for_each(x, n, [&](const Lanes& v) {
    s += v == v ? v : zero;
    g += v == v ? one : zero;
  });
  std::memcpy(sum, &s, sizeof s);
  std::memcpy(good, &g, sizeof g);
}

void extremes(const double* x, size_t n, double* least, double* greatest) {
  Lanes low = Lanes{} + kInfinity, high = Lanes{} - kInfinity;
  for_each(x, n, [&](const Lanes& v) {
    low = v < low ? v : low;
    high = v > high ? v : high;
  });
  std::memcpy(least, &low, sizeof low);
  std::memcpy(greatest, &high, sizeof high);
}

}  // namespace

extern const SetKernels kSetKernels;
const SetKernels kSetKernels = {sums, extremes};

}  // namespace looptwin::twin::LT_SIMD
