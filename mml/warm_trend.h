// Trends over weeks: means, extremes, deviations and percentiles over closed buckets of 1 min, 15 min or 1 h
// (UTC), all hours alike or those of the same local hour. A bucket's statistics are kept as floats, one ring
// for each statistic that somebody asks for; a trend is computed when a bucket closes or the local hour
// changes, and not in between.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/archive.h"
#include "base/large_pages.h"
#include "base/timezone.h"
#include "base/workers.h"
#include "lang/warm.h"
#include "mml/dirty.h"
#include "mml/warm_past.h"

namespace looptwin::mml {

enum class Statistic : uint8_t { mean, minimum, maximum };
inline constexpr size_t kStatistics = 3;

/// The buckets of one column: fed by rollups where it is a telemetry field, else by its values at boundaries.
class WarmBuckets {
 public:
  WarmBuckets(TableId table, ColumnId from, Duration length, bool sampled, UnixTime start, Duration grace,
              size_t rows);
  /// Before anything is kept: that so many of the newest closed buckets will be asked for.
  void keep(Statistic statistic, int64_t buckets);

  TableId table() const { return table_; }
  ColumnId from() const { return from_; }
  Duration length() const { return length_; }
  bool sampled() const { return sampled_; }
  bool keeps(Statistic s) const { return !ring_[static_cast<size_t>(s)].empty(); }

  /// Of boundaries: the column's value at each boundary, in order; a bucket (begin, end] closes at its end.
  /// The mean is over the boundaries with a known value.
  void take(Time now, const void* column, lang::Storage storage);
  /// The newest bucket that has closed by `now`, by number since 1970. Rollups close `grace` after the end.
  int64_t closed(Time now) const;

  /// The place of a bucket's rows, NaN where there is no value. Threads may write different rows.
  std::span<float> row_of(Statistic statistic, int64_t slot);
  std::span<const float> row_of(Statistic statistic, int64_t slot) const {
    return const_cast<WarmBuckets*>(this)->row_of(statistic, slot);
  }
  int64_t first_slot() const { return start_slot() - capacity_; }  ///< the oldest that there is place for
  int64_t start_slot() const;  ///< buckets from here on are this run's own
  UnixTime start() const { return start_; }
  /// When a bucket of this run closes.
  Time end_of(int64_t slot) const;

  size_t bytes_per_row() const;
  void save(ArchiveWriter& archive) const;
  void restore(ArchiveReader& archive);

 private:
  struct Open {
    double sum = 0;
    double least = 0, greatest = 0;
    uint64_t known = 0;
  };
  void close();

  TableId table_;
  ColumnId from_;
  Duration length_;
  bool sampled_;
  UnixTime start_;
  Duration grace_;
  size_t rows_;
  int64_t capacity_ = 0;
  LargeVector<float> ring_[kStatistics];  ///< [slot modulo capacity][row]; empty: nobody asks
  int64_t open_slot_;
  LargeVector<Open> open_;  ///< of boundaries, [row]
};

/// One trend: which buckets count now, and what they say together.
class WarmTrend {
 public:
  WarmTrend(const lang::WarmWindow& what, const Timezone& timezone);
  const lang::WarmWindow& what() const { return what_; }
  Statistic statistic() const;
  int64_t buckets() const { return what_.span / what_.step; }

  /// Of each row the first boundary from which on the trend may be known, by what is kept until then.
  std::vector<Time> known_from(const WarmBuckets& buckets) const;

  /// Writes the trend of all rows into `out` where it may have changed since, and marks the rows that did.
  void step(Time now, const WarmBuckets& buckets, std::span<double> out, Dirty& dirty, Workers& workers);

  void save(ArchiveWriter& archive) const;
  void restore(ArchiveReader& archive);

 private:
  double value(std::span<float> known) const;

  lang::WarmWindow what_;
  Timezone timezone_;
  std::vector<const float*> counted_;  ///< scratch: the buckets that count now, oldest first
  int64_t closed_ = kNoSlot;           ///< what `out` stands for
  int32_t hour_ = -1;
};

}  // namespace looptwin::mml
