// Windows over the samples of a boolean field: how often it became true, and for how long it was. A sample
// holds until the next one, but no longer than `stale_after`; what is between is unknown, and counts as
// neither. All samples of the window are kept, so late ones count as if they had come in time.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/archive.h"
#include "base/time.h"
#include "lang/graph.h"
#include "twin/hot_samples.h"

namespace looptwin::twin {

class ConditionWindows {
 public:
  /// `longest`: the longest window; `spacing` and the instants of samples are as in SampleRing.
  ConditionWindows(size_t rows, Duration spacing, Duration longest, Duration stale_after);

  /// Samples are 0 or 1. Rows of different shards may be inserted at once.
  void insert(std::span<const uint32_t> row, std::span<const int64_t> sampled_at,
              std::span<const int32_t> raw, std::span<const uint8_t> by_arrival, Taken* taken) {
    ring_.insert(row, sampled_at, raw, by_arrival, taken);
  }

  /// rises or time_true over (now - span, now] of the group of 64 rows, a lane a row; NaN where nothing of
  /// the window is known. Returns when one of them changes by itself.
  Time evaluate(lang::Op op, Duration span, size_t group, Time now, double out[kLanes]) const;

  size_t bytes() const { return ring_.bytes(); }
  size_t bytes_per_row() const { return ring_.capacity() * 2 * sizeof(int32_t); }
  uint64_t shed() const { return ring_.shed(); }
  void save(ArchiveWriter& archive) const { ring_.save(archive); }
  void restore(ArchiveReader& archive) { ring_.restore(archive); }

 private:
  SampleRing ring_;
  Duration stale_after_;
};

}  // namespace looptwin::twin
