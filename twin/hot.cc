#include "twin/hot.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "base/simd.h"
#include "twin/hot_conditions.h"
#include "twin/hot_panes.h"
#include "twin/hot_samples.h"

namespace looptwin::twin {

namespace v2 {
extern const HotKernels kHotKernels;
}
namespace v3 {
extern const HotKernels kHotKernels;
}
namespace v4 {
extern const HotKernels kHotKernels;
}

const HotKernels& hot_kernels(Simd width) {
  return width == Simd::v4 ? v4::kHotKernels : width == Simd::v3 ? v3::kHotKernels : v2::kHotKernels;
}

namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

/// How far back, in periods before the newest, long windows tell a second sample of one instant from a new
/// one.
constexpr int64_t kRememberedPeriods = 14;
/// Samples are inserted in chunks, so that what became of them fits the stack.
constexpr size_t kChunk = 1024;

PaneWants wants_of(lang::Op op) {
  using lang::Op;
  return {.squares = op == Op::window_deviation,
          .minimum = op == Op::window_minimum,
          .maximum = op == Op::window_maximum,
          .ends = op == Op::window_delta,
          .trend = op == Op::window_slope};
}

PaneWants operator|(const PaneWants& a, const PaneWants& b) {
  return {a.squares || b.squares, a.minimum || b.minimum, a.maximum || b.maximum, a.ends || b.ends,
          a.trend || b.trend};
}

/// The least time between two samples of the field that the history is made for.
Duration spacing_of(const FieldConfig& field) {
  return field.least_spacing ? std::min(field.every, *field.least_spacing) : field.every;
}

// The numbers. Each is one quotient (or root) of exact integers, then the field's scaling; nothing else is
// rounded.

/// A point or quantity of the field: x steps (x may be a fraction) as Scaling::to_si has it.
double value_of(const Scaling& s, double x) {
  return (s.steps != 0 ? x / s.steps : x * s.resolution) * s.scale + s.offset;
}
/// A difference of two: without the offset.
double difference_of(const Scaling& s, double x) {
  return (s.steps != 0 ? x / s.steps : x * s.resolution) * s.scale;
}

double mean_of(const Scaling& s, uint32_t n, int64_t sum) {
  return n == 0 ? kUnknown : value_of(s, static_cast<double>(sum) / static_cast<double>(n));
}

/// sqrt(n Σx² - (Σx)²) / n.
double deviation_of(const Scaling& s, uint32_t n, int64_t sum, __int128 squares) {
  if (n < 2) return kUnknown;
  const __int128 numerator = n * squares - static_cast<__int128>(sum) * sum;
  return difference_of(s, std::sqrt(static_cast<double>(numerator)) / static_cast<double>(n));
}

/// (n Σtx - Σt Σx) / (n Σt² - (Σt)²) steps a tick.
double slope_of(const Scaling& s, Duration tick, uint32_t n, int64_t sum, const TrendSum& t) {
  const __int128 denominator = n * t.squares - t.time * t.time;
  if (n < 2 || denominator == 0) return kUnknown;
  const __int128 numerator = n * t.products - t.time * sum;
  const double per_tick = static_cast<double>(numerator) / static_cast<double>(denominator);
  return difference_of(s, per_tick * (1e9 / static_cast<double>(tick.ns)));
}

__int128 joined(int64_t high, int64_t low) { return (static_cast<__int128>(high) << 32) + low; }

}  // namespace

/// The samples of one field and the windows over it, grouped by their span.
struct HotHistory::Body {
  struct Window {
    lang::Op op;
    ColumnId out;
  };
  /// Windows of one span over one field: they share one scan, or one set of panes.
  struct Spanned {
    Duration span;
    PaneWants wants;
    std::unique_ptr<Panes> panes;  ///< none where exact
    std::vector<Window> windows;
    // What the window held when the group was last evaluated: only what has left and entered since is looked
    // at.
    std::vector<int64_t> sum;    ///< [row]
    std::vector<int32_t> count;  ///< [row]
    std::vector<Time> seen;      ///< [group]: that instant; kLongAgo: to be counted anew
  };
  struct Field {
    TableId table;
    uint16_t field;
    Scaling scaling;
    bool exact = false;  ///< has exact windows, for which shed samples matter
    std::unique_ptr<SampleRing> ring;
    std::vector<Spanned> spans;
    struct OfCondition {
      lang::Op op;
      Duration span;
      ColumnId out;
    };
    std::vector<OfCondition> of_condition;
    std::unique_ptr<ConditionWindows> conditions;  ///< none where nobody asks for them
  };
  struct Group {  ///< the rows of one evaluation that lie in one group of 64
    size_t index;
    size_t begin;  ///< lanes
    size_t end;
    Time now;
  };
  struct Place {  ///< where a window of the specification went
    size_t field;
    size_t span;
  };
  static constexpr size_t kOfCondition = std::numeric_limits<size_t>::max();  ///< in place of a span

