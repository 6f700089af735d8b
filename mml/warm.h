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

/// What trends keep of `steps` of a telemetry field's resolution; steps need not be whole.
float kept_value(const twin::Scaling& scaling, double steps);

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
  const std::vector<WarmPast>& pasts() const { return pasts_; }
  const std::vector<WarmTrend>& trends() const { return trends_; }
  const WarmBuckets& buckets_of(size_t trend) const { return buckets_[made_of_[trend]]; }

  /// What a function keeps: so many values a device, one for each step of ago() or bucket of a trend.
  struct Cost {
    size_t values = 0;
    Duration every{};
    size_t bytes_per_device = 0;  ///< those that it shares with others included
  };
  Cost cost(lang::NodeId node) const;
  /// Of all functions of the table, what is shared once.
  size_t bytes_per_device(TableId table) const;
  size_t bytes() const;
  void save(ArchiveWriter& archive) const;
  void restore(ArchiveReader& archive);

 private:
  size_t place_of_buckets(const lang::WarmWindow& what, const Civil& civil);

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
