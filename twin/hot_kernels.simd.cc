// Scans of the sample ring at one vector width. The lanes of a tile stay in registers while the slots go by; what is
// outside the window is masked, never branched on.
#include "twin/hot_kernels.h"

namespace looptwin::twin::LT_SIMD {
namespace {

constexpr size_t kTile = 16;
constexpr int32_t kLargest = 0x7fffffff;
constexpr int32_t kSmallest = -kLargest - 1;

inline bool inside(int32_t at, const SampleColumns& c) { return (at > c.after) & (at <= c.until); }

void count(const SampleColumns& c, CountSums& sums) {
  for (size_t lane = 0; lane < kLanes; lane += kTile) {
    int32_t number[kTile], oldest[kTile], upcoming[kTile];
    int64_t sum[kTile];
    for (size_t i = 0; i < kTile; ++i) {
      number[i] = sums.count[lane + i];
      sum[i] = sums.sum[lane + i];
      oldest[i] = sums.oldest[lane + i];
      upcoming[i] = sums.upcoming[lane + i];
    }
    for (size_t s = 0; s < c.slots; ++s) {
      const int32_t* at = c.at + s * c.stride + lane;
      const int32_t* raw = c.raw + s * c.stride + lane;
      for (size_t i = 0; i < kTile; ++i) {
        const bool in = inside(at[i], c);
        number[i] += in ? 1 : 0;
        sum[i] += in ? raw[i] : 0;
        const int32_t old = in ? at[i] : kLargest;
        const int32_t next = at[i] > c.until ? at[i] : kLargest;
        oldest[i] = old < oldest[i] ? old : oldest[i];
        upcoming[i] = next < upcoming[i] ? next : upcoming[i];
      }
    }
    for (size_t i = 0; i < kTile; ++i) {
      sums.count[lane + i] = number[i];
      sums.sum[lane + i] = sum[i];
      sums.oldest[lane + i] = oldest[i];
      sums.upcoming[lane + i] = upcoming[i];
    }
  }
}

void extremes(const SampleColumns& c, ExtremeSums& sums) {
  for (size_t s = 0; s < c.slots; ++s) {
    const int32_t* at = c.at + s * c.stride;
    const int32_t* raw = c.raw + s * c.stride;
    for (size_t i = 0; i < kLanes; ++i) {
      const bool in = inside(at[i], c);
      const int32_t low = in ? raw[i] : kLargest;
      const int32_t high = in ? raw[i] : kSmallest;
      sums.minimum[i] = low < sums.minimum[i] ? low : sums.minimum[i];
      sums.maximum[i] = high > sums.maximum[i] ? high : sums.maximum[i];
    }
  }
}

void ends(const SampleColumns& c, EndSums& sums) {
  for (size_t s = 0; s < c.slots; ++s) {
    const int32_t* at = c.at + s * c.stride;
    const int32_t* raw = c.raw + s * c.stride;
    for (size_t i = 0; i < kLanes; ++i) {
      const bool in = inside(at[i], c);
      const bool earlier = in & (at[i] < sums.first_at[i]);
      const bool later = in & (at[i] > sums.last_at[i]);
      sums.first_at[i] = earlier ? at[i] : sums.first_at[i];
      sums.first[i] = earlier ? raw[i] : sums.first[i];
      sums.last_at[i] = later ? at[i] : sums.last_at[i];
      sums.last[i] = later ? raw[i] : sums.last[i];
    }
  }
}

void squares(const SampleColumns& c, SquareSums& sums) {
  for (size_t s = 0; s < c.slots; ++s) {
    const int32_t* at = c.at + s * c.stride;
    const int32_t* raw = c.raw + s * c.stride;
    for (size_t i = 0; i < kLanes; ++i) {
      const int64_t x = inside(at[i], c) ? raw[i] : 0;
      const int64_t square = x * x;
      sums.high[i] += square >> 32;
      sums.low[i] += square & 0xffffffff;
    }
  }
}

void trend(const SampleColumns& c, TrendSums& sums) {
  for (size_t s = 0; s < c.slots; ++s) {
    const int32_t* at = c.at + s * c.stride;
    const int32_t* raw = c.raw + s * c.stride;
    for (size_t i = 0; i < kLanes; ++i) {
      const bool in = inside(at[i], c);
      const int64_t t = in ? int64_t{at[i]} - c.after : 0;
      const int64_t square = t * t;
      const int64_t product = t * (in ? raw[i] : 0);
      sums.time[i] += t;
      sums.square_high[i] += square >> 32;
      sums.square_low[i] += square & 0xffffffff;
      sums.product_high[i] += product >> 32;
      sums.product_low[i] += product & 0xffffffff;
    }
  }
}

}  // namespace

extern const HotKernels kHotKernels;
const HotKernels kHotKernels = {count, extremes, ends, squares, trend};

}  // namespace looptwin::twin::LT_SIMD
