// Rollups: minimum, maximum, mean, last and count of each field over civil buckets of 1 min, 15 min and 1 h
// (UTC), kept as integers at resolution while a bucket is open and handed on, a column at a time, when it
// closes.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/archive.h"
#include "base/time.h"
#include "twin/frame.h"
#include "twin/registry.h"
#include "twin/tables.h"

namespace looptwin::twin {

struct RollupSpec {
  TableId table;
  std::vector<Duration> lengths;  ///< ascending; of 1 min, 15 min, 1 h; each a multiple of the one before
};

/// One field's closed bucket for rows [first_row, first_row + count): columns in steps of the field's
/// resolution, but the mean, which is in 1/16 of a step. Rows without a sample have kMissing, and count 0.
struct ClosedBucket {
  TableId table;
  uint16_t field = 0;
  Duration length{};
  int64_t slot = 0;  ///< of buckets since 1970: begins at slot * length
  size_t first_row = 0;
  std::span<const int32_t> minimum, maximum, mean16, last;
  std::span<const uint32_t> samples;
};

class Rollups {
 public:
  /// `start` is the civil instant of the run's start. A bucket stays open for `grace` after its end, for late
  /// samples (at most the shortest length); what comes later is counted and left out.
  Rollups(const Registry& registry, std::vector<RollupSpec> specs, UnixTime start,
          Duration grace = seconds(30));
  ~Rollups();

  /// As HotHistory::insert: good samples of one field; rows of different shards may be inserted at once. The
  /// newest sample of a bucket counts once when it is sent twice. What is two buckets ahead or more (a cycle
  /// that is longer than a bucket) waits until its bucket opens.
  void insert(TableId table, uint16_t field, std::span<const uint32_t> row,
              std::span<const int64_t> sampled_at, std::span<const int32_t> raw);

  /// Closes what is due at the boundary for the rows of one shard, finest first, and gives each bucket to
  /// `sink`, in blocks of 1024 rows (the spans are valid during the call). Coarser buckets are built from
  /// finer ones as these close.
  void close(const Shard& shard, Time boundary, const std::function<void(const ClosedBucket&)>& sink);
  /// At the run's end: closes all that is open.
  void finish(const Shard& shard, const std::function<void(const ClosedBucket&)>& sink);

  uint64_t late() const;
  size_t bytes() const;
  void save(ArchiveWriter& archive) const;
  void restore(ArchiveReader& archive);

 private:
  struct Body;
  std::unique_ptr<Body> body_;
};

}  // namespace looptwin::twin
