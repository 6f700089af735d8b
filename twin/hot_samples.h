// The recent samples of one field, for exact windows and for telling duplicates: a ring of slots a row,
// slot-major in blocks of 1024 rows, so that rows which report together are written side by side. A sample's
// home slot is its period modulo the capacity; where that is taken by a sample that may still be needed, the
// next slots are probed; what finds no room, as where clocks that run ahead are replaced by the arrival now
// and then, spills into slots that only its group of 64 rows gets. Readers test the sample's own instant, so
// where it lies never shows.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/archive.h"
#include "base/large_pages.h"
#include "base/time.h"
#include "twin/hot_kernels.h"

namespace looptwin::twin {

/// What became of a sample.
enum class Taken : uint8_t {
  yes,
  ignored,   ///< no value, or a repetition: of the row, instant and value of another
  outdated,  ///< older than anything that the ring keeps
  shed,      ///< the ring and what it may spill are full of samples that are still needed
};

class SampleRing {
 public:
  /// Holds what windows of up to `longest` need of samples that are `spacing` apart or more, jitter below
  /// half of that included; of others as many again. longest / spacing is at most a few hundred.
  SampleRing(size_t rows, Duration spacing, Duration longest);

  /// taken[i] tells what became of sample i. Samples lie at most kFutureTolerance after the `now` at which is
  /// looked next. by_arrival[i] (empty: none): its instant is that of its arrival, which is never another's
  /// repetition. Rows of different blocks of 1024 may be inserted at once.
  void insert(std::span<const uint32_t> row, std::span<const int64_t> sampled_at,
              std::span<const int32_t> raw, std::span<const uint8_t> by_arrival, Taken* taken);

  static constexpr int kRanges = 3;  ///< most that samples of one group lie in
  /// The samples of the group of 64 rows that begins at `group * 64`, which may lie in (now - span, now] or
  /// after it, in up to kRanges ranges of slots. Returns how many.
  int columns(size_t group, Time now, Duration span, SampleColumns out[kRanges]) const {
    return columns_between(group, now - span, now, true, out);
  }
  /// The same for (after, until]; with what lies after it only where `and_later`.
  int columns_between(size_t group, Time after, Time until, bool and_later, SampleColumns out[kRanges]) const;
  /// Whether every sample of the group's block lies in the slot of its time.
  bool regular(size_t group) const { return blocks_[group / kGroupsPerBlock].displaced == 0; }
  /// Whether none of the group's samples that are later than `after` has been replaced yet.
  bool holds_all(size_t group, Time after) const;
  Duration spacing() const { return {spacing_}; }
  /// The instant of a tick that `columns` of this group speaks of.
  Time instant(size_t group, int64_t tick) const {
    return {(blocks_[group / kGroupsPerBlock].base + tick) * tick_};
  }

  /// Samples count as taken at the next whole tick (1 ms; 1 us where they are less than 16 ms apart; 1 s for
  /// windows of more than six days). Edges of windows that are whole ticks are therefore exact.
  Duration tick() const { return {tick_}; }
  size_t capacity() const { return capacity_; }
  uint64_t shed() const;
  size_t bytes() const;

  void save(ArchiveWriter& archive) const;
  void restore(ArchiveReader& archive);

 private:
  static constexpr size_t kRows = 1024;  ///< of a block
  static constexpr size_t kGroupsPerBlock = kRows / kLanes;

  struct Block {
    int64_t base = 0;  ///< tick from which the block's int32 ticks count
    int64_t newest;    ///< ns: instant of the newest sample
    uint64_t shed = 0;
    uint64_t displaced = 0;  ///< the furthest that a sample lies from its home
  };
  /// A period of the grid of `spacing`, and the slot that is its home.
  struct Period {
    int64_t begin = 0;
    int64_t end = 0;  ///< begin == end: none
    size_t slot = 0;
  };

  /// Slots of one group beside the ring: [slot][lane] as there.
  struct Spilled {
    std::vector<int32_t> at, raw;
  };
  struct Sample {
    int64_t tick;  ///< since the block's base
    int32_t raw;
    bool by_arrival;
  };

  template <int64_t kTick>
  void insert_ticks(std::span<const uint32_t> row, std::span<const int64_t> sampled_at,
                    std::span<const int32_t> raw, std::span<const uint8_t> by_arrival, Taken* taken);
  template <int64_t kTick>
  size_t insert_run(size_t i, const Period& period, std::span<const uint32_t> row,
                    std::span<const int64_t> sampled_at, std::span<const int32_t> raw,
                    std::span<const uint8_t> by_arrival, Taken* taken);
  Taken probe(size_t block, size_t home, size_t lane, const Sample& sample);
  Taken spill(size_t block, size_t lane, int64_t newest, const Sample& sample);
  Period period_of(int64_t sampled_at) const;
  void rebase(size_t block, int64_t tick);
  static size_t group_of(size_t block, size_t lane) { return block * kGroupsPerBlock + lane / kLanes; }
  size_t index(size_t block, size_t slot) const { return (block * capacity_ + slot) * kRows; }

  int64_t spacing_;
  int64_t tick_;
  size_t capacity_;
  int64_t keep_;  ///< ticks: a sample that is this much older than another of its row is out of every window
  std::vector<Block> blocks_;
  LargeVector<int32_t> at_;                        ///< [block][slot][lane], ticks since the block's base
  LargeVector<int32_t> raw_;                       ///< likewise
  std::vector<std::unique_ptr<Spilled>> spilled_;  ///< [group]; most often none
};

}  // namespace looptwin::twin