  Body(Tables& t) : tables(t), kernels(hot_kernels(simd())) {}
  Field& field_of(const Registry& registry, TableId table, uint16_t field);
  Time evaluate_exact(const Field& field, Spanned& spanned, const Group& group);
  void count_between(const Field& field, const Group& group, Time after, Time until, bool and_later,
                     CountSums& sums) const;
  bool move_on(const Field& field, const Spanned& spanned, const Group& group, CountSums& sums) const;
  void write_exact(const Field& field, const Window& window, const Group& group,
                   std::span<const SampleColumns> ranges, const CountSums& sums);
  Time evaluate_panes(const Field& field, Spanned& spanned, const Group& group);
  Time evaluate_condition(const Field& field, const Field::OfCondition& window, const Group& group);
  template <typename Value>
  void write(const Field& field, const Window& window, const Group& group, Value value);

  Tables& tables;
  const HotKernels& kernels;
  std::vector<Field> fields;
  std::vector<std::vector<uint32_t>> of_table;  ///< [table]: its fields that have windows
  std::vector<Place> places;                    ///< [window]
};

HotHistory::Body::Field& HotHistory::Body::field_of(const Registry& registry, TableId table, uint16_t field) {
  for (const uint32_t f : of_table[table.index()])
    if (fields[f].field == field) return fields[f];
  of_table[table.index()].push_back(static_cast<uint32_t>(fields.size()));
  const FieldConfig& config = registry.model(table).config.telemetry[field];
  return fields.emplace_back(Field{.table = table, .field = field, .scaling = scaling_of(config)});
}

HotHistory::HotHistory(const Registry& registry, const lang::Schema& schema, Tables& tables,
                       std::vector<WindowSpec> windows)
    : body_(std::make_unique<Body>(tables)) {
  body_->of_table.resize(schema.tables.size());
  for (const WindowSpec& w : windows) {
    LT_CHECK(w.span.ns > 0, "a window of no length");
    LT_CHECK(lang::is_window(w.op), lang::name_of(w.op));
    Body::Field& field = body_->field_of(registry, w.table, w.field);
    if (lang::is_stateful(w.op)) {
      field.of_condition.push_back({w.op, w.span, w.out});
      body_->places.push_back({static_cast<size_t>(&field - body_->fields.data()), Body::kOfCondition});
      continue;
    }
    auto spanned =
        std::find_if(field.spans.begin(), field.spans.end(), [&](const auto& s) { return s.span == w.span; });
    if (spanned == field.spans.end()) spanned = field.spans.insert(spanned, Body::Spanned{.span = w.span});
    spanned->wants = spanned->wants | wants_of(w.op);
    spanned->windows.push_back({w.op, w.out});
    body_->places.push_back({static_cast<size_t>(&field - body_->fields.data()),
                             static_cast<size_t>(spanned - field.spans.begin())});
  }
  for (Body::Field& field : body_->fields) {
    const size_t rows = registry.devices(field.table);
    const FieldConfig& config = registry.model(field.table).config.telemetry[field.field];
    const Duration spacing = spacing_of(config);
    Duration longest{};
    for (const auto& c : field.of_condition) longest = std::max(longest, c.span);
    if (longest.ns > 0)
      field.conditions = std::make_unique<ConditionWindows>(rows, spacing, longest, config.stale_after);
    if (field.spans.empty()) continue;
    longest = {};
    const auto is_exact = [&](Duration span) {
      return span.ns <= spacing.ns * static_cast<int64_t>(kExactSamples);
    };
    for (const auto& s : field.spans) {
      longest = std::max(longest, is_exact(s.span) ? s.span : spacing * kRememberedPeriods);
      field.exact |= is_exact(s.span);
    }
    field.ring = std::make_unique<SampleRing>(rows, spacing, longest);
    for (auto& s : field.spans)
      if (is_exact(s.span)) {
        s.sum.assign((rows + kLanes - 1) / kLanes * kLanes, 0);
        s.count.assign(s.sum.size(), 0);
        s.seen.assign(s.sum.size() / kLanes, kLongAgo);
      } else
        s.panes = std::make_unique<Panes>(rows, s.span, field.ring->tick(), s.wants);
  }
}

