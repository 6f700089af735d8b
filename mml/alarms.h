// Alarms: events for a person. Conditions raise and clear them, persons answer, hide and reset them, time
// repeats and escalates them; alarm_state.h says what follows from what. Every change is a record and a line
// of the journal, with who did it; nothing is hidden from either.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/archive.h"
#include "lang/schema.h"
#include "mml/alarm_figures.h"
#include "mml/alarm_state.h"
#include "mml/config.h"
#include "mml/events.h"
#include "mml/records.h"
#include "mml/shown.h"
#include "twin/operator_action.h"

namespace looptwin::mml {

/// No event: of an alarm about a flood, and of one that nothing suppresses.
inline constexpr size_t kNoEvent = ~size_t{0};

/// Where it is told whether an alarm's event is the first-out of its group.
struct FirstOutPlace {
  std::string group;
  ColumnId column;
  uint8_t code = 0;  ///< the event's
};

struct Alarm {
  AlarmConfig config;
  size_t event = kNoEvent;        ///< its own, or the one that it is about
  size_t suppression = kNoEvent;  ///< stands while it is suppressed by design
  std::vector<size_t> members;    ///< of a flood: alarms
  TableId table;
  ColumnId state;  ///< (code storage) AlarmState, as shown
  ColumnId held;   ///< boolean: it is not normal, hidden or not; only of a latched one in a first-out's group
  std::optional<FirstOutPlace> first_out;  ///< of its event
  Text cause, consequence, action;
};
void add_columns(lang::Schema& schema, Alarm& alarm);
/// Its event is a member of the group: a latched alarm holds it until it is reset.
void join(lang::Schema& schema, Alarm& alarm, FirstOut& group);

struct AlarmCounters {
  uint64_t raised = 0, returned = 0, acknowledged = 0;
  std::array<uint64_t, kAlarmPriorities> raised_by_priority{};
  std::array<uint64_t, kAlarmPriorities> standing_by_priority{};
};

/// One raising, with the operator's texts as they read at that moment.
struct RaisedAlarm {
  Time at;
  size_t alarm = 0;
  twin::DeviceRef device;
  uint32_t occurrence = 0;
  uint64_t id = 0;
  std::string cause, consequence, action;
  std::string first_out;                          ///< the group in which it came first; empty: it did not
  AlarmState state = AlarmState::unacknowledged;  ///< as shown: it may be hidden
};

/// One line of the journal. The texts live as long as the call that brings it.
struct JournalLine {
  Record record;
  AlarmState state = AlarmState::normal;  ///< as shown after it
  AlarmPriority priority = AlarmPriority::medium;
  std::string_view person;       ///< who did it; empty: the plant, or time
  std::string_view text;         ///< a comment or reason; of what was refused: why
  Time until = kNever;           ///< of a shelving
  std::string_view first_out{};  ///< the group whose first-out it is; empty: of none
};

/// Where alarms are shown and kept.
class AlarmSink {
 public:
  virtual ~AlarmSink() = default;
  virtual void raised(const RaisedAlarm& alarm) = 0;
  virtual void journal(const JournalLine& line) = 0;
};

const char* name_of(AlarmPriority priority);

enum class AlarmOperation : uint8_t {
  acknowledge,
  confirm,
  comment,
  reset,
  shelve,
  unshelve,
  suppress,
  unsuppress,
  out_of_service,
  in_service,
  raise,
  clear,
};
inline constexpr uint8_t kAlarmOperations = 12;
/// Set in the occurrence of an alarm that a person has raised, not its condition.
inline constexpr uint32_t kRaisedByHand = uint32_t{1} << 31;
const char* name_of(AlarmOperation operation);
AlarmOperation operation_of(twin::OperatorVerb verb);  ///< of those that are about alarms
/// It is refused without a comment or a reason, and blanks are none.
bool lacks_text(AlarmOperation what, std::string_view text);
/// The input that it is to an alarm's state; none: it is about something else.
std::optional<AlarmInput> input_of(AlarmOperation what);
/// Everybody may raise and answer; who may hide and reset it, the alarm's role says.
bool needs_role(AlarmOperation what);

/// What a person asks of an alarm on one device.
struct AlarmAction {
  AlarmOperation what = AlarmOperation::acknowledge;
  size_t alarm = 0;
  uint32_t row = 0;
  std::string_view person;  ///< needed
  std::string_view text;    ///< a comment; a reason, which shelve, suppress and out_of_service need
  Duration lasts{};         ///< of shelve
  uint64_t cause = 0;       ///< the id of the person's action, if it has one
  bool has_role = true;     ///< the person has the alarm's role
};

class Alarms {
 public:
  static constexpr size_t kLatest = 3;

