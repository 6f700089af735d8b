// A long window over one field: a ring of 64 panes and the open one, with only the statistics that are asked
// for, and totals over the ring, so that reading a mean costs the same however long the window is. Pane k
// holds the samples of (k p, (k + 1) p], p = span / 64 rounded up to whole nanoseconds. A window at `now` is
// all panes that end after now - span: it is never shorter than the span, and longer by less than one pane.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/archive.h"
#include "base/large_pages.h"
#include "base/time.h"
#include "twin/hot_kernels.h"
#include "twin/hot_samples.h"

namespace looptwin::twin {

/// What a window's operations need of its samples, beside count and sum.
struct PaneWants {
  bool squares = false;
  bool minimum = false;
  bool maximum = false;
  bool ends = false;
  bool trend = false;
  bool any() const { return squares || minimum || maximum || ends || trend; }
};

/// A sample of a window's edge: its instant, ns, and its value.
struct EdgeSample {
  int64_t at;
  int64_t value;
};
/// Sums over t in ticks: Σt, Σt², Σtx. With windows of n samples and T ticks these need 2 log2 T + log2 n
/// bits.
struct TrendSum {
  __int128 time;
  __int128 squares;
  __int128 products;

  void add(const TrendSum& other) {
    time += other.time;
    squares += other.squares;
    products += other.products;
  }
  /// The same n samples, which sum up to `sum`, with their instants counted from `shift` ticks earlier.
  TrendSum later(__int128 shift, uint32_t n, int64_t sum) const {
    return {time + shift * n, squares + 2 * shift * time + shift * shift * n, products + shift * sum};
  }
};

/// Columns of statistics, a cell a row or a row and pane. Those not wanted are empty.
struct PaneCells {
  LargeVector<uint32_t> count;
  LargeVector<int64_t> sum;
  LargeVector<__int128> squares;  ///< Σx²
  LargeVector<int32_t> minimum, maximum;
  LargeVector<EdgeSample> first;  ///< the oldest sample
  LargeVector<TrendSum> trend;

  void resize(size_t cells, const PaneWants& wants);
  void clear(size_t begin, size_t end);
  bool empty(size_t begin, size_t end) const;  ///< no sample in these cells
  size_t bytes() const;
  void save(ArchiveWriter& archive) const;
  void restore(ArchiveReader& archive);
};

/// What a window holds, a lane a row; only what is wanted is set. Trends count from the oldest pane's begin.
struct PaneTotals {
  uint32_t count[kLanes];
  int64_t sum[kLanes];
  __int128 squares[kLanes];
  int32_t minimum[kLanes], maximum[kLanes];
  int64_t first[kLanes], last[kLanes];  ///< values of the oldest and the newest sample
  TrendSum trend[kLanes];
};

class Panes {
 public:
  static constexpr size_t kCount = 64;

  /// Samples are at most one pane ahead of the boundary at which they are inserted. `tick` is what trends
  /// count in.
  Panes(size_t rows, Duration span, Duration tick, PaneWants wants);

  /// Takes in the samples that are new (Taken::ignored are not). Rows of different groups of 64 may be
  /// inserted at once.
  void insert(std::span<const uint32_t> row, std::span<const int64_t> sampled_at,
              std::span<const int32_t> raw, const Taken* taken);

  /// Lets panes leave that end at or before now - span, and sums up what is left.
  void totals(size_t group, Time now, PaneTotals& out);
  /// When the oldest pane that holds samples of the group leaves; kNever where none does. After totals().
  Time leaves(size_t group);

  Duration span() const { return span_; }
  Duration pane() const { return {pane_}; }
  size_t bytes() const;
  size_t bytes_per_row() const;

  void save(ArchiveWriter& archive) const;
  void restore(ArchiveReader& archive);

 private:
  /// 65 panes can be in a window; one more is for samples just ahead of the boundary.
  static constexpr size_t kRing = kCount + 2;

  void add(size_t row, int64_t pane, int64_t at, int32_t raw);
  void add_wanted(PaneCells& cells, size_t cell, int64_t at, int32_t raw, int64_t reference);
  void merge(PaneCells& into, size_t to, const PaneCells& from, size_t begin, int64_t shift);
  void merge_wanted(PaneCells& into, size_t to, const PaneCells& from, size_t begin, int64_t shift);
  void open(size_t group, int64_t pane);
  void advance(size_t group, int64_t oldest);
  size_t cell(size_t group, int64_t pane) const;  ///< of lane 0
  int64_t begin_tick(int64_t pane) const;

  Duration span_;
  int64_t pane_;
  int64_t tick_;
  PaneWants wants_;
  // What most samples touch is small and dense: only late ones reach into the ring.
  std::vector<int64_t> oldest_;  ///< [group]: the first pane that is not gone
  std::vector<int64_t> opened_;  ///< [group]: the pane that is open, the newest
  std::vector<int64_t>
      held_;          ///< [group]: no pane before this holds a sample; not saved, as it is found again
  PaneCells open_;    ///< [group][lane]: samples of the open pane; trends from its begin
  PaneCells totals_;  ///< [group][lane]: of the ring's panes; trends from the oldest pane's begin
  PaneCells panes_;   ///< [group][pane modulo kRing][lane]; trends from each pane's begin
  LargeVector<EdgeSample>
      newest_;  ///< [group][lane]; panes leave from the old end, so none is kept for each pane
};

}  // namespace looptwin::twin