HotHistory::~HotHistory() = default;

void HotHistory::insert(TableId table, uint16_t field, std::span<const uint32_t> row,
                        std::span<const int64_t> sampled_at, std::span<const int32_t> raw,
                        std::span<const uint8_t> by_arrival) {
  LT_CHECK(row.size() == sampled_at.size() && row.size() == raw.size(), "columns of unequal length");
  if (!any(table)) return;
  for (const uint32_t f : body_->of_table[table.index()]) {
    Body::Field& here = body_->fields[f];
    if (here.field != field) continue;
    Taken taken[kChunk];
    for (size_t begin = 0; begin < row.size(); begin += kChunk) {
      const size_t n = std::min(kChunk, row.size() - begin);
      const auto rows = row.subspan(begin, n);
      const auto times = sampled_at.subspan(begin, n);
      const auto values = raw.subspan(begin, n);
      const auto arrivals = by_arrival.empty() ? by_arrival : by_arrival.subspan(begin, n);
      if (here.conditions) here.conditions->insert(rows, times, values, arrivals, taken);
      if (!here.ring) continue;
      here.ring->insert(rows, times, values, arrivals, taken);
      for (auto& spanned : here.spans) {
        if (spanned.panes) {
          spanned.panes->insert(rows, times, values, taken);
          continue;
        }
        // A late sample is of a time that was already counted.
        for (size_t i = 0; i < n; ++i)
          if (times[i] <= spanned.seen[rows[i] / kLanes].ns) [[unlikely]]
            spanned.seen[rows[i] / kLanes] = kLongAgo;
      }
    }
  }
}

void HotHistory::evaluate(TableId table, size_t first, size_t count, Time now, Time* due) {
  if (!any(table)) return;
  for (size_t row = first; row < first + count;) {
    const size_t group = row / kGroupRows;
    const size_t end = std::min(first + count, (group + 1) * kGroupRows);
    const Body::Group lanes{group, row - group * kGroupRows, end - group * kGroupRows, now};
    for (const uint32_t f : body_->of_table[table.index()]) {
      Body::Field& field = body_->fields[f];
      for (auto& spanned : field.spans) {
        const Time next = spanned.panes ? body_->evaluate_panes(field, spanned, lanes)
                                        : body_->evaluate_exact(field, spanned, lanes);
        due[group] = std::min(due[group], next);
      }
      for (const auto& window : field.of_condition)
        due[group] = std::min(due[group], body_->evaluate_condition(field, window, lanes));
    }
    row = end;
  }
}

template <typename Value>
void HotHistory::Body::write(const Field& field, const Window& window, const Group& group, Value value) {
  double* out = tables.values<double>(field.table, window.out).data() + group.index * kGroupRows;
  for (size_t i = group.begin; i < group.end; ++i) out[i] = value(i);
}

constexpr int32_t kNoTick = std::numeric_limits<int32_t>::max();

void HotHistory::Body::count_between(const Field& field, const Group& group, Time after, Time until,
                                     bool and_later, CountSums& sums) const {
  sums = {};
  std::fill_n(sums.oldest, kLanes, kNoTick);
  std::fill_n(sums.upcoming, kLanes, kNoTick);
  SampleColumns range[SampleRing::kRanges];
  const int ranges = field.ring->columns_between(group.index, after, until, and_later, range);
  for (int r = 0; r < ranges; ++r) kernels.count(range[r], sums);
}

/// The window's counts from those of the last evaluation, less what has left and with what has entered. False
/// where that is not known: long ago, samples out of their places, or one of the last count that is not there
/// any more, as newer ones lie ahead.
bool HotHistory::Body::move_on(const Field& field, const Spanned& spanned, const Group& group,
                               CountSums& sums) const {
  const Time seen = spanned.seen[group.index];
  const Duration period = field.ring->spacing();
  if (group.now - seen > period || seen > group.now || !field.ring->regular(group.index)) return false;
  if (!field.ring->holds_all(group.index, seen - spanned.span)) return false;
  CountSums left;
  count_between(field, group, seen - spanned.span, group.now - spanned.span, false, left);
  count_between(field, group, seen, group.now, true, sums);
  int32_t oldest[kLanes];
  std::fill_n(oldest, kLanes, kNoTick);
  SampleColumns range[SampleRing::kRanges];
  const int ranges =
      field.ring->columns_between(group.index, group.now - spanned.span,
                                  std::min(group.now, group.now - spanned.span + period * 2), false, range);
  for (int r = 0; r < ranges; ++r) kernels.oldest(range[r], oldest);
  const int64_t* const sum = spanned.sum.data() + group.index * kLanes;
  const int32_t* const count = spanned.count.data() + group.index * kLanes;
  int32_t held = 0, first = kNoTick;
  for (size_t i = 0; i < kLanes; ++i) {
    sums.sum[i] += sum[i] - left.sum[i];
    sums.count[i] += count[i] - left.count[i];
    held |= sums.count[i];
    first = std::min(first, oldest[i]);
  }
  if (held != 0 && first == kNoTick) return false;
  std::copy_n(oldest, kLanes, sums.oldest);
  return true;
}

