#include "sim/sensor_kernels.h"

namespace looptwin::sim {

const SensorKernels& sensor_kernels(Simd width) {
  switch (width) {
    case Simd::v2:
      break;
    case Simd::v3:
      return v3::kSensorKernels;
    case Simd::v4:
      return v4::kSensorKernels;
  }
  return v2::kSensorKernels;
}

}  // namespace looptwin::sim
