// Alarms: events for a person, with the states of ISA-18.2 (IEC 62682): unacknowledged, acknowledged,
// returned. Every change is journalled as a record; the figures are kept as they happen.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "base/archive.h"
#include "lang/schema.h"
#include "mml/config.h"
#include "mml/events.h"
#include "mml/records.h"
#include "mml/shown.h"

namespace looptwin::mml {

enum class AlarmState : uint8_t { normal, unacknowledged, acknowledged, returned };

struct Alarm {
  AlarmConfig config;
  size_t event = 0;  ///< its own, or the one that it is about
  TableId table;
  ColumnId state;  ///< (code storage) AlarmState
  Text cause, consequence, action;
};
void add_columns(lang::Schema& schema, Alarm& alarm);

struct AlarmCounters {
  uint64_t raised = 0, returned = 0, acknowledged = 0;
  std::array<uint64_t, 4> raised_by_priority{};
  std::array<uint64_t, 4> standing_by_priority{};
};

/// One raising, with the operator's texts as they read at that moment.
struct RaisedAlarm {
  Time at;
  size_t alarm = 0;
  twin::DeviceRef device;
  uint32_t occurrence = 0;
  uint64_t id = 0;
  std::string cause, consequence, action;
};

/// Where alarms are shown and kept.
class AlarmSink {
 public:
  virtual ~AlarmSink() = default;
  virtual void raised(const RaisedAlarm& alarm) = 0;
};

const char* name_of(AlarmPriority priority);

class Alarms {
 public:
  static constexpr size_t kLatest = 3;

  /// `sink` may be null.
  Alarms(std::vector<Alarm> alarms, const std::vector<Event>& events, const lang::Schema& schema,
         const twin::Registry& registry, twin::Tables& tables, AlarmSink* sink);
  const std::vector<Alarm>& all() const { return alarms_; }
  void bind(bool fresh);

  void on_change(const EventChange& change, uint64_t event_id, Time now, std::vector<Record>& log);
  /// An operator's acknowledgement; false when the alarm is not unacknowledged there.
  bool acknowledge(size_t alarm, uint32_t row, Time now, std::vector<Record>& log);

  const AlarmCounters& counters() const { return counters_; }
  /// The last few that were raised, oldest first.
  const std::deque<RaisedAlarm>& latest() const { return latest_; }
  void save(ArchiveWriter& archive) const;
  void restore(ArchiveReader& archive);

 private:
  void raise(size_t alarm, const EventChange& change, Time now);
  Record record(RecordKind kind, size_t alarm, uint32_t row, uint32_t occurrence, uint64_t cause,
                Time now) const;
  std::vector<Alarm> alarms_;
  const std::vector<Event>& events_;
  const twin::Registry& registry_;
  twin::Tables& tables_;
  AlarmSink* sink_;
  Showing showing_;
  std::vector<uint8_t*> state_;
  std::vector<const uint32_t*> occurrence_;
  AlarmCounters counters_;
  std::deque<RaisedAlarm> latest_;
};

}  // namespace looptwin::mml
