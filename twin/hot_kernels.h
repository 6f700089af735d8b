// The sums behind exact windows, over a group of 64 rows: each function scans a range of slots of the sample
// ring and adds up what lies in the window, a lane a row. Compiled at each vector width; all are integers, so
// the bits are equal. Includes nothing of the standard library's inline functions: what the linker merges
// must not carry wide vectors.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/simd.h"

namespace looptwin::twin {

inline constexpr size_t kLanes = 64;

/// Slots [0, slots) of 64 rows: lane i of slot s is at[s * stride + i], in ticks, and raw[s * stride + i].
/// A sample is in the window when after < at <= until. An empty place has INT32_MIN, which no window holds.
struct SampleColumns {
  const int32_t* at;
  const int32_t* raw;
  size_t stride;
  size_t slots;
  int32_t after;
  int32_t until;
};

struct CountSums {
  int32_t count[kLanes];
  int64_t sum[kLanes];
  int32_t oldest[kLanes];    ///< ticks of the oldest sample in the window; INT32_MAX: none
  int32_t upcoming[kLanes];  ///< ticks of the first sample after the window's end; INT32_MAX: none
};
struct ExtremeSums {
  int32_t minimum[kLanes];
  int32_t maximum[kLanes];
};
struct EndSums {
  int32_t first_at[kLanes], first[kLanes];
  int32_t last_at[kLanes], last[kLanes];
};
/// Σx², in two halves: high * 2^32 + low.
struct SquareSums {
  int64_t high[kLanes];
  int64_t low[kLanes];
};
/// Σt, Σt², Σtx with t in ticks since `after`; the last two in two halves as above.
struct TrendSums {
  int64_t time[kLanes];
  int64_t square_high[kLanes], square_low[kLanes];
  int64_t product_high[kLanes], product_low[kLanes];
};

/// Each adds to its sums, which begin as `clear` leaves them.
struct HotKernels {
  void (*count)(const SampleColumns&, CountSums&);
  void (*oldest)(const SampleColumns&, int32_t* oldest);  ///< CountSums::oldest alone: no value is read
  void (*extremes)(const SampleColumns&, ExtremeSums&);
  void (*ends)(const SampleColumns&, EndSums&);
  void (*squares)(const SampleColumns&, SquareSums&);
  void (*trend)(const SampleColumns&, TrendSums&);
};
const HotKernels& hot_kernels(Simd width);

}  // namespace looptwin::twin
