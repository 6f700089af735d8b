#include "mml/events.h"

#include <algorithm>
#include <limits>

#include "base/check.h"

namespace looptwin::mml {
namespace {

/// Of an event on a device: what was said, so that it is said once each time that it begins.
constexpr uint8_t kBoth = 1, kLatched = 2, kResetHeld = 4, kWithheld = 8;

bool all_zero(const uint8_t* a, const uint8_t* b, size_t count) {
  uint8_t any = 0;
  for (size_t i = 0; i < count; ++i) any |= a[i] | b[i];
  return any == 0;
}

}  // namespace

void add_columns(lang::Schema& schema, Event& event) {
  const std::string hidden = "." + event.config.name;
  const lang::Type instant = lang::Type::point_of(lang::kTimeDimension);
  event.standing =
      schema.add_column(event.table, {event.config.name, lang::Type::boolean(), {}, lang::Storage::boolean});
  event.raise_since =
      schema.add_column(event.table, {hidden + ".raise_since", instant, {}, lang::Storage::instant});
  event.clear_since =
      schema.add_column(event.table, {hidden + ".clear_since", instant, {}, lang::Storage::instant});
  event.occurrence = schema.add_column(event.table, {hidden + ".occurrence", {}, {}, lang::Storage::row});
  event.flags = schema.add_column(event.table, {hidden + ".flags", {}, {}, lang::Storage::code});
  if (event.config.bypassed_while)
    event.bypassed_since =
        schema.add_column(event.table, {hidden + ".bypassed_since", instant, {}, lang::Storage::instant});
}

Counted count_members(const Event& event, size_t row, const lang::Schema& schema,
                      const twin::Registry& registry, twin::Tables& tables) {
  if (!event.over) return {};
  const auto& [relation, member, value] = *event.over;
  const auto members = registry.members(event.table, relation, Row(row));
  const auto storage = schema.column(member, value).storage;
  const void* column = tables.column(member, value);
  const double unknown = storage == lang::Storage::boolean ? 0.5 : std::numeric_limits<double>::quiet_NaN();
  const auto is_good = [&](uint32_t m) {
    const double x = twin::load(column, storage, m);
    return x == x && x != unknown;
  };
  return {static_cast<uint32_t>(std::count_if(members.begin(), members.end(), is_good)),
          static_cast<uint32_t>(members.size())};
}

Events::Events(std::vector<Event> events, const twin::Registry&, twin::Tables& tables,
               std::vector<FirstOut> first_outs)
    : events_(std::move(events)), first_outs_(std::move(first_outs)), tables_(tables) {}

void Events::bind(bool fresh) {
  bound_.clear();
  delayed_.clear();
  changes_.assign(tables_.shards().size(), {});
  for (const auto& event : events_) {
    Bound b{};
    b.standing = tables_.values<uint8_t>(event.table, event.standing).data();
    b.raise = tables_.values<uint8_t>(event.table, event.raise).data();
    b.clear = tables_.values<uint8_t>(event.table, event.clear).data();
    b.raise_since = tables_.values<int64_t>(event.table, event.raise_since).data();
    b.clear_since = tables_.values<int64_t>(event.table, event.clear_since).data();
    b.occurrence = tables_.values<uint32_t>(event.table, event.occurrence).data();
    b.flags = tables_.values<uint8_t>(event.table, event.flags).data();
    LT_CHECK(event.reset.valid() || !event.config.latched);
    if (event.reset.valid()) b.reset = tables_.values<uint8_t>(event.table, event.reset).data();
    if (event.bypass.valid()) {
      b.bypass = tables_.values<uint8_t>(event.table, event.bypass).data();
      b.bypassed_since = tables_.values<int64_t>(event.table, event.bypassed_since).data();
    }
    if (event.delay_over.valid())
      b.delay_over = tables_.values<int64_t>(event.table, event.delay_over).data();
    bound_.push_back(b);
    const size_t rows = tables_.rows(event.table);
    delayed_.emplace_back((rows + twin::kGroupRows - 1) / twin::kGroupRows, uint8_t{1});
    if (!fresh) continue;
    std::fill_n(b.standing, rows, uint8_t{0});
    std::fill_n(b.occurrence, rows, 0u);
    std::fill_n(b.flags, rows, uint8_t{0});
  }
  bind_first_outs(fresh);
}

/// One event on one device at this boundary.
struct Events::Cell {
  const EventConfig& config;
  const Bound& b;
  size_t event, row;
  Time now;
  std::vector<EventChange>& changes;
  Time& due;