Time HotHistory::Body::evaluate_exact(const Field& field, Spanned& spanned, const Group& group) {
  SampleColumns range[SampleRing::kRanges];
  const int ranges = field.ring->columns(group.index, group.now, spanned.span, range);
  CountSums sums;
  if (!move_on(field, spanned, group, sums))
    count_between(field, group, group.now - spanned.span, group.now, true, sums);
  std::copy_n(sums.sum, kLanes, spanned.sum.data() + group.index * kLanes);
  std::copy_n(sums.count, kLanes, spanned.count.data() + group.index * kLanes);
  spanned.seen[group.index] = group.now;
  for (const Window& window : spanned.windows)
    write_exact(field, window, group, {range, range + ranges}, sums);

  // The window changes by itself when its oldest sample leaves, or one that lies ahead of the boundary
  // enters.
  int32_t oldest = kNoTick, upcoming = kNoTick;
  for (size_t i = group.begin; i < group.end; ++i) {
    oldest = std::min(oldest, sums.oldest[i]);
    upcoming = std::min(upcoming, sums.upcoming[i]);
  }
  Time next = kNever;
  if (oldest != kNoTick) next = field.ring->instant(group.index, oldest) + spanned.span;
  if (upcoming != kNoTick) next = std::min(next, field.ring->instant(group.index, upcoming));
  return next;
}

void HotHistory::Body::write_exact(const Field& field, const Window& window, const Group& group,
                                   std::span<const SampleColumns> ranges, const CountSums& sums) {
  const Scaling& s = field.scaling;
  const auto known = [&](size_t i, double value) { return sums.count[i] == 0 ? kUnknown : value; };
  switch (window.op) {
    case lang::Op::window_count:
      return write(field, window, group, [&](size_t i) { return static_cast<double>(sums.count[i]); });
    case lang::Op::window_minimum:
    case lang::Op::window_maximum: {
      ExtremeSums x;
      std::fill_n(x.minimum, kLanes, std::numeric_limits<int32_t>::max());
      std::fill_n(x.maximum, kLanes, std::numeric_limits<int32_t>::min());
      for (const auto& range : ranges) kernels.extremes(range, x);
      const int32_t* extreme = window.op == lang::Op::window_minimum ? x.minimum : x.maximum;
      return write(field, window, group, [&](size_t i) { return known(i, s.to_si(extreme[i])); });
    }
    case lang::Op::window_delta: {
      EndSums x{};
      std::fill_n(x.first_at, kLanes, std::numeric_limits<int32_t>::max());
      std::fill_n(x.last_at, kLanes, std::numeric_limits<int32_t>::min());
      for (const auto& range : ranges) kernels.ends(range, x);
      return write(field, window, group, [&](size_t i) {
        return known(i, difference_of(s, static_cast<double>(int64_t{x.last[i]} - x.first[i])));
      });
    }
    case lang::Op::window_deviation: {
      SquareSums x{};
      for (const auto& range : ranges) kernels.squares(range, x);
      return write(field, window, group, [&](size_t i) {
        return deviation_of(s, sums.count[i], sums.sum[i], joined(x.high[i], x.low[i]));
      });
    }
    case lang::Op::window_slope: {
      TrendSums x{};
      for (const auto& range : ranges) kernels.trend(range, x);
      return write(field, window, group, [&](size_t i) {
        const TrendSum trend{x.time[i], joined(x.square_high[i], x.square_low[i]),
                             joined(x.product_high[i], x.product_low[i])};
        return slope_of(s, field.ring->tick(), sums.count[i], sums.sum[i], trend);
      });
    }
    default:
      return write(field, window, group, [&](size_t i) { return mean_of(s, sums.count[i], sums.sum[i]); });
  }
}

