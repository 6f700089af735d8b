#include "twin/hot_panes.h"

#include <algorithm>
#include <limits>

#include "base/check.h"

namespace looptwin::twin {
namespace {

constexpr int32_t kLargest = std::numeric_limits<int32_t>::max();
constexpr int32_t kSmallest = std::numeric_limits<int32_t>::min();
constexpr EdgeSample kNoFirst{std::numeric_limits<int64_t>::max(), 0};
constexpr EdgeSample kNoNewest{std::numeric_limits<int64_t>::min(), 0};

int64_t floor_divide(int64_t a, int64_t b) { return a / b - (a % b < 0); }
int64_t ceil_divide(int64_t a, int64_t b) { return -floor_divide(-a, b); }

template <typename T>
size_t bytes_of(const std::vector<T>& values) { return values.size() * sizeof(T); }

}  // namespace

void PaneCells::resize(size_t cells, const PaneWants& wants) {
  count.resize(cells);
  sum.resize(cells);
  if (wants.squares) squares.resize(cells);
  if (wants.minimum) minimum.resize(cells);
  if (wants.maximum) maximum.resize(cells);
  if (wants.ends) first.resize(cells);
  if (wants.trend) trend.resize(cells);
  clear(0, cells);
}

void PaneCells::clear(size_t begin, size_t end) {
  const auto fill = [&](auto& values, auto value) {
    if (!values.empty()) std::fill(values.begin() + begin, values.begin() + end, value);
  };
  fill(count, 0);
  fill(sum, 0);
  fill(squares, 0);
  fill(minimum, kLargest);
  fill(maximum, kSmallest);
  fill(first, kNoFirst);
  fill(trend, TrendSum{});
}

size_t PaneCells::bytes() const {
  return bytes_of(count) + bytes_of(sum) + bytes_of(squares) + bytes_of(minimum) + bytes_of(maximum) + bytes_of(first) +
         bytes_of(trend);
}

void PaneCells::save(ArchiveWriter& archive) const {
  archive.put_vector(count);
  archive.put_vector(sum);
  archive.put_vector(squares);
  archive.put_vector(minimum);
  archive.put_vector(maximum);
  archive.put_vector(first);
  archive.put_vector(trend);
}

void PaneCells::restore(ArchiveReader& archive) {
  archive.get_span(std::span(count));
  archive.get_span(std::span(sum));
  archive.get_span(std::span(squares));
  archive.get_span(std::span(minimum));
  archive.get_span(std::span(maximum));
  archive.get_span(std::span(first));
  archive.get_span(std::span(trend));
}

Panes::Panes(size_t rows, Duration span, Duration tick, PaneWants wants)
    : span_(span), pane_(ceil_divide(span.ns, kCount)), tick_(tick.ns), wants_(wants) {
  LT_CHECK(span.ns > 0 && tick.ns > 0, "panes of no length");
  const size_t groups = (rows + kLanes - 1) / kLanes;
  oldest_.assign(groups, -static_cast<int64_t>(kCount) - 1);
  reference_.assign(groups, begin_tick(oldest_.empty() ? 0 : oldest_.front()));
  totals_.resize(groups * kLanes, wants);
  panes_.resize(groups * kRing * kLanes, wants);
  if (wants.ends) newest_.assign(groups * kLanes, kNoNewest);
}

size_t Panes::cell(size_t group, int64_t pane) const {
  const int64_t ring = kRing;
  const int64_t slot = pane - floor_divide(pane, ring) * ring;
  return (group * kRing + static_cast<size_t>(slot)) * kLanes;
}

int64_t Panes::begin_tick(int64_t pane) const { return floor_divide(pane * pane_, tick_); }

void Panes::insert(std::span<const uint32_t> row, std::span<const int64_t> sampled_at, std::span<const int32_t> raw,
                   const Taken* taken) {
  // Neighbours mostly are of one group and fall into one pane: what both have in common is looked up once.
  int64_t begin = 0, end = 0, pane = 0;
  size_t group = std::numeric_limits<size_t>::max(), column = 0;
  bool live = false;
  for (size_t i = 0; i < row.size(); ++i) {
    if (taken[i] == Taken::ignored) continue;
    const int64_t t = sampled_at[i];
    if (t <= begin || t > end || row[i] / kLanes != group) {
      group = row[i] / kLanes;
      pane = ceil_divide(t, pane_) - 1;
      begin = pane * pane_;
      end = begin + pane_;
      const int64_t newest = oldest_[group] + static_cast<int64_t>(kRing) - 1;
      if (pane > newest) advance(group, oldest_[group] + pane - newest);
      live = pane >= oldest_[group];
      column = cell(group, pane);
    }
    if (!live) continue;
    const size_t here = column + row[i] % kLanes;
    panes_.count[here] += 1;
    panes_.sum[here] += raw[i];
    totals_.count[row[i]] += 1;
    totals_.sum[row[i]] += raw[i];
    if (wants_.any()) add_wanted(row[i], here, pane, t, raw[i]);
  }
}

void Panes::add_wanted(size_t total, size_t cell, int64_t pane, int64_t at, int32_t raw) {
  if (wants_.squares) {
    const int64_t square = int64_t{raw} * raw;
    panes_.squares[cell] += square;
    totals_.squares[total] += square;
  }
  if (wants_.minimum) {
    panes_.minimum[cell] = std::min(panes_.minimum[cell], raw);
    totals_.minimum[total] = std::min(totals_.minimum[total], raw);
  }
  if (wants_.maximum) {
    panes_.maximum[cell] = std::max(panes_.maximum[cell], raw);
    totals_.maximum[total] = std::max(totals_.maximum[total], raw);
  }
  if (wants_.ends) {
    const EdgeSample sample{at, raw};
    if (at < panes_.first[cell].at) panes_.first[cell] = sample;
    if (at < totals_.first[total].at) totals_.first[total] = sample;
    if (at > newest_[total].at) newest_[total] = sample;
  }
  if (wants_.trend) {
    const int64_t tick = ceil_divide(at, tick_);
    const auto add = [&](TrendSum& sum, __int128 t) {
      sum.time += t;
      sum.squares += t * t;
      sum.products += t * raw;
    };
    add(panes_.trend[cell], tick - begin_tick(pane));
    add(totals_.trend[total], tick - reference_[total / kLanes]);
  }
}

void Panes::move_to(size_t group, Time now) {
  const int64_t oldest = floor_divide((now - span_).ns, pane_);
  if (oldest > oldest_[group]) advance(group, oldest);
}

void Panes::advance(size_t group, int64_t oldest) {
  const int64_t gone = std::min<int64_t>(oldest - oldest_[group], kRing);
  bool held = false;
  for (int64_t k = 0; k < gone; ++k) {
    const size_t column = cell(group, oldest_[group] + k);
    const auto count = panes_.count.begin() + static_cast<ptrdiff_t>(column);
    if (std::all_of(count, count + kLanes, [](uint32_t n) { return n == 0; })) continue;
    panes_.clear(column, column + kLanes);
    held = true;
  }
  oldest_[group] = oldest;
  if (held) recompute(group);
}

// Totals are added up anew when a pane leaves: nothing is ever subtracted, and extremes need no special case.
void Panes::recompute(size_t group) {
  const size_t first = group * kLanes;
  reference_[group] = begin_tick(oldest_[group]);
  totals_.clear(first, first + kLanes);
  for (int64_t pane = oldest_[group]; pane < oldest_[group] + static_cast<int64_t>(kRing); ++pane) {
    const size_t column = cell(group, pane);
    for (size_t i = 0; i < kLanes; ++i) {
      totals_.count[first + i] += panes_.count[column + i];
      totals_.sum[first + i] += panes_.sum[column + i];
    }
    if (wants_.any()) recompute_wanted(first, column, begin_tick(pane) - reference_[group]);
  }
  if (!wants_.ends) return;
  for (size_t i = first; i < first + kLanes; ++i)
    if (totals_.count[i] == 0) newest_[i] = kNoNewest;
}

void Panes::recompute_wanted(size_t first, size_t column, int64_t shift) {
  for (size_t i = 0; i < kLanes; ++i) {
    const size_t total = first + i, cell = column + i;
    if (panes_.count[cell] == 0) continue;
    if (wants_.squares) totals_.squares[total] += panes_.squares[cell];
    if (wants_.minimum) totals_.minimum[total] = std::min(totals_.minimum[total], panes_.minimum[cell]);
    if (wants_.maximum) totals_.maximum[total] = std::max(totals_.maximum[total], panes_.maximum[cell]);
    if (wants_.ends && panes_.first[cell].at < totals_.first[total].at) totals_.first[total] = panes_.first[cell];
    if (wants_.trend) {
      const TrendSum& pane = panes_.trend[cell];
      TrendSum& sum = totals_.trend[total];
      const __int128 d = shift;
      sum.time += pane.time + d * panes_.count[cell];
      sum.squares += pane.squares + 2 * d * pane.time + d * d * panes_.count[cell];
      sum.products += pane.products + d * panes_.sum[cell];
    }
  }
}

Time Panes::leaves(size_t group, size_t begin, size_t end) const {
  const uint32_t* totals = totals_.count.data() + group * kLanes;
  if (std::all_of(totals + begin, totals + end, [](uint32_t n) { return n == 0; })) return kNever;
  for (int64_t pane = oldest_[group];; ++pane) {
    const uint32_t* count = panes_.count.data() + cell(group, pane);
    if (std::any_of(count + begin, count + end, [](uint32_t n) { return n != 0; }))
      return Time{(pane + 1) * pane_} + span_;
  }
}

size_t Panes::bytes() const { return panes_.bytes() + totals_.bytes() + bytes_of(newest_); }

size_t Panes::bytes_per_row() const { return bytes() / std::max<size_t>(oldest_.size() * kLanes, 1); }

void Panes::save(ArchiveWriter& archive) const {
  archive.section("panes", 1);
  archive.put(span_);
  archive.put_vector(oldest_);
  archive.put_vector(reference_);
  totals_.save(archive);
  panes_.save(archive);
  archive.put_vector(newest_);
}

void Panes::restore(ArchiveReader& archive) {
  archive.section("panes", 1);
  if (const auto span = archive.get<Duration>(); archive.ok() && span != span_)
    return archive.fail("panes of another window");
  archive.get_span(std::span(oldest_));
  archive.get_span(std::span(reference_));
  totals_.restore(archive);
  panes_.restore(archive);
  archive.get_span(std::span(newest_));
}

}  // namespace looptwin::twin