  void change(RecordKind kind) const {
    changes.push_back({static_cast<uint32_t>(event), static_cast<uint32_t>(row), b.occurrence[row], kind});
  }
  bool has(uint8_t flag) const { return (b.flags[row] & flag) != 0; }
  /// Says `kind` each time that `holds` begins.
  void say_once(uint8_t flag, bool holds, RecordKind kind) const {
    if (holds && !has(flag)) change(kind);
    put(flag, holds);
  }
  void put(uint8_t flag, bool on) const {
    b.flags[row] = static_cast<uint8_t>(on ? b.flags[row] | flag : b.flags[row] & ~flag);
  }
  uint8_t raise() const {
    const uint8_t raise = b.raise[row];
    if (raise != 2 || config.unknown == OnUnknown::hold) return raise;
    return config.unknown == OnUnknown::raise ? 1 : 0;
  }
  bool clear() const {
    return b.clear[row] == 1 || (b.clear[row] == 2 && config.unknown == OnUnknown::clear);
  }
  /// A delay runs while its condition is true; false and unknown both end it. True when it has run out.
  bool delayed(bool condition, int64_t& since, Duration delay) const {
    if (!condition) {
      since = kNever.ns;
      return false;
    }
    if (since == kNever.ns) since = now.ns;
    const Time when = Time{since} + delay;
    if (when <= now) return true;
    due = std::min(due, when);
    return false;
  }
};

void Events::step(size_t event, Time now, size_t shard, size_t first, size_t count, Time* due) {
  const Bound& b = bound_[event];
  for (size_t begin = first, end; begin < first + count; begin = end) {
    const size_t group = begin / twin::kGroupRows;
    end = std::min(first + count, (group + 1) * twin::kGroupRows);
    uint8_t& delayed = delayed_[event][group];
    // Nearly all groups: nothing stands or is about to, nothing can be bypassed.
    if (delayed == 0 && b.bypass == nullptr && all_zero(b.standing + begin, b.raise + begin, end - begin))
      continue;
    delayed = 0;
    for (size_t row = begin; row < end; ++row) {
      // Nearly all rows: not raised, not about to be, no bypass begins or ends. All else goes the long way.
      const bool quiet =
          b.standing[row] == 0 && b.raise[row] == 0 && b.raise_since[row] == kNever.ns &&
          (b.bypass == nullptr || (b.bypass[row] == 1) == (b.bypassed_since[row] != kNever.ns));
      if (quiet) continue;
      step_cell({events_[event].config, b, event, row, now, changes_[shard], due[group]});
      delayed |= b.raise_since[row] != kNever.ns;
    }
  }
}

void Events::step_cell(const Cell& cell) {
  const Bound& b = cell.b;
  if (b.bypass != nullptr) {
    int64_t& since = b.bypassed_since[cell.row];
    const bool bypassed = b.bypass[cell.row] == 1;
    if (bypassed != (since != kNever.ns))
      cell.change(bypassed ? RecordKind::bypass_begun : RecordKind::bypass_ended);
    since = !bypassed ? kNever.ns : since == kNever.ns ? cell.now.ns : since;
  }
  if (b.standing[cell.row] == 0)
    rise(cell);
  else
    stand(cell);
}

void Events::rise(const Cell& cell) {
  const Bound& b = cell.b;
  const size_t row = cell.row;
  const bool rises = cell.delayed(cell.raise() == 1, b.raise_since[row], cell.config.on_delay);
  const bool bypassed = b.bypass != nullptr && b.bypass[row] == 1;
  if (!rises || bypassed) return cell.say_once(kWithheld, rises, RecordKind::event_withheld);
  // One that was withheld rises as its bypass ends.
  if (b.delay_over != nullptr)
    b.delay_over[row] =
        cell.has(kWithheld) ? cell.now.ns : (Time{b.raise_since[row]} + cell.config.on_delay).ns;
  b.standing[row] = 1;
  b.raise_since[row] = b.clear_since[row] = kNever.ns;
  ++b.occurrence[row];
  b.flags[row] = 0;
  cell.change(RecordKind::event_raised);
  // Raise wins over clear. That both hold is said once each time that it begins, while the event stands.
  cell.say_once(kBoth, cell.clear(), RecordKind::both_true);
  cell.put(kResetHeld, b.reset != nullptr && b.reset[row] == 1);
}

void Events::stand(const Cell& cell) {
  const Bound& b = cell.b;
  const size_t row = cell.row;
  const bool raise = cell.raise() == 1;
  cell.say_once(kBoth, raise && cell.clear(), RecordKind::both_true);
  const bool over = cell.delayed(cell.clear() && !raise, b.clear_since[row], cell.config.off_delay);
  if (cell.config.latched) {
    const bool reset = b.reset[row] == 1;
    if (reset && !over && !cell.has(kResetHeld)) cell.change(RecordKind::reset_refused);
    cell.put(kResetHeld, reset);
    cell.say_once(kLatched, over && !reset, RecordKind::event_latched);
    if (!reset) return;
  }
  if (!over) return;
  b.standing[row] = 0;
  b.flags[row] = 0;
  b.raise_since[row] = b.clear_since[row] = kNever.ns;
  cell.change(RecordKind::event_cleared);
}

void Events::pause(Time last) {
  const auto begin_anew = [&](int64_t* since, size_t rows, Duration delay) {
    for (size_t row = 0; row < rows; ++row)
      if (since[row] != kNever.ns && Time{since[row]} + delay > last) since[row] = kNever.ns;
  };
  for (size_t e = 0; e < events_.size(); ++e) {
    const size_t rows = tables_.rows(events_[e].table);
    begin_anew(bound_[e].raise_since, rows, events_[e].config.on_delay);
    begin_anew(bound_[e].clear_since, rows, events_[e].config.off_delay);
  }
}

std::vector<EventChange>& Events::take_changes() {
  joined_.clear();
  for (auto& changes : changes_) {
    joined_.insert(joined_.end(), changes.begin(), changes.end());
    changes.clear();
  }
  std::stable_sort(joined_.begin(), joined_.end(), [](const EventChange& a, const EventChange& b) {
    return std::pair(a.event, a.row) < std::pair(b.event, b.row);
  });
  for (const EventChange& change : joined_) {
    counters_.bypasses += change.kind == RecordKind::bypass_begun;
    counters_.withheld += change.kind == RecordKind::event_withheld;
    counters_.refused_resets += change.kind == RecordKind::reset_refused;
  }
  return joined_;
}

EventsWaiting Events::waiting() const {
  EventsWaiting out;
  for (size_t e = 0; e < bound_.size(); ++e) {
    const Bound& b = bound_[e];
    for (size_t row = 0; row < tables_.rows(events_[e].table); ++row) {
      out.latched += (b.flags[row] & kLatched) != 0;
      if (b.bypassed_since == nullptr || b.bypassed_since[row] == kNever.ns) continue;
      ++out.bypassed;
      if (out.oldest_since.ns <= b.bypassed_since[row]) continue;
      out.oldest_since = Time{b.bypassed_since[row]};
      out.oldest = e;
      out.oldest_row = static_cast<uint32_t>(row);
    }
  }
  return out;
}

void Events::save(ArchiveWriter& archive) const {
  archive.section("events", 1);
  archive.put(counters_);
}

void Events::restore(ArchiveReader& archive) {
  archive.section("events", 1);
  counters_ = archive.get<EventCounters>();
  for (auto& groups : delayed_) std::fill(groups.begin(), groups.end(), uint8_t{1});
}

}  // namespace looptwin::mml
