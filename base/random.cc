#include "base/random.h"

#include "base/hash.h"
#include "base/maths.h"

#define LT_SIMD scalar
#include "base/random_kernels.h"

namespace looptwin::random {

namespace v2 {
extern const Columns kColumns;
}
namespace v3 {
extern const Columns kColumns;
}
namespace v4 {
extern const Columns kColumns;
}

const Columns& columns(Simd width) {
  return width == Simd::v4 ? v4::kColumns : width == Simd::v3 ? v3::kColumns : v2::kColumns;
}

Stream stream(uint64_t seed, std::string_view name) {
  const uint64_t start = scalar::mix(seed + 0x9e3779b97f4a7c15) ^ scalar::mix_other(hash64(name));
  return {scalar::mix(start + 0x9e3779b97f4a7c15), scalar::mix(start + 2 * 0x9e3779b97f4a7c15)};
}

uint64_t device(std::string_view id) { return hash64(id); }

uint64_t bits(Stream stream, uint64_t device, uint64_t counter) {
  return scalar::join(scalar::device_key(stream, device), scalar::counter_key(stream, counter));
}

uint64_t more_bits(uint64_t bits, uint64_t attempt) {
  return scalar::mix_other(scalar::mix(bits + (attempt + 1) * 0x9e3779b97f4a7c15) + bits);
}

double uniform(uint64_t bits) { return scalar::uniform(bits); }
double normal(uint64_t bits) { return maths::normal_quantile(scalar::uniform(bits)); }
double noise(uint64_t bits) { return scalar::noise(bits); }

void bits(Stream stream, const uint64_t* devices, uint64_t counter, uint64_t* out, size_t n) {
  columns(simd()).over_devices(stream, devices, counter, out, n);
}
void bits(Stream stream, uint64_t device, uint64_t first, uint64_t* out, size_t n) {
  columns(simd()).over_counters(stream, device, first, out, n);
}
void uniform(const uint64_t* bits, double* out, size_t n) { columns(simd()).uniform(bits, out, n); }
void noise(const uint64_t* bits, double* out, size_t n) { columns(simd()).noise(bits, out, n); }
void normal(const uint64_t* bits, double* out, size_t n) {
  uniform(bits, out, n);
  maths::normal_quantile(out, out, n);
}

}  // namespace looptwin::random
