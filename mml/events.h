// Events: conditions over the twin that rise, stand and clear, with delays. Alarms' own conditions are
// events, too. One event lives on every device of a model (or on the site) and its states are columns like
// all others.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/archive.h"
#include "lang/plan.h"
#include "lang/schema.h"
#include "mml/config.h"
#include "mml/records.h"
#include "twin/registry.h"
#include "twin/tables.h"

namespace looptwin::mml {

/// An event wired into tables: its conditions' columns come from the plan, its own columns from
/// add_columns().
struct Event {
  EventConfig config;
  TableId table;
  bool of_alarm = false;  ///< made for an alarm's own condition: not a decision by itself
  ColumnId standing;      ///< boolean: what expressions read under the event's name
  ColumnId raise, clear;  ///< boolean conditions
  ColumnId evidence;  ///< the quantity that `raise` first compares, where it compares one: the record's value
  ColumnId raise_since, clear_since;  ///< instants: when the running delay began
  ColumnId occurrence;                ///< (storage row) how often it has risen
  ColumnId both;                      ///< boolean: `raise` and `clear` both hold while it stands
};

/// Adds the event's own columns to the schema: `name` for `standing` and hidden ones for its state.
void add_columns(lang::Schema& schema, Event& event);

/// A change of one event on one device, at this boundary.
struct EventChange {
  uint32_t event = 0;
  uint32_t row = 0;
  uint32_t occurrence = 0;
  RecordKind kind = RecordKind::event_raised;
};

class Events {
 public:
  Events(std::vector<Event> events, const twin::Registry& registry, twin::Tables& tables);

  const std::vector<Event>& all() const { return events_; }
  /// Initial values, and pointers; after all columns are allocated. `fresh` is false when a state was
  /// restored.
  void bind(bool fresh);

  /// Rows [first, first + count) at `now`: the state machine of one event. Appends to the shard's own list.
  void step(size_t event, Time now, size_t shard, size_t first, size_t count, Time* due);

  /// All changes of this boundary by (event, row), and forgets them.
  std::vector<EventChange>& take_changes();

  bool stands(size_t event, uint32_t row) const { return bound_[event].standing[row] == 1; }
  uint32_t occurrence(size_t event, uint32_t row) const { return bound_[event].occurrence[row]; }

 private:
  struct Bound {
    uint8_t* standing;
    const uint8_t* raise;
    const uint8_t* clear;
    int64_t* raise_since;
    int64_t* clear_since;
    uint32_t* occurrence;
    uint8_t* both;
  };
  void step_row(size_t event, const Bound& b, Time now, size_t row, std::vector<EventChange>& changes,
                Time& due);

  std::vector<Event> events_;
  twin::Tables& tables_;
  std::vector<Bound> bound_;
  std::vector<std::vector<EventChange>> changes_;  ///< [shard]
  std::vector<EventChange> joined_;
};

}  // namespace looptwin::mml
