// Warm history in rules: what ago() and trends look back on, kept in memory and computed stratum by stratum.
// It stands between the processor and the run folder, because closed rollups are what trends of telemetry
// fields are made of; what it knows never depends on whether or when a run folder is written.
#pragma once

#include <vector>

#include "base/archive.h"
#include "lang/plan.h"
#include "mml/processor.h"
#include "mml/warm_past.h"
#include "mml/warm_trend.h"
#include "twin/registry.h"

namespace looptwin::mml {

/// How long after its end a rollup's bucket closes.
inline constexpr Duration kRollupGrace = seconds(30);

class WarmHistory final : public HistorySink {
 public:
  struct Civil {
    UnixTime start;  ///< of Time 0
    Timezone timezone;
    Duration cycle{};
  };
  WarmHistory(const lang::Plan& plan, const lang::Schema& schema, const twin::Registry& registry,
              twin::Tables& tables, const Civil& civil);
  /// Who is given all that comes; may be null.
  void pass_on_to(HistorySink* next) { next_ = next; }
  /// After all columns are allocated.
  void bind();

  bool any() const { return !trends_.empty() || !pasts_.empty(); }
  /// Adds the lengths of the buckets that trends of the table's fields need, ascending. Whether that is any.
  bool add_rollups(TableId table, std::vector<Duration>& lengths) const;

  void samples(size_t shard, const twin::Frame& frame) override;
  void bucket(size_t shard, const twin::ClosedBucket& bucket) override;

  /// Brings what stands in the stratum up to `now`, and marks the rows that changed.
  void step(size_t stratum, Time now, Dirty& dirty, Workers& workers);

  /// What earlier runs may tell: put before the first cycle.
  std::vector<WarmBuckets>& buckets() { return buckets_; }
  std::vector<WarmPast>& pasts() { return pasts_; }
  const std::vector<WarmTrend>& trends() const { return trends_; }

  /// Bytes that the function keeps a device, those that it shares with others included.
  size_t bytes_per_device(lang::NodeId node) const;
  size_t bytes() const;
  void save(ArchiveWriter& archive) const;
  void restore(ArchiveReader& archive);

 private:
  size_t buckets_of(const lang::WarmWindow& what, const Civil& civil);

  const lang::Schema& schema_;
  const twin::Registry& registry_;
  twin::Tables& tables_;
  HistorySink* next_ = nullptr;
  std::vector<WarmBuckets> buckets_;
  std::vector<size_t> fed_in_;  ///< [buckets] the stratum in which their column is ready
  std::vector<WarmTrend> trends_;
  std::vector<size_t> made_of_;  ///< [trend] its buckets
  std::vector<size_t> trend_in_, past_in_;
  std::vector<WarmPast> pasts_;
};

}  // namespace looptwin::mml
