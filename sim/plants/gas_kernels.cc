#include "sim/plants/gas_kernels.h"

namespace looptwin::sim {

const GasKernels& gas_kernels(Simd width) {
  switch (width) {
    case Simd::v2:
      break;
    case Simd::v3:
      return v3::kGasKernels;
    case Simd::v4:
      return v4::kGasKernels;
  }
  return v2::kGasKernels;
}

}  // namespace looptwin::sim
