// The telemetry stream processor: validates frames against the model, updates the twins, keeps hot history
// and rollups, tells which rows changed, and derives the status of devices. One shard is one thread's at a
// time.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "base/archive.h"
#include "lang/schema.h"
#include "mml/dirty.h"
#include "mml/reported.h"
#include "mml/sequence.h"
#include "mml/status.h"
#include "twin/hot.h"
#include "twin/registry.h"
#include "twin/rollup.h"
#include "twin/tables.h"
#include "twin/transport.h"

namespace looptwin::mml {

/// Where valid samples and closed rollups go beside the twin: warm history. Called from the shard's thread.
class HistorySink {
 public:
  virtual ~HistorySink() = default;
  /// A validated frame: what is bad or shed is kMissing, duplicates are gone.
  virtual void samples(size_t shard, const twin::Frame& frame) = 0;
  virtual void bucket(size_t shard, const twin::ClosedBucket& bucket) = 0;
};

struct ProcessorCounters : SequenceCounters, SampleCounters {
  uint64_t messages = 0;  ///< without duplicates
};

class Processor {
 public:
  Processor(const lang::Schema& schema, const twin::Registry& registry, twin::Tables& tables,
            twin::HotHistory& hot, twin::Rollups& rollups, HistorySink* sink);
  ~Processor();

  /// After all columns are allocated.
  void bind();

  /// Everything that shard received up to `now`: places it, evaluates hot windows, staleness and status of
  /// all rows that are dirty (by new input or because their time has come), closes rollups.
  void take_in(size_t shard, twin::Inbox& inbox, Time now, Dirty& dirty);
  void finish(size_t shard);

  ProcessorCounters counters() const;
  /// Whether the device is further from its model than it may be: its status. Before its shard takes in; the
  /// caller marks it dirty.
  void diverges(twin::DeviceRef device, bool is);
  /// Of models that report.
  std::array<uint64_t, kDeviceStatuses> devices_by_status() const;
  void save(ArchiveWriter& archive) const;
  void restore(ArchiveReader& archive);

 private:
  struct ModelState;
  /// Of one shard while a frame is placed; kept for its memory.
  struct Scratch {
    std::vector<Stretch> stretches;
    std::vector<uint8_t> future;
  };
  void place(size_t shard, twin::Frame& frame, Dirty& dirty);

  const lang::Schema& schema_;
  const twin::Registry& registry_;
  twin::Tables& tables_;
  twin::HotHistory& hot_;
  twin::Rollups& rollups_;
  HistorySink* sink_;
  std::vector<twin::Shard> shards_;
  std::vector<std::unique_ptr<ModelState>> models_;
  std::vector<ProcessorCounters> counters_;  ///< [shard]
  std::vector<Scratch> scratch_;             ///< [shard]
};

}  // namespace looptwin::mml
