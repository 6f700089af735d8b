// The inner loops of set aggregates, over one leaf of members. Member i counts in lane i % 8, at every vector
// width: equal bits. Read by set_kernels.simd.cc: declarations only.
#pragma once

#include <cstddef>

#include "base/simd.h"

namespace looptwin::twin {

inline constexpr size_t kSetLanes = 8;

struct SetKernels {
  /// By lane: the sum of the known values, and how many they are. NaN is unknown.
  void (*sums)(const double* x, size_t n, double* sum, double* good);
  /// By lane: the least and the greatest of the known values; ±∞ where there is none.
  void (*extremes)(const double* x, size_t n, double* least, double* greatest);
};

namespace v2 {
extern const SetKernels kSetKernels;
}
namespace v3 {
extern const SetKernels kSetKernels;
}
namespace v4 {
extern const SetKernels kSetKernels;
}

const SetKernels& set_kernels(Simd width);

}  // namespace looptwin::twin
