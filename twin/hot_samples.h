// The recent samples of one field, for exact windows and for telling duplicates: a ring of slots a row,
// slot-major in blocks of 1024 rows, so that rows which report together are written side by side. A sample's
// home slot is its period modulo the capacity; where that is taken by a sample that may still be needed, the
// next slots are probed. Readers test the sample's own instant, so where it lies never shows.
#pragma once

#include <cstdint>
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
  ignored,   ///< no value, or a second one of its row and instant
  outdated,  ///< older than anything that the ring keeps
  shed,      ///< the ring is full of samples that are still needed
};

class SampleRing {
 public:
  /// Holds what windows of up to `longest` need of samples that are `spacing` apart or more, jitter below
  /// half of that included. longest / spacing is at most a few hundred.
  SampleRing(size_t rows, Duration spacing, Duration longest);

  /// taken[i] tells what became of sample i. Rows of different blocks of 1024 may be inserted at once.
  void insert(std::span<const uint32_t> row, std::span<const int64_t> sampled_at,
              std::span<const int32_t> raw, Taken* taken);

  /// The samples of the group of 64 rows that begins at `group * 64`, which may lie in (now - span, now] or
  /// after it, in one or two ranges of slots. Returns how many.
  int columns(size_t group, Time now, Duration span, SampleColumns out[2]) const {
    return columns_between(group, now - span, now, true, out);
  }
  /// The same for (after, until]; with what lies after it only where `and_later`.
  int columns_between(size_t group, Time after, Time until, bool and_later, SampleColumns out[2]) const;
  /// Whether every sample of the group's block lies in the slot of its time.
  bool regular(size_t group) const { return blocks_[group / kGroupsPerBlock].displaced == 0; }
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
  size_t bytes() const { return (at_.size() + raw_.size()) * sizeof(int32_t); }

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

  template <int64_t kTick>
  void insert_ticks(std::span<const uint32_t> row, std::span<const int64_t> sampled_at,
                    std::span<const int32_t> raw, Taken* taken);
  template <int64_t kTick>
  size_t insert_run(size_t i, const Period& period, std::span<const uint32_t> row,
                    std::span<const int64_t> sampled_at, std::span<const int32_t> raw, Taken* taken);
  Taken probe(size_t block, size_t home, size_t lane, int64_t tick, int32_t raw);
  Period period_of(int64_t sampled_at) const;
  void rebase(size_t block, int64_t tick);
  size_t index(size_t block, size_t slot) const { return (block * capacity_ + slot) * kRows; }

  int64_t spacing_;
  int64_t tick_;
  size_t capacity_;
  int64_t keep_;  ///< ticks: a sample that is this much older than another of its row is out of every window
  std::vector<Block> blocks_;
  LargeVector<int32_t> at_;   ///< [block][slot][lane], ticks since the block's base
  LargeVector<int32_t> raw_;  ///< likewise
};

}  // namespace looptwin::twin
