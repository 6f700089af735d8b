// The columns of base/random.h at one vector width.
#include "base/random_kernels.h"

namespace looptwin::random::LT_SIMD {
namespace {

void over_devices(Stream stream, const uint64_t* devices, uint64_t counter, uint64_t* out, size_t n) {
  const uint64_t key = counter_key(stream, counter);
#pragma GCC ivdep
  for (size_t i = 0; i < n; ++i) out[i] = join(device_key(stream, devices[i]), key);
}

void over_counters(Stream stream, uint64_t device, uint64_t first, uint64_t* out, size_t n) {
  const uint64_t key = device_key(stream, device);
  for (size_t i = 0; i < n; ++i) out[i] = join(key, counter_key(stream, first + i));
}

void uniform_column(const uint64_t* bits, double* out, size_t n) {
#pragma GCC ivdep
  for (size_t i = 0; i < n; ++i) out[i] = uniform(bits[i]);
}

void noise_column(const uint64_t* bits, double* out, size_t n) {
#pragma GCC ivdep
  for (size_t i = 0; i < n; ++i) out[i] = noise(bits[i]);
}

}  // namespace

extern const Columns kColumns;
const Columns kColumns = {over_devices, over_counters, uniform_column, noise_column};

}  // namespace looptwin::random::LT_SIMD