Time HotHistory::Body::evaluate_panes(const Field& field, Spanned& spanned, const Group& group) {
  Panes& panes = *spanned.panes;
  PaneTotals all;
  panes.totals(group.index, group.now, all);
  const Scaling& s = field.scaling;
  const auto known = [&](size_t i, double value) { return all.count[i] == 0 ? kUnknown : value; };
  for (const Window& window : spanned.windows) {
    const auto put = [&](auto value) { write(field, window, group, value); };
    switch (window.op) {
      case lang::Op::window_count:
        put([&](size_t i) { return static_cast<double>(all.count[i]); });
        break;
      case lang::Op::window_minimum:
        put([&](size_t i) { return known(i, s.to_si(all.minimum[i])); });
        break;
      case lang::Op::window_maximum:
        put([&](size_t i) { return known(i, s.to_si(all.maximum[i])); });
        break;
      case lang::Op::window_delta:
        put([&](size_t i) {
          return known(i, difference_of(s, static_cast<double>(all.last[i] - all.first[i])));
        });
        break;
      case lang::Op::window_deviation:
        put([&](size_t i) { return deviation_of(s, all.count[i], all.sum[i], all.squares[i]); });
        break;
      case lang::Op::window_slope:
        put([&](size_t i) {
          return slope_of(s, field.ring->tick(), all.count[i], all.sum[i], all.trend[i]);
        });
        break;
      default:
        put([&](size_t i) { return mean_of(s, all.count[i], all.sum[i]); });
    }
  }
  return panes.leaves(group.index);
}

Time HotHistory::Body::evaluate_condition(const Field& field, const Field::OfCondition& window,
                                          const Group& group) {
  double value[kLanes];
  const Time next = field.conditions->evaluate(window.op, window.span, group.index, group.now, value);
  double* out = tables.values<double>(field.table, window.out).data() + group.index * kGroupRows;
  std::copy(value + group.begin, value + group.end, out + group.begin);
  return next;
}

bool HotHistory::any(TableId table) const {
  return table.index() < body_->of_table.size() && !body_->of_table[table.index()].empty();
}

WindowCost HotHistory::cost(size_t window) const {
  const Body::Place place = body_->places[window];
  const Body::Field& field = body_->fields[place.field];
  if (place.span == Body::kOfCondition) return {true, {}, field.conditions->bytes_per_row()};
  const Body::Spanned& spanned = field.spans[place.span];
  if (spanned.panes) return {false, spanned.panes->pane(), spanned.panes->bytes_per_row()};
  return {true, {}, field.ring->capacity() * 2 * sizeof(int32_t)};
}

uint64_t HotHistory::shed() const {
  uint64_t shed = 0;
  for (const auto& field : body_->fields) {
    if (field.exact) shed += field.ring->shed();
    if (field.conditions) shed += field.conditions->shed();
  }
  return shed;
}

size_t HotHistory::bytes() const {
  size_t bytes = 0;
  for (const auto& field : body_->fields) {
    if (field.ring) bytes += field.ring->bytes();
    if (field.conditions) bytes += field.conditions->bytes();
    for (const auto& spanned : field.spans)
      bytes += spanned.panes ? spanned.panes->bytes()
                             : spanned.sum.size() * (sizeof(int64_t) + sizeof(int32_t)) +
                                   spanned.seen.size() * sizeof(Time);
  }
  return bytes;
}

void HotHistory::save(ArchiveWriter& archive) const {
  archive.section("hot history", 1);
  archive.put<uint64_t>(body_->fields.size());
  for (const auto& field : body_->fields) {
    if (field.conditions) field.conditions->save(archive);
    if (field.ring) field.ring->save(archive);
    for (const auto& spanned : field.spans)
      if (spanned.panes) spanned.panes->save(archive);
  }
}

void HotHistory::restore(ArchiveReader& archive) {
  archive.section("hot history", 1);
  if (archive.get<uint64_t>() != body_->fields.size()) return archive.fail("windows over other fields");
  for (auto& field : body_->fields) {
    if (field.conditions) field.conditions->restore(archive);
    if (field.ring) field.ring->restore(archive);
    for (auto& spanned : field.spans) {
      if (spanned.panes) spanned.panes->restore(archive);
      std::fill(spanned.seen.begin(), spanned.seen.end(), kLongAgo);
    }
  }
}

}  // namespace looptwin::twin
