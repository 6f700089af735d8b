// Draws of one named stream by devices, one by one and as columns of a slice: equal bits either way.
#pragma once

#include <span>
#include <string_view>

#include "base/check.h"
#include "base/distribution.h"
#include "base/random.h"

namespace looptwin::sim {

/// Rows of a slice at most: with its columns a slice fits into the first-level cache.
inline constexpr size_t kSliceRows = 128;

class Draws {
 public:
  Draws() = default;
  Draws(uint64_t seed, std::string_view name) : stream_(random::stream(seed, name)) {}

  double uniform(uint64_t device, uint64_t counter) const { return random::uniform(bits(device, counter)); }
  double normal(uint64_t device, uint64_t counter) const { return random::normal(bits(device, counter)); }
  double noise(uint64_t device, uint64_t counter) const { return random::noise(bits(device, counter)); }
  double sample(const Distribution& d, uint64_t device, uint64_t counter) const {
    return d.sample(bits(device, counter));
  }

  /// Columns: at most kSliceRows devices at one counter.
  void uniform(std::span<const uint64_t> devices, uint64_t counter, double* out) const {
    const Bits drawn(stream_, devices, counter);
    random::uniform(drawn.bits, out, devices.size());
  }
  void noise(std::span<const uint64_t> devices, uint64_t counter, double* out) const {
    const Bits drawn(stream_, devices, counter);
    random::noise(drawn.bits, out, devices.size());
  }
  void sample(const Distribution& d, std::span<const uint64_t> devices, uint64_t counter, double* out) const {
    const Bits drawn(stream_, devices, counter);
    d.sample({drawn.bits, devices.size()}, {out, devices.size()});
  }

 private:
  struct Bits {
    Bits(random::Stream stream, std::span<const uint64_t> devices, uint64_t counter) {
      LT_CHECK(devices.size() <= kSliceRows);
      random::bits(stream, devices.data(), counter, bits, devices.size());
    }
    alignas(64) uint64_t bits[kSliceRows];
  };
  uint64_t bits(uint64_t device, uint64_t counter) const { return random::bits(stream_, device, counter); }
  random::Stream stream_;
};

}  // namespace looptwin::sim
