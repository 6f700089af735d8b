// The numbers of one report group's messages, by row: tells a duplicate from a late message and both from a
// device that began anew, and knows how many numbers never came. The rules stand in docs/samples.md.
#pragma once

#include <cstdint>
#include <vector>

#include "base/archive.h"
#include "base/time.h"
#include "twin/frame.h"

namespace looptwin::mml {

struct SequenceCounters {
  uint64_t duplicates = 0;
  uint64_t gaps = 0;      ///< numbers between a device's lowest and highest that never came
  uint64_t restarts = 0;  ///< of a device's numbers
};

class Sequences {
 public:
  /// Of the newest number and those before it, so many are remembered one by one. Of what lies further back
  /// is known what came without a gap: a message from there is a duplicate, any other is late.
  static constexpr uint32_t kRemembered = 64;
  /// Numbers wrap around. One that is less than this ahead of the newest is ahead, with a gap between; any
  /// other lies behind.
  static constexpr uint32_t kAhead = 1u << 24;

  explicit Sequences(size_t rows);

  /// Takes in the numbers of a frame's messages, in order, and takes duplicates out of the frame. Sampled-at
  /// must still be the device's own. Frames of different shards may be taken in at once.
  void take_in(twin::Frame& frame, SequenceCounters& counters);

  /// Rows [first, first + count) will be needed soon.
  void ask_for(size_t first, size_t count) const;

  void save(ArchiveWriter& archive) const;
  void restore(ArchiveReader& archive);

 private:
  struct State {
    uint64_t seen = 0;              ///< bit k: newest - k was received; 0: nothing yet
    int64_t sampled = kLongAgo.ns;  ///< of the newest number
    uint32_t newest = 0;
    uint32_t reach : 8 = 0;   ///< of the bits, how many lie at or after the lowest number received
    uint32_t whole : 24 = 0;  ///< right behind the bits, so many were all received, or more
    /// The newest number is so much higher now; what lies between has not come yet.
    State moved_on(uint32_t ahead, int64_t sampled_at) const;
  };
  /// True for a duplicate.
  bool take(uint32_t row, uint32_t sequence, int64_t sampled_at, SequenceCounters& counters);
  bool take_unusual(uint32_t row, uint32_t sequence, int64_t sampled_at, SequenceCounters& counters);

  std::vector<State> states_;
  std::vector<Time> restarted_;  ///< what was sampled before belongs to the numbers before
};

}  // namespace looptwin::mml
