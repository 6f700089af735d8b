// How long telemetry and commands take on their ways, hop by hop, as histograms.
#pragma once

#include <array>
#include <cstdint>

#include "base/time.h"

namespace looptwin::testbed {

struct Histogram {
  static constexpr size_t kBuckets = 26;
  /// [k] those of up to 2^k µs; the last one has all above. Negative ones, of clocks that differ, are in the
  /// first.
  std::array<uint64_t, kBuckets> counts{};
  uint64_t all = 0;
  Duration least{}, worst{};

  void add(Duration one);
  void add(const Histogram& other);
  /// The upper edge of the bucket in which this share of all is reached; the worst in the last one.
  Duration quantile(double share) const;
};

enum class Hop : uint8_t {
  device_to_arrival,  ///< from when a device took a sample, by its clock, to its arrival
  arrival_to_cycle,   ///< from there to the boundary that takes it in
  cycle_to_sent,      ///< from a boundary to when its commands have left
  sent_to_answer,     ///< from there to the device's answer
};
inline constexpr size_t kHops = 4;
const char* name_of(Hop hop);

using HopTimes = std::array<Histogram, kHops>;

}  // namespace looptwin::testbed
