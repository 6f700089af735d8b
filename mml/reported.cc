#include "mml/reported.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "base/check.h"
#include "twin/raw_range.h"
#include "twin/tables.h"

namespace looptwin::mml {
namespace {

using twin::Quality;

/// A stretch of fewer rows is placed row by row.
constexpr uint32_t kWorthColumns = 4;
constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

}  // namespace

void find_stretches(const twin::Frame& frame, std::vector<Stretch>& stretches) {
  stretches.clear();
  stretches.reserve(frame.row.capacity());  // grows only when frames do
  const auto n = static_cast<uint32_t>(frame.size());
  for (uint32_t i = 0; i < n;) {
    const uint32_t row = frame.row[i];
    const uint32_t begin = i;
    const auto room = static_cast<uint32_t>(twin::kGroupRows - row % twin::kGroupRows);
    const uint32_t end = std::min(n, begin + room);
    for (++i; i < end && frame.row[i] == row + (i - begin);) ++i;
    stretches.push_back({begin, row, i - begin});
  }
}

Reported::Reported(const twin::FieldConfig& config, const Columns& columns, size_t rows)
    : columns_(columns),
      width_(lang::size_of(columns.storage)),
      scaling_(twin::scaling_of(config)),
      stale_after_(config.stale_after),
      spacing_(config.least_spacing.value_or(Duration{})),
      bad_(rows, kLongAgo.ns),
      oldest_((rows + twin::kGroupRows - 1) / twin::kGroupRows, kLongAgo) {
  LT_CHECK(scaling_.scale > 0 && scaling_.resolution > 0, config.name);
  if (config.max_rate || config.flat_after) plausibility_.emplace(config, scaling_, rows);
  const auto range = twin::raw_range_of(config);
  lowest_ = range.lowest;
  highest_ = range.highest;
}

void Reported::place(std::span<const Stretch> stretches, twin::Frame& frame, size_t position,
                     std::span<const uint8_t> future, SampleCounters& counters) {
  int32_t* raw = frame.value[position].data();
  const int64_t* sampled_at = frame.sampled_at.data();
  std::array<uint64_t, twin::kQualities> by_quality{};
  const bool judged = plausibility_.has_value();
  const bool forced = frame.is_forced(position);
  if (judged)
    for (const Stretch& stretch : stretches) plausibility_->ask_for(stretch.row, stretch.count);
  for (const Stretch& stretch : stretches) {
    const auto ahead = future.empty() ? future : future.subspan(stretch.first, stretch.count);
    const bool any_future = std::find(ahead.begin(), ahead.end(), uint8_t{1}) != ahead.end();
    const bool plain_good = !any_future && !forced;
    if (plain_good && stretch.count >= kWorthColumns &&
        plain(stretch, raw + stretch.first, sampled_at + stretch.first) &&
        (!judged || plausibility_->plain(stretch.row, stretch.count, raw + stretch.first,
                                         sampled_at + stretch.first, columns_.sampled + stretch.row))) {
      if (judged)
        plausibility_->store(stretch.row, stretch.count, raw + stretch.first, sampled_at + stretch.first);
      store(stretch, raw + stretch.first, sampled_at + stretch.first);
      by_quality[static_cast<size_t>(Quality::good)] += stretch.count;
      continue;
    }
    for (uint32_t k = 0; k < stretch.count; ++k) {
      const uint32_t i = stretch.first + k, row = stretch.row + k;
      if (plain_good && !judged && plain(row, raw[i], sampled_at[i])) {
        store(row, raw[i], sampled_at[i]);
        ++by_quality[static_cast<size_t>(Quality::good)];
        continue;
      }
      bool shed = false;
      const bool is_future = !ahead.empty() && ahead[k] != 0;
      const Quality otherwise = forced ? Quality::forced : is_future ? Quality::future : Quality::good;
      const Quality quality = place_one(row, raw[i], sampled_at[i], otherwise, shed);
      counters.shed += shed;
      by_quality[static_cast<size_t>(quality)] += !shed;
    }
  }
  counters.samples += frame.size();
  for (size_t q = 0; q < by_quality.size(); ++q) counters.by_quality[q] += by_quality[q];
}

/// The common case, asked as columns: every sample is in range, and follows a good one at its due distance.
bool Reported::plain(const Stretch& stretch, const int32_t* raw, const int64_t* sampled_at) const {
  const int32_t lowest = lowest_, highest = highest_;
  uint32_t outside = 0;
  for (uint32_t i = 0; i < stretch.count; ++i) outside |= (raw[i] < lowest) | (raw[i] > highest);

  const uint8_t* quality = columns_.quality + stretch.row;
  static_assert(static_cast<uint8_t>(Quality::good) == 0);
  uint8_t other = 0;
  for (uint32_t i = 0; i < stretch.count; ++i) other |= quality[i];

  const int64_t* sampled = columns_.sampled + stretch.row;
  const int64_t distance = std::max<int64_t>(spacing_.ns, 1);
  uint64_t early = 0;
  for (uint32_t i = 0; i < stretch.count; ++i) early |= sampled_at[i] - distance < sampled[i];
  return (outside | other | early) == 0;
}

/// What plain() holds for. Qualities stay good, and no row's newest sample becomes older.
void Reported::store(const Stretch& stretch, const int32_t* raw, const int64_t* sampled_at) {
  const twin::Scaling scaling = scaling_;
  if (columns_.storage == lang::Storage::f64) {
    double* value = static_cast<double*>(columns_.value) + stretch.row;
    for (uint32_t i = 0; i < stretch.count; ++i) value[i] = scaling.to_si(raw[i]);
  } else {
    uint8_t* value = static_cast<uint8_t*>(columns_.value) + stretch.row;
    for (uint32_t i = 0; i < stretch.count; ++i) value[i] = static_cast<uint8_t>(scaling.to_si(raw[i]));
  }
  std::memcpy(columns_.sampled + stretch.row, sampled_at, stretch.count * sizeof(int64_t));
}

/// As above, of one row.
inline bool Reported::plain(uint32_t row, int32_t raw, int64_t sampled_at) const {
  return raw >= lowest_ && raw <= highest_ && columns_.quality[row] == static_cast<uint8_t>(Quality::good) &&
         sampled_at - std::max<int64_t>(spacing_.ns, 1) >= columns_.sampled[row];
}

inline void Reported::store(uint32_t row, int32_t raw, int64_t sampled_at) {
  const double value = scaling_.to_si(raw);
  if (columns_.storage == lang::Storage::f64)
    static_cast<double*>(columns_.value)[row] = value;
  else
    static_cast<uint8_t*>(columns_.value)[row] = static_cast<uint8_t>(value);
  columns_.sampled[row] = sampled_at;
}

/// `quality`: of a sample with which nothing is wrong.
Quality Reported::place_one(uint32_t row, int32_t& raw, int64_t sampled_at, Quality quality, bool& shed) {
  const int64_t last = newest(row);
  const bool newer = sampled_at > last;
  if (newer && sampled_at - last < spacing_.ns) {
    shed = true;
    raw = twin::kMissing;
    return quality;
  }
  if (raw == twin::kMissing)
    quality = Quality::missing;
  else if (raw < lowest_ || raw > highest_)
    quality = Quality::out_of_range;
  else if (!newer)
    return Quality::late;

  if (newer && plausibility_) [[unlikely]]
    quality = plausible(row, raw, sampled_at, last, quality);
  if (newer) {
    Time& oldest = oldest_[row / twin::kGroupRows];
    oldest = std::min(oldest, Time{sampled_at});
  }
  if (!usable(quality)) {
    raw = twin::kMissing;
    if (!newer) return quality;
    bad_[row] = sampled_at;
    forget(row, quality);
    return quality;
  }
  store(row, raw, sampled_at);
  columns_.quality[row] = static_cast<uint8_t>(quality);
  return quality;
}

/// What is left of the quality of a sample that is newer than all before it, of which the newest was at
/// `last`.
Quality Reported::plausible(uint32_t row, int32_t raw, int64_t sampled_at, int64_t last, Quality quality) {
  if (!usable(quality)) {
    plausibility_->interrupt(row, sampled_at, last);
    return quality;
  }
  const Quality judged = plausibility_->judge(row, raw, sampled_at, last, columns_.sampled[row]);
  return usable(judged) ? quality : judged;
}

/// The instant of the row's newest sample, good or bad; kLongAgo before the first.
int64_t Reported::newest(uint32_t row) const {
  const auto quality = static_cast<Quality>(columns_.quality[row]);
  if (quality == Quality::never) return kLongAgo.ns;
  if (usable(quality)) return columns_.sampled[row];
  const int64_t good = columns_.sampled[row];
  return good == kNever.ns ? bad_[row] : std::max(good, bad_[row]);
}

void Reported::forget(size_t row, Quality why) {
  columns_.quality[row] = static_cast<uint8_t>(why);
  if (columns_.storage == lang::Storage::f64)
    static_cast<double*>(columns_.value)[row] = kUnknown;
  else
    static_cast<uint8_t*>(columns_.value)[row] = columns_.storage == lang::Storage::boolean ? 2 : 255;
}

void Reported::expire(Time now, size_t first, size_t count, Time* due) {
  for (size_t begin = first; begin < first + count; begin += twin::kGroupRows) {
    const size_t group = begin / twin::kGroupRows;
    Time& oldest = oldest_[group];
    if (oldest == kNever) continue;
    if (oldest + stale_after_ < now)
      oldest = expire_group(now, begin, std::min(begin + twin::kGroupRows, first + count));
    if (oldest != kNever) due[group] = std::min(due[group], oldest + stale_after_ + nanoseconds(1));
  }
}

/// Forgets what is too old among rows [begin, end) of one group; the oldest of the rows' newest samples that
/// is left.
Time Reported::expire_group(Time now, size_t begin, size_t end) {
  Time oldest = kNever;
  uint8_t other = 0;
  for (size_t row = begin; row < end; ++row) other |= columns_.quality[row];
  if (other == 0) {  // the common case: all are good, and still hold
    for (size_t row = begin; row < end; ++row) oldest.ns = std::min(oldest.ns, columns_.sampled[row]);
    if (!(oldest + stale_after_ < now)) return oldest;
    oldest = kNever;
  }
  for (size_t row = begin; row < end; ++row) {
    const auto quality = static_cast<Quality>(columns_.quality[row]);
    if (quality == Quality::never || quality == Quality::stale) continue;
    const Time sampled{usable(quality) ? columns_.sampled[row] : bad_[row]};
    if (sampled + stale_after_ < now)
      forget(row, Quality::stale);
    else
      oldest = std::min(oldest, sampled);
  }
  return oldest;
}

void Reported::save(ArchiveWriter& archive) const {
  archive.put_vector(bad_);
  archive.put_vector(oldest_);
  if (plausibility_) plausibility_->save(archive);
}

void Reported::restore(ArchiveReader& archive) {
  archive.get_span(std::span(bad_));
  archive.get_span(std::span(oldest_));
  if (plausibility_) plausibility_->restore(archive);
}

}  // namespace looptwin::mml
