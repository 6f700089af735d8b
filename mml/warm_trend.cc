#include "mml/warm_trend.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/check.h"

namespace looptwin::mml {
namespace {

constexpr float kNone = std::numeric_limits<float>::quiet_NaN();
constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

int64_t slot_of(int64_t unix_ns, Duration length) { return floor_to(Time{unix_ns}, length).ns / length.ns; }

}  // namespace

WarmBuckets::WarmBuckets(TableId table, ColumnId from, Duration length, bool sampled, UnixTime start,
                         Duration grace, size_t rows)
    : table_(table),
      from_(from),
      length_(length),
      sampled_(sampled),
      start_(start),
      grace_(grace),
      rows_(rows),
      open_slot_(slot_of(start.ns, length)) {
  if (!sampled) open_.resize(rows);
}

void WarmBuckets::keep(Statistic statistic, int64_t buckets) {
  // What an earlier run tells of the bucket before this run is there before that bucket counts.
  capacity_ = std::max(capacity_, buckets + (sampled_ ? 1 : 0));
  ring_[static_cast<size_t>(statistic)].resize(1);
  for (auto& ring : ring_)
    if (!ring.empty()) ring.assign(static_cast<size_t>(capacity_) * rows_, kNone);
}

int64_t WarmBuckets::start_slot() const { return slot_of(start_.ns, length_); }

std::span<float> WarmBuckets::row_of(Statistic statistic, int64_t slot) {
  auto& ring = ring_[static_cast<size_t>(statistic)];
  LT_CHECK(!ring.empty() || rows_ == 0, "a statistic that nobody asked for");
  const auto place = static_cast<size_t>((slot % capacity_ + capacity_) % capacity_);
  return {ring.data() + place * rows_, rows_};
}

int64_t WarmBuckets::closed(Time now) const {
  if (!sampled_) return open_slot_ - 1;
  return slot_of(start_.ns + now.ns - grace_.ns, length_) - 1;
}

Time WarmBuckets::end_of(int64_t slot) const {
  return Time{(slot + 1) * length_.ns - start_.ns + (sampled_ ? grace_.ns : 0)};
}

void WarmBuckets::take(Time now, const void* column, lang::Storage storage) {
  const int64_t at = start_.ns + now.ns;
  const int64_t slot = slot_of(at - 1, length_);  // a boundary ends its cycle
  // The open bucket ended in a time without a loop; what that passed over has no value.
  while (open_slot_ < slot) close();
  for (size_t row = 0; row < rows_; ++row) {
    const double x = twin::load(column, storage, row);
    if (!(x == x)) continue;
    Open& open = open_[row];
    open.least = open.known == 0 ? x : std::min(open.least, x);
    open.greatest = open.known == 0 ? x : std::max(open.greatest, x);
    open.sum += x;
    ++open.known;
  }
  if (at % length_.ns == 0) close();
}

void WarmBuckets::close() {
  for (size_t s = 0; s < kStatistics; ++s) {
    if (ring_[s].empty()) continue;
    const auto to = row_of(static_cast<Statistic>(s), open_slot_);
    for (size_t row = 0; row < rows_; ++row) {
      const Open& open = open_[row];
      const double value = s == 0   ? open.sum / static_cast<double>(open.known)
                           : s == 1 ? open.least
                                    : open.greatest;
      to[row] = open.known == 0 ? kNone : static_cast<float>(value);
    }
  }
  std::fill(open_.begin(), open_.end(), Open{});
  ++open_slot_;
}

size_t WarmBuckets::bytes_per_row() const {
  size_t bytes = sampled_ ? 0 : sizeof(Open);
  for (const auto& ring : ring_)
    if (!ring.empty()) bytes += static_cast<size_t>(capacity_) * sizeof(float);
  return bytes;
}

void WarmBuckets::save(ArchiveWriter& archive) const {
  archive.section("warm buckets", 1);
  for (const auto& ring : ring_) archive.put_span(std::span(ring));
  archive.put(open_slot_);
  archive.put_span(std::span(open_));
}

void WarmBuckets::restore(ArchiveReader& archive) {
  archive.section("warm buckets", 1);
  for (auto& ring : ring_) archive.get_span(std::span(ring));
  open_slot_ = archive.get<int64_t>();
  archive.get_span(std::span(open_));
}

WarmTrend::WarmTrend(const lang::WarmWindow& what, const Timezone& timezone)
    : what_(what), timezone_(timezone) {
  LT_CHECK(buckets() >= 1 && buckets() <= lang::kMostWarmSlots);
  counted_.reserve(static_cast<size_t>(buckets()));
}

Statistic WarmTrend::statistic() const {
  return what_.op == lang::Op::trend_minimum   ? Statistic::minimum
         : what_.op == lang::Op::trend_maximum ? Statistic::maximum
                                               : Statistic::mean;
}

std::vector<Time> WarmTrend::known_from(const WarmBuckets& of) const {
  const auto needed = std::max<int64_t>(
      1, static_cast<int64_t>(std::ceil(what_.minimum_good * static_cast<double>(buckets()))));
  const int64_t last = of.start_slot() - 1, first = last - buckets() + 1;
  const size_t rows = of.row_of(statistic(), last).size();
  std::vector<int64_t> known(rows);
  for (int64_t slot = first; slot <= last; ++slot) {
    const auto bucket = of.row_of(statistic(), slot);
    for (size_t row = 0; row < rows; ++row) known[row] += bucket[row] == bucket[row] ? 1 : 0;
  }
  // The newest bucket that counts moves on from the last one before this run, whose own are all counted on.
  const auto from = [&](int64_t known, const auto& held) {
    int64_t newest = last;
    for (int64_t oldest = first; known < needed && oldest <= last; ++oldest, ++newest)
      known += held(oldest) ? 0 : 1;
    return std::max(of.end_of(newest), kStart);
  };
  const Time with_none = from(0, [](int64_t) { return false; });
  std::vector<Time> times(rows);
  for (size_t row = 0; row < rows; ++row)
    times[row] = known[row] == 0 ? with_none : from(known[row], [&](int64_t slot) {
      const float x = of.row_of(statistic(), slot)[row];
      return x == x;
    });
  return times;
}

void WarmTrend::step(Time now, const WarmBuckets& buckets, std::span<double> out, Dirty& dirty,
                     Workers& workers) {
  const int64_t closed = buckets.closed(now);
  const auto hour_of = [&](int64_t unix_ns) { return timezone_.to_local({unix_ns}).hour; };
  const int32_t hour = what_.same_hour ? hour_of(buckets.start().ns + now.ns) : -1;
  if (closed == closed_ && hour == hour_) return;
  closed_ = closed;
  hour_ = hour;
  counted_.clear();
  for (int64_t slot = closed - this->buckets() + 1; slot <= closed; ++slot)
    if (!what_.same_hour || hour_of(slot * what_.step.ns) == hour)
      counted_.push_back(buckets.row_of(statistic(), slot).data());

  const size_t rows = out.size();
  workers.run((rows + twin::kBlockRows - 1) / twin::kBlockRows, [&](size_t part, int) {
    float known[lang::kMostWarmSlots];
    for (size_t row = part * twin::kBlockRows; row < std::min(rows, (part + 1) * twin::kBlockRows); ++row) {
      size_t n = 0;
      for (const float* bucket : counted_) {
        const float x = bucket[row];
        known[n] = x;
        n += x == x ? 1 : 0;
      }
      const bool enough =
          n > 0 && static_cast<double>(n) >= what_.minimum_good * static_cast<double>(counted_.size());
      const double result = enough ? value({known, n}) : kUnknown;
      if (std::memcmp(&out[row], &result, sizeof result) == 0) continue;
      out[row] = result;
      dirty.mark(what_.table, row);
    }
  });
}

double WarmTrend::value(std::span<float> known) const {
  const auto n = static_cast<double>(known.size());
  const auto mean = [&] {
    double sum = 0;
    for (const float x : known) sum += x;
    return sum / n;
  };
  switch (what_.op) {
    case lang::Op::trend_mean:
      return mean();
    case lang::Op::trend_minimum:
      return *std::min_element(known.begin(), known.end());
    case lang::Op::trend_maximum:
      return *std::max_element(known.begin(), known.end());
    case lang::Op::trend_deviation: {
      const double middle = mean();
      double squares = 0;
      for (const float x : known) squares += (x - middle) * (x - middle);
      return std::sqrt(squares / n);
    }
    case lang::Op::trend_percentile: {
      // Between the two nearest ranks, of which the lowest is 0 % and the highest 100 % (Hyndman and Fan,
      // Am. Stat. 50, 1996, definition 7).
      const double rank = what_.share * (n - 1);
      const auto below = static_cast<size_t>(rank);
      const auto at = known.begin() + static_cast<ptrdiff_t>(below);
      std::nth_element(known.begin(), at, known.end());
      const double low = *at;
      if (below + 1 >= known.size()) return low;
      const double high = *std::min_element(at + 1, known.end());
      return low + (rank - static_cast<double>(below)) * (high - low);
    }
    default:
      LT_CHECK(false, "not a trend");
  }
}

void WarmTrend::save(ArchiveWriter& archive) const {
  archive.put(closed_);
  archive.put(hour_);
}

void WarmTrend::restore(ArchiveReader& archive) {
  closed_ = archive.get<int64_t>();
  hour_ = archive.get<int32_t>();
}

}  // namespace looptwin::mml
