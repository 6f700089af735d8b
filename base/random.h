// Counter-based random numbers: a draw is a hash of (seed, stream name, device, counter), so it does not
// matter who asks for it, when, in which order, on which thread or at which vector width. Nothing here has a
// state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/simd.h"

namespace looptwin::random {

/// One named source of randomness of one run ("noise.temperature"), the same for all its devices.
struct Stream {
  uint64_t device_salt = 0;
  uint64_t counter_salt = 0;
};
Stream stream(uint64_t seed, std::string_view name);

/// The number under which a device draws: a stable hash of its id, never its row.
uint64_t device(std::string_view id);

/// 64 random bits: two full 64-bit finalizers in a row, of the device and, after joining, of the counter's
/// hash.
uint64_t bits(Stream stream, uint64_t device, uint64_t counter);
/// Further independent bits drawn from `bits` where one draw needs several (rejection); attempt 0 is not
/// `bits` itself.
uint64_t more_bits(uint64_t bits, uint64_t attempt);

/// In (0, 1), never 0 or 1: 52 bits and a half, (k + 1/2) 2^-52.
double uniform(uint64_t bits);
/// Standard normal by inversion; |z| <= 8.3.
double normal(uint64_t bits);
/// Nearly standard normal and ten times as fast, for the noise of sensors: mean 0, variance 1,
/// kurtosis 3.0006, at no point more than 0.0007 from the normal distribution, |z| <= 4.49.
double noise(uint64_t bits);

// Columns. out[i] is the draw of devices[i] at one counter, or of one device at counters first, first + 1,
// ...
void bits(Stream stream, const uint64_t* devices, uint64_t counter, uint64_t* out, size_t n);
void bits(Stream stream, uint64_t device, uint64_t first, uint64_t* out, size_t n);
void uniform(const uint64_t* bits, double* out, size_t n);
void normal(const uint64_t* bits, double* out, size_t n);
void noise(const uint64_t* bits, double* out, size_t n);

/// The column functions at one width, see base/maths.h's Columns.
struct Columns {
  void (*over_devices)(Stream stream, const uint64_t* devices, uint64_t counter, uint64_t* out, size_t n);
  void (*over_counters)(Stream stream, uint64_t device, uint64_t first, uint64_t* out, size_t n);
  void (*uniform)(const uint64_t* bits, double* out, size_t n);
  void (*noise)(const uint64_t* bits, double* out, size_t n);
};
const Columns& columns(Simd width);

}  // namespace looptwin::random
