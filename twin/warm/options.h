// How a run folder is written: its memory, its segments, what it keeps and when its journal reaches the disk.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace looptwin::twin {

struct RunOptions {
  size_t lanes = 1;  ///< parts of the fleet that put at once

  /// Time that a segment covers. 0: the longest of 1 d, 12 h, 8 h ... 1 min whose cells fit into `memory`
  /// twice (one segment is filled while the one before is sealed). A log of more than 64 MiB seals sooner.
  Duration segment_length;
  size_t memory = size_t{256} << 20;  ///< bytes of unsealed cells
  /// Samples that come at most so late stay in a segment's cells; later ones go to its late table.
  Duration late_within = minutes(1);

  size_t queued_cycles = 32;               ///< that wait for the disk before end_cycle() waits for them
  size_t queued_bytes = size_t{64} << 20;  ///< likewise; one cycle may be larger
  Duration sync_every =
      milliseconds(50);  ///< of wall time: what a power cut may cost; below 0: leave it to the system

  /// Sealed segments that are older than this, or too large together, are dropped whole, oldest first; 0:
  /// never.
  Duration keep_time;
  uint64_t keep_bytes = 0;
};

/// A place between two cycles: so many cycles since the run's first, which end at this boundary.
struct Position {
  uint64_t sequence = 0;
  Time boundary;
  bool operator==(const Position&) const = default;
};

}  // namespace looptwin::twin
