#include "twin/rollup.h"

#include <algorithm>
#include <limits>

#include "base/check.h"
#include "base/large_pages.h"

namespace looptwin::twin {
namespace {

constexpr int64_t kNoInstant = std::numeric_limits<int64_t>::min();

/// One row's open bucket of one field.
struct Accumulator {
  int64_t sum = 0;
  int64_t last_at = kNoInstant;  ///< ns; of `last`
  int32_t minimum = std::numeric_limits<int32_t>::max();
  int32_t maximum = std::numeric_limits<int32_t>::min();
  int32_t last = kMissing;
  uint32_t samples = 0;

  void fold(const Accumulator& finer) {
    sum += finer.sum;
    minimum = std::min(minimum, finer.minimum);
    maximum = std::max(maximum, finer.maximum);
    if (finer.last_at > last_at) last = finer.last, last_at = finer.last_at;
    samples += finer.samples;
  }
};
static_assert(sizeof(Accumulator) == 32);

/// A sample of a bucket that is further ahead than the two open ones: it waits until its bucket opens.
struct Parked {
  int64_t at;
  uint32_t row;
  int32_t raw;
  uint64_t field;
};

int64_t floor_divide(int64_t a, int64_t b) { return a / b - (a % b < 0); }

/// sum / n in sixteenths, to the nearest (halves upwards), saturated.
int32_t mean16_of(int64_t sum, uint32_t n) {
  const int64_t nearest = floor_divide(32 * sum + n, 2 * int64_t{n});
  constexpr int64_t kLargest = std::numeric_limits<int32_t>::max();
  return static_cast<int32_t>(std::clamp(nearest, -kLargest, kLargest));
}

}  // namespace

/// Levels of one table. The finest has two open buckets, so that late samples and new ones both find theirs;
/// a coarser bucket is open from its first finer bucket to its last, and these close in order, so one is
/// enough. It gets what finer ones hold as they close, and what is too late for them by itself, so that it
/// holds the same whichever finer ones there are.
struct Rollups::Body {
  using Sink = std::function<void(const ClosedBucket&)>;
  struct Field {
    LargeVector<Accumulator> open[2];               ///< [slot modulo 2][row]
    std::vector<LargeVector<Accumulator>> coarser;  ///< [level - 1][row]
  };
  struct Progress {      ///< of one shard
    int64_t oldest = 0;  ///< the finest level's oldest open slot; the next one is open too
    uint64_t late = 0;
    std::vector<Parked> parked;
  };
  struct Rolled {  ///< one table
    TableId table;
    std::vector<Duration> lengths;
    std::vector<Field> fields;
    std::vector<Progress> shards;
  };

  /// The finest bucket of an instant: [begin, end) ns since the run's start, and its cells by row where it is
  /// open.
  struct Open {
    int64_t begin = 0;
    int64_t end = 0;
    Accumulator* cells = nullptr;
  };

  Rolled* find(TableId table) {
    const auto found =
        std::find_if(tables.begin(), tables.end(), [&](const Rolled& r) { return r.table == table; });
    return found == tables.end() ? nullptr : &*found;
  }

  Open open_at(Rolled& rolled, uint16_t field, size_t shard, int64_t at) const;
  /// Whether a coarser bucket is still open for a sample whose finest is closed: it is in there then.
  bool take_late(Rolled& rolled, const Progress& progress, const Parked& sample) const;
  void put_aside(Rolled& rolled, size_t shard, const Parked& sample);
  void unpark(Rolled& rolled, size_t shard);
  /// Closes the shard's oldest bucket, and the coarser ones that end with it (or all).
  void close_oldest(Rolled& rolled, const Shard& shard, bool all, const Sink& sink);
  static void hand_over(ClosedBucket bucket, Accumulator* cells, Accumulator* parents, size_t rows,
                        const Sink& sink);

