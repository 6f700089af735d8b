// The element functions behind base/random.h; compiled like base/maths_kernels.h, LT_SIMD names the copy.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/random.h"

#define LT_RANDOM_INLINE [[gnu::always_inline]] static inline

namespace looptwin::random::LT_SIMD {

/// The finalizer of SplitMix64 (Stafford's variant 13): a bijection in which each bit in flips each bit out
/// with probability one half.
LT_RANDOM_INLINE uint64_t mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}
/// The finalizer of MurmurHash3 (Appleby): another such bijection, so that the two rounds have nothing in
/// common.
LT_RANDOM_INLINE uint64_t mix_other(uint64_t z) {
  z = (z ^ (z >> 33)) * 0xff51afd7ed558ccd;
  z = (z ^ (z >> 33)) * 0xc4ceb9fe1a85ec53;
  return z ^ (z >> 33);
}

LT_RANDOM_INLINE uint64_t device_key(Stream s, uint64_t device) { return mix_other(device + s.device_salt); }
LT_RANDOM_INLINE uint64_t counter_key(Stream s, uint64_t counter) {
  return mix_other(counter + s.counter_salt);
}
/// Both keys are scrambled before they meet, so neighbouring devices or counters are as far apart as any two;
/// adding one and rotating the other keeps swapped pairs apart.
LT_RANDOM_INLINE uint64_t join(uint64_t device_key, uint64_t counter_key) {
  return mix(device_key + ((counter_key << 23) | (counter_key >> 41)) * 0x9e3779b97f4a7c15);
}

/// 52 random bits into the fraction of a number in [1, 2): exact, and without a conversion from integers.
LT_RANDOM_INLINE double uniform(uint64_t bits) {
  return (__builtin_bit_cast(double, (bits >> 12) | 0x3ff0000000000000) - 1) + 0x1p-53;
}

/// The sum of the four 16-bit parts, standardised (a spline of degree 3, by the central limit theorem nearly
/// normal), and an odd polynomial that makes it so: least squares of the map between the two quantiles,
/// scaled to unit variance.
LT_RANDOM_INLINE double noise(uint64_t bits) {
  const uint64_t low = (bits & 0x0000ffff0000ffff) + ((bits >> 16) & 0x0000ffff0000ffff);
  const uint64_t sum = (low & 0xffffffff) + (low >> 32);  // 0 to 262140
  const double x = (__builtin_bit_cast(double, sum | 0x4330000000000000) - (0x1p52 + 131070)) *
                   (1.7320508075688772 / 65536);
  const double square = x * x;
  return x * (0.9676126891662096 + square * (0.0039000882582989342 + square * 0.001942624310392431));
}

}  // namespace looptwin::random::LT_SIMD
