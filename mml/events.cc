#include "mml/events.h"

#include <algorithm>

namespace looptwin::mml {

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
  event.both =
      schema.add_column(event.table, {hidden + ".both", lang::Type::boolean(), {}, lang::Storage::boolean});
}

Events::Events(std::vector<Event> events, const twin::Registry&, twin::Tables& tables)
    : events_(std::move(events)), tables_(tables) {}

void Events::bind(bool fresh) {
  bound_.clear();
  changes_.assign(tables_.shards().size(), {});
  for (const auto& event : events_) {
    Bound b{};
    b.standing = tables_.values<uint8_t>(event.table, event.standing).data();
    b.raise = tables_.values<uint8_t>(event.table, event.raise).data();
    b.clear = tables_.values<uint8_t>(event.table, event.clear).data();
    b.raise_since = tables_.values<int64_t>(event.table, event.raise_since).data();
    b.clear_since = tables_.values<int64_t>(event.table, event.clear_since).data();
    b.occurrence = tables_.values<uint32_t>(event.table, event.occurrence).data();
    b.both = tables_.values<uint8_t>(event.table, event.both).data();
    bound_.push_back(b);
    if (!fresh) continue;
    const size_t rows = tables_.rows(event.table);
    std::fill_n(b.standing, rows, uint8_t{0});
    std::fill_n(b.occurrence, rows, 0u);
    std::fill_n(b.both, rows, uint8_t{0});
  }
}

void Events::step(size_t event, Time now, size_t shard, size_t first, size_t count, Time* due) {
  const Bound& b = bound_[event];
  auto& changes = changes_[shard];
  for (size_t row = first; row < first + count; ++row) {
    // Nearly all rows: not raised and not about to be. Everything else goes the long way.
    const bool quiet = b.standing[row] == 0 && b.raise[row] == 0 && b.raise_since[row] == kNever.ns;
    if (!quiet) step_row(event, b, now, row, changes, due[row / twin::kGroupRows]);
  }
}

void Events::step_row(size_t event, const Bound& b, Time now, size_t row, std::vector<EventChange>& changes,
                      Time& due) {
  const EventConfig& config = events_[event].config;
  uint8_t raise = b.raise[row];
  uint8_t clear = b.clear[row];
  if (raise == 2 && config.unknown == OnUnknown::raise) raise = 1;
  if (clear == 2 && config.unknown == OnUnknown::clear) clear = 1;
  if (raise == 2 && config.unknown == OnUnknown::clear) raise = 0;
  const auto change = [&](RecordKind kind) {
    changes.push_back({static_cast<uint32_t>(event), static_cast<uint32_t>(row), b.occurrence[row], kind});
  };
  // A delay runs while its condition is true; false and unknown both end it. True when it has run out.
  const auto delayed = [&](bool condition, int64_t& since, Duration delay) {
    if (!condition) {
      since = kNever.ns;
      return false;
    }
    if (since == kNever.ns) since = now.ns;
    const Time when = Time{since} + delay;
    if (when <= now) return true;
    due = std::min(due, when);
    return false;
  };

  // Raise wins over clear. That both hold is said once each time that it begins, while the event stands.
  const auto note_both = [&] {
    const uint8_t both = raise == 1 && clear == 1;
    if (both > b.both[row]) change(RecordKind::both_true);
    b.both[row] = both;
  };

  if (b.standing[row] == 0) {
    if (!delayed(raise == 1, b.raise_since[row], config.on_delay)) return;
    b.standing[row] = 1;
    b.raise_since[row] = b.clear_since[row] = kNever.ns;
    ++b.occurrence[row];
    change(RecordKind::event_raised);
    note_both();
    return;
  }
  note_both();
  if (!delayed(clear == 1 && raise != 1, b.clear_since[row], config.off_delay)) return;
  b.standing[row] = 0;
  b.raise_since[row] = b.clear_since[row] = kNever.ns;
  change(RecordKind::event_cleared);
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
  return joined_;
}

}  // namespace looptwin::mml
