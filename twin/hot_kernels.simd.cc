// Scans of the sample ring at one vector width, slot by slot over 64 lanes. What is outside the window is
// masked, never branched on; the sums stay in the first cache.
#include "twin/hot_kernels.h"

namespace looptwin::twin::LT_SIMD {
namespace {

constexpr int32_t kLargest = 0x7fffffff;
constexpr int32_t kSmallest = -kLargest - 1;

/// Calls body(at, raw) for the columns of each slot.
template <typename Body>
[[gnu::always_inline]] inline void for_each_slot(const SampleColumns& c, Body body) {
  const size_t slots = c.slots, stride = c.stride;
  for (size_t s = 0; s < slots; ++s) body(c.at + s * stride, c.raw + s * stride);
}

/// All ones where after < at <= until.
[[gnu::always_inline]] inline int32_t mask_of(int32_t at, int32_t after, int32_t until) {
  return -static_cast<int32_t>((at > after) & (at <= until));
}

[[gnu::always_inline]] inline int32_t choose(int32_t mask, int32_t a, int32_t b) {
  return (a & mask) | (b & ~mask);
}

// In two passes, as the sums are of two widths; the second, and with it the lines that the values lie in,
// only where a sample of the slot is in the window.
void count(const SampleColumns& c, CountSums& sums) {
  const int32_t after = c.after, until = c.until;
  int32_t* __restrict number = sums.count;
  int32_t* __restrict oldest = sums.oldest;
  int32_t* __restrict upcoming = sums.upcoming;
  int64_t* __restrict sum = sums.sum;
  for_each_slot(c, [=](const int32_t* __restrict at, const int32_t* __restrict raw) {
    int32_t any = 0;
    for (size_t i = 0; i < kLanes; ++i) {
      const int32_t in = mask_of(at[i], after, until);
      const int32_t old = choose(in, at[i], kLargest);
      const int32_t next = at[i] > until ? at[i] : kLargest;
      any |= in;
      number[i] -= in;
      oldest[i] = old < oldest[i] ? old : oldest[i];
      upcoming[i] = next < upcoming[i] ? next : upcoming[i];
    }
    if (any == 0) return;
    for (size_t i = 0; i < kLanes; ++i) sum[i] += raw[i] & mask_of(at[i], after, until);
  });
}

void oldest(const SampleColumns& c, int32_t* __restrict oldest) {
  const int32_t after = c.after, until = c.until;
  for_each_slot(c, [=](const int32_t* __restrict at, const int32_t*) {
    for (size_t i = 0; i < kLanes; ++i) {
      const int32_t old = choose(mask_of(at[i], after, until), at[i], kLargest);
      oldest[i] = old < oldest[i] ? old : oldest[i];
    }
  });
}

void extremes(const SampleColumns& c, ExtremeSums& sums) {
  const int32_t after = c.after, until = c.until;
  int32_t* __restrict minimum = sums.minimum;
  int32_t* __restrict maximum = sums.maximum;
  for_each_slot(c, [=](const int32_t* __restrict at, const int32_t* __restrict raw) {
    for (size_t i = 0; i < kLanes; ++i) {
      const int32_t in = mask_of(at[i], after, until);
      const int32_t low = choose(in, raw[i], kLargest);
      const int32_t high = choose(in, raw[i], kSmallest);
      minimum[i] = low < minimum[i] ? low : minimum[i];
      maximum[i] = high > maximum[i] ? high : maximum[i];
    }
  });
}

void ends(const SampleColumns& c, EndSums& sums) {
  const int32_t after = c.after, until = c.until;
  int32_t* __restrict first_at = sums.first_at;
  int32_t* __restrict first = sums.first;
  int32_t* __restrict last_at = sums.last_at;
  int32_t* __restrict last = sums.last;
  for_each_slot(c, [=](const int32_t* __restrict at, const int32_t* __restrict raw) {
    for (size_t i = 0; i < kLanes; ++i) {
      const int32_t in = mask_of(at[i], after, until);
      const int32_t earlier = in & -static_cast<int32_t>(at[i] < first_at[i]);
      const int32_t later = in & -static_cast<int32_t>(at[i] > last_at[i]);
      first_at[i] = choose(earlier, at[i], first_at[i]);
      first[i] = choose(earlier, raw[i], first[i]);
      last_at[i] = choose(later, at[i], last_at[i]);
      last[i] = choose(later, raw[i], last[i]);
    }
  });
}

void squares(const SampleColumns& c, SquareSums& sums) {
  const int32_t after = c.after, until = c.until;
  int64_t* __restrict high = sums.high;
  int64_t* __restrict low = sums.low;
  for_each_slot(c, [=](const int32_t* __restrict at, const int32_t* __restrict raw) {
    for (size_t i = 0; i < kLanes; ++i) {
      const int64_t x = raw[i] & mask_of(at[i], after, until);
      const uint64_t square = static_cast<uint64_t>(x * x);
      high[i] += static_cast<int64_t>(square >> 32);
      low[i] += static_cast<int64_t>(square & 0xffffffff);
    }
  });
}

void trend(const SampleColumns& c, TrendSums& sums) {
  const int32_t after = c.after, until = c.until;
  int64_t* __restrict time = sums.time;
  int64_t* __restrict square_high = sums.square_high;
  int64_t* __restrict square_low = sums.square_low;
  int64_t* __restrict product_high = sums.product_high;
  int64_t* __restrict product_low = sums.product_low;
  for_each_slot(c, [=](const int32_t* __restrict at, const int32_t* __restrict raw) {
    for (size_t i = 0; i < kLanes; ++i) {
      const int32_t in = mask_of(at[i], after, until);
      const uint32_t since = static_cast<uint32_t>(at[i]) - static_cast<uint32_t>(after);
      const int64_t t = static_cast<int32_t>(since) & in;  // in a window: below 2^30
      const int64_t x = raw[i] & in;
      const uint64_t square = static_cast<uint64_t>(t * t);
      const int64_t product = t * x;
      time[i] += t;
      square_high[i] += static_cast<int64_t>(square >> 32);
      square_low[i] += static_cast<int64_t>(square & 0xffffffff);
      product_high[i] += product >> 32;
      product_low[i] += product & 0xffffffff;
    }
  });
}

}  // namespace

extern const HotKernels kHotKernels;
const HotKernels kHotKernels = {count, oldest, extremes, ends, squares, trend};

}  // namespace looptwin::twin::LT_SIMD