  UnixTime start;
  Duration grace;
  std::vector<Rolled> tables;
};

namespace {

void accumulate(Accumulator& bucket, int64_t at, int32_t raw) {
  if (at == bucket.last_at) return;  // sent twice
  bucket.sum += raw;
  bucket.minimum = std::min(bucket.minimum, raw);
  bucket.maximum = std::max(bucket.maximum, raw);
  const bool newest = at > bucket.last_at;
  bucket.last = newest ? raw : bucket.last;
  bucket.last_at = newest ? at : bucket.last_at;
  ++bucket.samples;
}

/// How many samples ahead a cell is asked for.
constexpr size_t kAhead = 32;

/// Neighbours mostly are of one shard and fall into one bucket, so both are looked up once: takes in samples
/// from i on as long as that holds, and returns the next.
size_t accumulate_run(Accumulator* cells, size_t shard, int64_t begin, int64_t end, size_t i,
                      std::span<const uint32_t> row, std::span<const int64_t> sampled_at,
                      std::span<const int32_t> raw) {
  const uint64_t length = static_cast<uint64_t>(end - begin);
  for (; i < row.size(); ++i) {
    // Cells are touched once in a period, so they come from memory.
    if (i + kAhead < row.size()) __builtin_prefetch(&cells[row[i + kAhead]], 1);
    const int64_t t = sampled_at[i];
    if (static_cast<uint64_t>(t - begin) >= length || row[i] / kShardRows != shard) break;
    if (raw[i] != kMissing) [[likely]]
      accumulate(cells[row[i]], t, raw[i]);
  }
  return i;
}

}  // namespace

Rollups::Rollups(const Registry& registry, std::vector<RollupSpec> specs, UnixTime start, Duration grace)
    : body_(std::make_unique<Body>()) {
  body_->start = start;
  body_->grace = grace;
  for (RollupSpec& spec : specs) {
    LT_CHECK(!spec.lengths.empty() && spec.lengths.front().ns > 0, "rollups of no length");
    LT_CHECK(grace.ns >= 0 && grace <= spec.lengths.front(),
             "a grace that is longer than the shortest bucket");
    for (size_t l = 1; l < spec.lengths.size(); ++l)
      LT_CHECK(spec.lengths[l] > spec.lengths[l - 1] && spec.lengths[l].ns % spec.lengths[l - 1].ns == 0,
               "lengths that are not multiples of each other");
    LT_CHECK(body_->find(spec.table) == nullptr, "two rollups of one table");
    const size_t rows = registry.devices(spec.table);
    Body::Rolled rolled{spec.table, spec.lengths, {}, {}};
    rolled.fields.resize(registry.model(spec.table).config.telemetry.size());
    for (auto& field : rolled.fields) {
      for (auto& open : field.open) open.resize(rows);
      field.coarser.assign(spec.lengths.size() - 1, LargeVector<Accumulator>(rows));
    }
    const int64_t oldest = floor_divide(start.ns, spec.lengths.front().ns);
    rolled.shards.assign((rows + kShardRows - 1) / kShardRows, Body::Progress{.oldest = oldest});
    body_->tables.push_back(std::move(rolled));
  }
}

Rollups::~Rollups() = default;

void Rollups::insert(TableId table, uint16_t field, std::span<const uint32_t> row,
                     std::span<const int64_t> sampled_at, std::span<const int32_t> raw) {
  LT_CHECK(row.size() == sampled_at.size() && row.size() == raw.size(), "columns of unequal length");
  Body::Rolled* rolled = body_->find(table);
  if (rolled == nullptr) return;
  for (size_t i = 0; i < row.size();) {
    const size_t shard = row[i] / kShardRows;
    const Body::Open open = body_->open_at(*rolled, field, shard, sampled_at[i]);
    if (open.cells != nullptr) {
      i = accumulate_run(open.cells, shard, open.begin, open.end, i, row, sampled_at, raw);
      continue;
    }
    if (raw[i] != kMissing) body_->put_aside(*rolled, shard, {sampled_at[i], row[i], raw[i], field});
    ++i;
  }
}

Rollups::Body::Open Rollups::Body::open_at(Rolled& rolled, uint16_t field, size_t shard, int64_t at) const {
  const Duration length = rolled.lengths.front();
  const int64_t slot = floor_divide(at + start.ns, length.ns);
  const int64_t ahead = slot - rolled.shards[shard].oldest;
  const int64_t begin = slot * length.ns - start.ns;
  const bool is_open = ahead == 0 || ahead == 1;
  return {begin, begin + length.ns, is_open ? rolled.fields[field].open[slot & 1].data() : nullptr};
}

void Rollups::Body::put_aside(Rolled& rolled, size_t shard, const Parked& sample) {
  Progress& progress = rolled.shards[shard];
  const int64_t slot = floor_divide(sample.at + start.ns, rolled.lengths.front().ns);
  if (slot >= progress.oldest)
    progress.parked.push_back(sample);
  else if (!take_late(rolled, progress, sample))
    ++progress.late;
}

bool Rollups::Body::take_late(Rolled& rolled, const Progress& progress, const Parked& sample) const {
  for (size_t level = 1; level < rolled.lengths.size(); ++level) {
    const int64_t length = rolled.lengths[level].ns;
    const int64_t open = floor_divide(progress.oldest * rolled.lengths.front().ns, length);
    if (floor_divide(sample.at + start.ns, length) != open) continue;
    accumulate(rolled.fields[sample.field].coarser[level - 1][sample.row], sample.at, sample.raw);
    return true;
  }
  return false;
}

void Rollups::Body::unpark(Rolled& rolled, size_t shard) {
  Progress& progress = rolled.shards[shard];
  std::erase_if(progress.parked, [&](const Parked& p) {
    const Open open = open_at(rolled, static_cast<uint16_t>(p.field), shard, p.at);
    if (open.cells == nullptr) return false;
    accumulate(open.cells[p.row], p.at, p.raw);
    return true;
  });
}

void Rollups::close(const Shard& shard, Time boundary, const std::function<void(const ClosedBucket&)>& sink) {
  Body::Rolled* rolled = body_->find(shard.table);
  if (rolled == nullptr) return;
  const Body::Progress& progress = rolled->shards[shard.first / kShardRows];
  const Duration length = rolled->lengths.front();
  while ((progress.oldest + 1) * length.ns + body_->grace.ns <= body_->start.ns + boundary.ns)
    body_->close_oldest(*rolled, shard, false, sink);
}

void Rollups::finish(const Shard& shard, const std::function<void(const ClosedBucket&)>& sink) {
  Body::Rolled* rolled = body_->find(shard.table);
  if (rolled == nullptr) return;
  const Body::Progress& progress = rolled->shards[shard.first / kShardRows];
  const auto holds = [&](int64_t slot) {
    return std::any_of(rolled->fields.begin(), rolled->fields.end(), [&](const Body::Field& field) {
      const auto cells = field.open[slot & 1].begin() + static_cast<ptrdiff_t>(shard.first);
      return std::any_of(cells, cells + static_cast<ptrdiff_t>(shard.rows),
                         [](const auto& a) { return a.samples != 0; });
    });
  };
  // The oldest is open even without samples; what comes after the last sample was never begun.
  while (!progress.parked.empty() || holds(progress.oldest + 1))
    body_->close_oldest(*rolled, shard, false, sink);
  body_->close_oldest(*rolled, shard, true, sink);
}

void Rollups::Body::close_oldest(Rolled& rolled, const Shard& shard, bool all, const Sink& sink) {
  const size_t number = shard.first / kShardRows;
  int64_t slot = rolled.shards[number].oldest;
  const size_t levels = rolled.lengths.size();
  for (size_t level = 0; level < levels; ++level) {
    const bool coarsest = level + 1 == levels;
    for (size_t f = 0; f < rolled.fields.size(); ++f) {
      Field& field = rolled.fields[f];
      auto& closing = level == 0 ? field.open[slot & 1] : field.coarser[level - 1];
      Accumulator* parents = coarsest ? nullptr : field.coarser[level].data() + shard.first;
      const ClosedBucket bucket{rolled.table, static_cast<uint16_t>(f), rolled.lengths[level], slot,
                                shard.first};
      hand_over(bucket, closing.data() + shard.first, parents, shard.rows, sink);
    }
    if (coarsest) break;
    const int64_t ratio = rolled.lengths[level + 1] / rolled.lengths[level];
    const bool parent_ends = floor_divide(slot + 1, ratio) != floor_divide(slot, ratio);
    if (!all && !parent_ends) break;
    slot = floor_divide(slot, ratio);
  }
  ++rolled.shards[number].oldest;
  if (!rolled.shards[number].parked.empty()) unpark(rolled, number);
}

// Block by block, so that the columns stay in the first caches and on the stack.
void Rollups::Body::hand_over(ClosedBucket bucket, Accumulator* cells, Accumulator* parents, size_t rows,
                              const Sink& sink) {
  int32_t minimum[kBlockRows], maximum[kBlockRows], mean16[kBlockRows], last[kBlockRows];
  uint32_t samples[kBlockRows];
  for (size_t begin = 0; begin < rows; begin += kBlockRows) {
    const size_t n = std::min(kBlockRows, rows - begin);
    for (size_t i = 0; i < n; ++i) {
      Accumulator& a = cells[begin + i];
      const bool none = a.samples == 0;
      minimum[i] = none ? kMissing : a.minimum;
      maximum[i] = none ? kMissing : a.maximum;
      mean16[i] = none ? kMissing : mean16_of(a.sum, a.samples);
      last[i] = none ? kMissing : a.last;
      samples[i] = a.samples;
      if (parents != nullptr) parents[begin + i].fold(a);
      a = Accumulator{};
    }
    bucket.minimum = {minimum, n};
    bucket.maximum = {maximum, n};
    bucket.mean16 = {mean16, n};
    bucket.last = {last, n};
    bucket.samples = {samples, n};
    sink(bucket);
    bucket.first_row += n;
  }
}

uint64_t Rollups::late() const {
  uint64_t late = 0;
  for (const auto& rolled : body_->tables)
    for (const auto& progress : rolled.shards) late += progress.late;
  return late;
}

size_t Rollups::bytes() const {
  size_t cells = 0;
  for (const auto& rolled : body_->tables)
    for (const auto& field : rolled.fields) {
      cells += field.open[0].size() + field.open[1].size();
      for (const auto& level : field.coarser) cells += level.size();
    }
  return cells * sizeof(Accumulator);
}

void Rollups::save(ArchiveWriter& archive) const {
  archive.section("rollups", 1);
  archive.put<uint64_t>(body_->tables.size());
  for (const auto& rolled : body_->tables) {
    archive.put_vector(rolled.lengths);
    for (const auto& progress : rolled.shards) {
      archive.put(progress.oldest);
      archive.put(progress.late);
      archive.put_vector(progress.parked);
    }
    for (const auto& field : rolled.fields) {
      for (const auto& open : field.open) archive.put_span(std::span(open));
      for (const auto& level : field.coarser) archive.put_span(std::span(level));
    }
  }
}

void Rollups::restore(ArchiveReader& archive) {
  archive.section("rollups", 1);
  if (archive.get<uint64_t>() != body_->tables.size()) return archive.fail("rollups of other tables");
  for (auto& rolled : body_->tables) {
    if (archive.get_vector<Duration>() != rolled.lengths) return archive.fail("rollups of other lengths");
    for (auto& progress : rolled.shards) {
      progress.oldest = archive.get<int64_t>();
      progress.late = archive.get<uint64_t>();
      progress.parked = archive.get_vector<Parked>();
    }
    for (auto& field : rolled.fields) {
      for (auto& open : field.open) archive.get_span(std::span(open));
      for (auto& level : field.coarser) archive.get_span(std::span(level));
    }
  }
}

}  // namespace looptwin::twin
