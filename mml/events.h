// Events: conditions over the twin that rise, stand and clear, with delays; latched ones stand until they are
// reset, bypassed ones do not rise. Alarms' own conditions are events, too. One event lives on every device
// of a model (or on the site) and its states are columns like all others.
#pragma once

#include <memory>
#include <optional>
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
  static constexpr size_t kNoGroup = ~size_t{0};
  EventConfig config;
  TableId table;
  bool of_alarm = false;        ///< made for an alarm's own condition: not a decision by itself
  ColumnId standing;            ///< boolean: what expressions read under the event's name
  ColumnId raise, clear;        ///< boolean conditions
  lang::NodeId raises, clears;  ///< the same in the graph, for who explains them
  ColumnId evidence;  ///< the quantity that `raise` first compares, where it compares one: the record's value
  struct Set {
    RelationId relation;  ///< of the event's table
    TableId member;
    ColumnId value;  ///< what is aggregated
  };
  std::optional<Set> over;            ///< the first set whose members `raise` aggregates
  ColumnId raise_since, clear_since;  ///< instants: when the running delay began
  ColumnId occurrence;                ///< (storage row) how often it has risen
  ColumnId flags;                     ///< (storage code) what has been said already
  ColumnId reset, bypass;             ///< boolean conditions; invalid where it has none
  ColumnId bypassed_since;            ///< instant; only where it can be bypassed
  size_t first_out = kNoGroup;        ///< the group in which it is a member
  ColumnId delay_over;                ///< instant: when its delay ended, as it rose; only of members
};

/// A group of events of one table. The first that rises is kept until none stands and no alarm waits for its
/// reset: it is often what brought the others. Of such that rise at one boundary the first is the one whose
/// delay ended first, then the earlier in `members`.
struct FirstOut {
  std::string name;
  Span span;
  TableId table;
  std::vector<size_t> members;  ///< events, in file order
  std::vector<ColumnId> held;   ///< boolean: members' alarms that wait for a person's reset
  ColumnId column;              ///< word: `none`, or a member's name
};

/// Adds the event's own columns to the schema: `name` for `standing` and hidden ones for its state.
void add_columns(lang::Schema& schema, Event& event);
/// Adds the group's column, as a word, and what its members need in it.
void add_columns(lang::Schema& schema, FirstOut& group, std::vector<Event>& events);

struct EventCounters {
  uint64_t bypasses = 0, withheld = 0, refused_resets = 0;
};

/// What somebody may have forgotten: events that are bypassed, and such that wait for their reset.
struct EventsWaiting {
  uint64_t bypassed = 0, latched = 0;
  Time oldest_since = kNever;  ///< of the bypasses
  size_t oldest = 0;           ///< that event, and
  uint32_t oldest_row = 0;     ///< its device
};

/// How many members of the set that an event is over have a good value now, and how many there are.
struct Counted {
  uint32_t used = 0;
  uint32_t members = 0;
};
Counted count_members(const Event& event, size_t row, const lang::Schema& schema,
                      const twin::Registry& registry, twin::Tables& tables);

/// A change of one event on one device, at this boundary.
struct EventChange {
  uint32_t event = 0;
  uint32_t row = 0;
  uint32_t occurrence = 0;
  RecordKind kind = RecordKind::event_raised;
};

class Events {
 public:
  Events(std::vector<Event> events, const twin::Registry& registry, twin::Tables& tables,
         std::vector<FirstOut> first_outs = {});

  const std::vector<Event>& all() const { return events_; }
  /// Initial values, and pointers; after all columns are allocated. `fresh` is false when a state was
  /// restored.
  void bind(bool fresh);

  /// Rows [first, first + count), whole groups of 64, at `now`: the state machine of one event. Appends to
  /// the shard's own list.
  void step(size_t event, Time now, size_t shard, size_t first, size_t count, Time* due);
  /// The same of a group, after its members.
  void step_first_out(size_t group, Time now, size_t shard, size_t first, size_t count, Time* due);

  /// The boundaries after `last` were missed: delays that had not run out by then begin anew, what stands
  /// goes on.
  void pause(Time last);

  /// All changes of this boundary by (event, row), and forgets them.
  std::vector<EventChange>& take_changes();

  bool stands(size_t event, uint32_t row) const { return bound_[event].standing[row] == 1; }
  uint32_t occurrence(size_t event, uint32_t row) const { return bound_[event].occurrence[row]; }
  const EventCounters& counters() const { return counters_; }
  EventsWaiting waiting() const;
  /// The counters; what stands is in the tables.
  void save(ArchiveWriter& archive) const;
  void restore(ArchiveReader& archive);

 private:
  struct Bound {
    uint8_t* standing;
    const uint8_t* raise;
    const uint8_t* clear;
    const uint8_t* reset;   ///< null: it has none
    const uint8_t* bypass;  ///< null: it has none
    int64_t* raise_since;
    int64_t* clear_since;
    int64_t* bypassed_since;
    int64_t* delay_over;  ///< null: in no group
    uint32_t* occurrence;
    uint8_t* flags;
  };
  struct Group {
    uint8_t* first;
    std::vector<const uint8_t*> standing, held;
    std::vector<const int64_t*> delay_over;
  };
  struct Cell;  // one event on one device at this boundary
  void bind_first_outs(bool fresh);
  static void step_cell(const Cell& cell);
  static void rise(const Cell& cell);
  static void stand(const Cell& cell);

  std::vector<Event> events_;
  std::vector<FirstOut> first_outs_;
  twin::Tables& tables_;
  std::vector<Bound> bound_;
  std::vector<std::vector<uint8_t>> delayed_;  ///< [event][group] 0: no row's raise_since is set; not saved
  std::vector<Group> groups_;
  std::vector<std::vector<EventChange>> changes_;  ///< [shard]
  std::vector<EventChange> joined_;
  EventCounters counters_;
};

}  // namespace looptwin::mml