  /// `sink` may be null.
  Alarms(std::vector<Alarm> alarms, const std::vector<Event>& events, const lang::Schema& schema,
         const twin::Registry& registry, twin::Tables& tables, AlarmSink* sink);
  const std::vector<Alarm>& all() const { return alarms_; }
  void bind(bool fresh);

  /// A condition has risen or cleared, or a suppression has begun or ended.
  void on_change(const EventChange& change, uint64_t event_id, Time now, std::vector<Record>& log);
  /// Does it, or records the refusal; returns why it was refused, empty: it was done.
  std::string operate(const AlarmAction& action, Time now, std::vector<Record>& log);
  /// What time brings: shelvings and floods that end, answers that are late, alarms that are repeated. After
  /// the boundary's changes.
  void step(Time now, std::vector<Record>& log);

  AlarmState state(size_t alarm, uint32_t row) const { return static_cast<AlarmState>(state_[alarm][row]); }
  const AlarmCounters& counters() const { return counters_; }
  const AlarmFigures& figures() const { return figures_; }
  /// The last few that were shown as they were raised, oldest first.
  const std::deque<RaisedAlarm>& latest() const { return latest_; }
  void save(ArchiveWriter& archive) const;
  void restore(ArchiveReader& archive);

 private:
  struct Key {
    uint32_t alarm = 0, row = 0;
    auto operator<=>(const Key&) const = default;
  };
  /// An alarm that is not normal, or hidden.
  struct Cell {
    AlarmStanding standing;
    AlarmPriority priority = AlarmPriority::medium;
    bool late = false;
    bool by_hand = false;  ///< a person has raised it; its condition has not
    uint32_t occurrence = 0;
    uint64_t cause = 0;
    Time shown = kNever;         ///< last annunciated
    Time respond_from = kNever;  ///< since when it waits for an answer
    Time shelved_until = kNever;
  };
  struct Flood {
    size_t alarm = 0;
    std::vector<bool> member;  ///< [alarm]
    std::deque<Time> raised;   ///< of members, within the window
    uint32_t occurrence = 0;
    bool standing = false;
  };
  /// What a change of an event means to an alarm.
  struct Follower {
    size_t alarm = 0;
    bool suppression = false;
  };
  struct Said {
    std::string_view person{}, text{};
    Time until = kNever;
    uint64_t cause = 0;
  };

  Cell& cell(Key key);
  void settle(Key key);
  void occurs(Key key, uint32_t occurrence, const Said& said, Time now, std::vector<Record>& log);
  void returns(Key key, const Said& said, Time now, std::vector<Record>& log);
  void hide(Key key, Hidden why, RecordKind kind, const Said& said, Time now, std::vector<Record>& log);
  void lift(Key key, Hidden why, RecordKind kind, const Said& said, Time now, std::vector<Record>& log);
  void follow_suppression(Key key, uint64_t cause, Time now, std::vector<Record>& log);
  bool count_in_floods(size_t alarm, Time now, std::vector<Record>& log);
  void end_floods(Time now, std::vector<Record>& log);
  void pass_time(Key key, Time now, std::vector<Record>& log);
  Time due(Key key, const Cell& cell) const;
  std::string refusal(const AlarmAction& action, const Cell& cell) const;
  void carry_out(const AlarmAction& action, Time now, std::vector<Record>& log);
  void note(RecordKind kind, Key key, const Said& said, Time now, std::vector<Record>& log);
  void tell(Key key, Time now);
  AlarmTraits traits(Key key) const;
  /// The group whose first-out it is; empty: of none.
  std::string_view first_out(Key key) const;

  std::vector<Alarm> alarms_;
  const std::vector<Event>& events_;
  const twin::Registry& registry_;
  twin::Tables& tables_;
  AlarmSink* sink_;
  Showing showing_;
  std::vector<std::vector<Follower>> followers_;  ///< [event]
  std::vector<uint8_t*> state_, held_;            ///< [alarm]; held_ may be null
  std::map<Key, Cell> cells_;
  std::vector<Flood> floods_;
  std::vector<Key> due_now_;  ///< scratch
  Time due_ = kNever;         ///< no later than the next thing that time brings
  AlarmCounters counters_;
  uint32_t by_hand_ = 0;  ///< how often persons have raised one
  AlarmFigures figures_;
  std::deque<RaisedAlarm> latest_;
};

}  // namespace looptwin::mml
