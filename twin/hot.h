// Hot history: recent good samples of the fields that rules ask windows of, just as long as the longest
// window, and the windows themselves: mean, minimum, maximum, slope, delta, deviation, count over (now -
// span, now] by sampled-at. Windows of up to 64 samples are exact; longer ones use 64 panes, with an edge
// error of at most one pane. Samples are integers at the field's resolution and are summed as such: no float
// is ever subtracted.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/archive.h"
#include "base/time.h"
#include "lang/graph.h"
#include "twin/frame.h"
#include "twin/registry.h"
#include "twin/tables.h"

namespace looptwin::twin {

inline constexpr size_t kExactSamples = 64;
inline constexpr size_t kPanes = 64;

/// One window that rules ask for: what, over which field, how long, and the column (f64, SI) that takes its
/// value. Mean, minimum, maximum are in the field's type; delta (newest minus oldest) and deviation
/// (population, 1/n) are its differences; slope is the least-squares slope per second; count is a ratio. No
/// sample in the window: unknown (count: 0); slope and deviation need two.
struct WindowSpec {
  TableId table;
  uint16_t field = 0;  ///< into ModelConfig::telemetry
  lang::Op op = lang::Op::window_mean;
  Duration span{};
  ColumnId out;
};

/// What `check --explain` shows of a window.
struct WindowCost {
  bool exact = true;
  Duration pane{};  ///< the edge error; zero where exact
  size_t bytes_per_device = 0;
};

class HotHistory {
 public:
  /// Every window must be a positive time. Windows over the same field share its samples, those of equal span
  /// one scan.
  HotHistory(const Registry& registry, const lang::Schema& schema, Tables& tables,
             std::vector<WindowSpec> windows);
  ~HotHistory();

  /// Takes in good samples of one field of rows of one shard: row[i] sampled at sampled_at[i] (ns), raw[i] in
  /// steps of the resolution, at most kFutureTolerance (for long windows: one pane) later than the next
  /// `now`. Late samples are inserted where they belong; a repetition, of the row, instant and value of
  /// another, is ignored (by long windows if it is within 14 periods of the row's newest), but not one whose
  /// instant is that of its arrival: by_arrival[i], empty: none. Samples that come so fast that the history
  /// cannot hold an exact window are shed and counted. Instants count as the next whole millisecond (us for
  /// fields faster than 16 ms; s for exact windows beyond six days). Rows of different shards may be inserted
  /// at once; kMissing entries are skipped.
  void insert(TableId table, uint16_t field, std::span<const uint32_t> row,
              std::span<const int64_t> sampled_at, std::span<const int32_t> raw,
              std::span<const uint8_t> by_arrival = {});

  /// Writes the windows of rows [first, first + count) at `now` into their columns, and lowers due[row / 64]
  /// to the instant at which the earliest sample of those rows leaves a window.
  void evaluate(TableId table, size_t first, size_t count, Time now, Time* due);

  bool any(TableId table) const;
  WindowCost cost(size_t window) const;
  uint64_t shed() const;  ///< samples that exact windows do without
  size_t bytes() const;

  void save(ArchiveWriter& archive) const;
  void restore(ArchiveReader& archive);

 private:
  struct Body;
  std::unique_ptr<Body> body_;
};

}  // namespace looptwin::twin
