#include "twin/hot_panes.h"

#include <algorithm>
#include <limits>
#include <utility>

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
size_t bytes_of(const LargeVector<T>& values) {
  return values.size() * sizeof(T);
}

}  // namespace

void PaneCells::resize(size_t cells, const PaneWants& wants) {
  count.assign(cells, 0);
  sum.assign(cells, 0);
  if (wants.squares) squares.assign(cells, 0);
  if (wants.minimum) minimum.assign(cells, kLargest);
  if (wants.maximum) maximum.assign(cells, kSmallest);
  if (wants.ends) first.assign(cells, kNoFirst);
  if (wants.trend) trend.assign(cells, TrendSum{});
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

bool PaneCells::empty(size_t begin, size_t end) const {
  uint32_t any = 0;
  for (size_t i = begin; i < end; ++i) any |= count[i];
  return any == 0;
}

size_t PaneCells::bytes() const {
  return bytes_of(count) + bytes_of(sum) + bytes_of(squares) + bytes_of(minimum) + bytes_of(maximum) +
         bytes_of(first) + bytes_of(trend);
}

void PaneCells::save(ArchiveWriter& archive) const {
  archive.put_column(count);
  archive.put_column(sum);
  archive.put_column(squares);
  archive.put_column(minimum);
  archive.put_column(maximum);
  archive.put_column(first);
  archive.put_column(trend);
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
  const int64_t oldest = -static_cast<int64_t>(kCount) - 1;
  oldest_.assign(groups, oldest);
  opened_.assign(groups, oldest);
  held_.assign(groups, oldest);
  open_.resize(groups * kLanes, wants);
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

void Panes::insert(std::span<const uint32_t> row, std::span<const int64_t> sampled_at,
                   std::span<const int32_t> raw, const Taken* taken) {
  // Neighbours mostly are of one group and fall into its open pane: what they have in common is looked up
  // once.
  uint32_t* const count = open_.count.data();
  int64_t* const sum = open_.sum.data();
  const bool plain = !wants_.any();
  int64_t begin = 0, end = 0, pane = 0, reference = 0;
  size_t group = std::numeric_limits<size_t>::max();
  for (size_t i = 0; i < row.size(); ++i) {
    if (taken[i] == Taken::ignored) continue;
    const int64_t t = sampled_at[i];
    if (t <= begin || t > end || row[i] / kLanes != group) {
      group = row[i] / kLanes;
      pane = ceil_divide(t, pane_) - 1;
      if (pane > opened_[group]) open(group, pane);
      begin = pane * pane_;
      end = begin + pane_;
      reference = begin_tick(pane);
    }
    if (pane != opened_[group]) {
      add(row[i], pane, t, raw[i]);
      continue;
    }
    count[row[i]] += 1;
    sum[row[i]] += raw[i];
    if (plain) continue;
    add_wanted(open_, row[i], t, raw[i], reference);
    if (wants_.ends && t > newest_[row[i]].at) newest_[row[i]] = {t, raw[i]};
  }
}

// A late sample, of a pane that is in the ring or gone.
void Panes::add(size_t row, int64_t pane, int64_t at, int32_t raw) {
  const size_t group = row / kLanes;
  if (pane < oldest_[group]) return;
  const auto add_to = [&](PaneCells& cells, size_t cell, int64_t reference) {
    cells.count[cell] += 1;
    cells.sum[cell] += raw;
    if (wants_.any()) add_wanted(cells, cell, at, raw, reference);
  };
  held_[group] = std::min(held_[group], pane);
  add_to(panes_, cell(group, pane) + row % kLanes, begin_tick(pane));
  add_to(totals_, row, begin_tick(oldest_[group]));
  if (wants_.ends && at > newest_[row].at) newest_[row] = {at, raw};
}

void Panes::add_wanted(PaneCells& cells, size_t cell, int64_t at, int32_t raw, int64_t reference) {
  if (wants_.squares) cells.squares[cell] += int64_t{raw} * raw;
  if (wants_.minimum) cells.minimum[cell] = std::min(cells.minimum[cell], raw);
  if (wants_.maximum) cells.maximum[cell] = std::max(cells.maximum[cell], raw);
  if (wants_.ends && at < cells.first[cell].at) cells.first[cell] = {at, raw};
  if (wants_.trend) {
    const __int128 t = ceil_divide(at, tick_) - reference;
    TrendSum& trend = cells.trend[cell];
    trend.time += t;
    trend.squares += t * t;
    trend.products += t * raw;
  }
}

// The open pane joins the ring, and a newer one is opened in its place.
void Panes::open(size_t group, int64_t pane) {
  const int64_t newest = oldest_[group] + static_cast<int64_t>(kRing) - 1;
  if (pane > newest) advance(group, oldest_[group] + pane - newest);
  const size_t first = group * kLanes;
  const int64_t opened = std::exchange(opened_[group], pane);
  if (open_.empty(first, first + kLanes)) return;
  const int64_t shift = begin_tick(opened) - begin_tick(oldest_[group]);
  merge(panes_, cell(group, opened), open_, first, 0);
  merge(totals_, first, open_, first, shift);
  open_.clear(first, first + kLanes);
}

// Totals are added up anew when a pane leaves: nothing is ever subtracted, and extremes need no special case.
void Panes::advance(size_t group, int64_t oldest) {
  const size_t first = group * kLanes;
  const int64_t gone = std::min<int64_t>(oldest - oldest_[group], kRing);
  bool held = wants_.trend;  // its totals count from the oldest pane
  for (int64_t k = 0; k < gone; ++k) {
    const size_t column = cell(group, oldest_[group] + k);
    if (panes_.empty(column, column + kLanes)) continue;
    panes_.clear(column, column + kLanes);
    held = true;
  }
  oldest_[group] = oldest;
  if (opened_[group] < oldest) {
    open_.clear(first, first + kLanes);
    opened_[group] = oldest;
  }
  if (!held) return;
  totals_.clear(first, first + kLanes);
  for (int64_t pane = oldest; pane < oldest + static_cast<int64_t>(kRing); ++pane)
    merge(totals_, first, panes_, cell(group, pane), begin_tick(pane) - begin_tick(oldest));
}

void Panes::merge(PaneCells& into, size_t to, const PaneCells& from, size_t begin, int64_t shift) {
  uint32_t* const count = into.count.data() + to;
  int64_t* const sum = into.sum.data() + to;
  const uint32_t* const counts = from.count.data() + begin;
  const int64_t* const sums = from.sum.data() + begin;
  if (wants_.any()) merge_wanted(into, to, from, begin, shift);
#pragma GCC ivdep
  for (size_t i = 0; i < kLanes; ++i) {
    count[i] += counts[i];
    sum[i] += sums[i];
  }
}

void Panes::merge_wanted(PaneCells& into, size_t to, const PaneCells& from, size_t begin, int64_t shift) {
  for (size_t i = 0; i < kLanes; ++i) {
    const size_t a = to + i, b = begin + i;
    if (from.count[b] == 0) continue;
    if (wants_.squares) into.squares[a] += from.squares[b];
    if (wants_.minimum) into.minimum[a] = std::min(into.minimum[a], from.minimum[b]);
    if (wants_.maximum) into.maximum[a] = std::max(into.maximum[a], from.maximum[b]);
    if (wants_.ends && from.first[b].at < into.first[a].at) into.first[a] = from.first[b];
    if (wants_.trend) into.trend[a].add(from.trend[b].later(shift, from.count[b], from.sum[b]));
  }
}

void Panes::totals(size_t group, Time now, PaneTotals& out) {
  const int64_t oldest = floor_divide((now - span_).ns, pane_);
  if (oldest > oldest_[group]) advance(group, oldest);
  const size_t first = group * kLanes;
  const int64_t shift = begin_tick(opened_[group]) - begin_tick(oldest_[group]);
  for (size_t i = 0; i < kLanes; ++i) {
    out.count[i] = totals_.count[first + i] + open_.count[first + i];
    out.sum[i] = totals_.sum[first + i] + open_.sum[first + i];
  }
  if (!wants_.any()) return;
  for (size_t i = 0; i < kLanes; ++i) {
    const size_t c = first + i;
    if (wants_.squares) out.squares[i] = totals_.squares[c] + open_.squares[c];
    if (wants_.minimum) out.minimum[i] = std::min(totals_.minimum[c], open_.minimum[c]);
    if (wants_.maximum) out.maximum[i] = std::max(totals_.maximum[c], open_.maximum[c]);
    if (wants_.ends) {
      out.first[i] = totals_.first[c].at < open_.first[c].at ? totals_.first[c].value : open_.first[c].value;
      out.last[i] = newest_[c].value;
    }
    if (wants_.trend) {
      out.trend[i] = totals_.trend[c];
      out.trend[i].add(open_.trend[c].later(shift, open_.count[c], open_.sum[c]));
    }
  }
}

Time Panes::leaves(size_t group) {
  const size_t first = group * kLanes;
  const bool in_open = !open_.empty(first, first + kLanes);
  if (!in_open && totals_.empty(first, first + kLanes)) return kNever;
  int64_t& pane = held_[group];
  for (pane = std::max(pane, oldest_[group]);; ++pane) {
    const size_t column = cell(group, pane);
    if ((in_open && pane == opened_[group]) || !panes_.empty(column, column + kLanes))
      return Time{(pane + 1) * pane_} + span_;
  }
}

size_t Panes::bytes() const { return open_.bytes() + totals_.bytes() + panes_.bytes() + bytes_of(newest_); }

size_t Panes::bytes_per_row() const { return bytes() / std::max<size_t>(oldest_.size() * kLanes, 1); }

void Panes::save(ArchiveWriter& archive) const {
  archive.section("panes", 1);
  archive.put(span_);
  archive.put_vector(oldest_);
  archive.put_vector(opened_);
  open_.save(archive);
  totals_.save(archive);
  panes_.save(archive);
  archive.put_column(newest_);
}

void Panes::restore(ArchiveReader& archive) {
  archive.section("panes", 1);
  if (const auto span = archive.get<Duration>(); archive.ok() && span != span_)
    return archive.fail("panes of another window");
  archive.get_span(std::span(oldest_));
  archive.get_span(std::span(opened_));
  held_ = oldest_;
  open_.restore(archive);
  totals_.restore(archive);
  panes_.restore(archive);
  archive.get_span(std::span(newest_));
}

}  // namespace looptwin::twin
