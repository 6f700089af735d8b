// What ISA-18.2 (IEC 62682) and EEMUA 191 measure of an alarm system, from its journal. The same code counts
// while a run goes on and reads the journal of a run folder, so that both say the same.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <map>
#include <vector>

#include "base/archive.h"
#include "base/time.h"
#include "mml/alarm_state.h"
#include "mml/config.h"
#include "mml/records.h"

namespace looptwin::mml {

inline constexpr size_t kAlarmPriorities = 4;

/// An alarm on a device: indices that the caller chooses.
struct AlarmInstance {
  uint32_t alarm = 0, table = 0, row = 0;
  auto operator<=>(const AlarmInstance&) const = default;
};

/// A line of the journal, as far as it is counted.
struct AlarmMoment {
  Time at;
  RecordKind what = RecordKind::alarm_raised;
  AlarmInstance instance;
  AlarmPriority priority = AlarmPriority::medium;
  Hidden hidden = 0;  ///< after it
};

/// What is called so here. Periods are counted from the run's start.
struct AlarmDefinitions {
  Duration period = minutes(10);     ///< of rates and floods
  uint32_t flood_begins_above = 10;  ///< annunciations in a period
  uint32_t flood_ends_below = 5;     ///< annunciations in a later period
  uint32_t busy_hour_above = 30;     ///< annunciations in an hour
  uint32_t chattering_from = 3;      ///< annunciations of one instance within chattering_within
  Duration chattering_within = minutes(1);
  Duration fleeting_below = minutes(1);  ///< returned so soon, unanswered
  Duration stale_from = hours(24);       ///< annunciated for so long without a break
  size_t top = 10;                       ///< instances that are the worst
};

struct AlarmReport {
  Duration length{};
  uint64_t annunciated = 0;  ///< shown to a person; what is hidden is not
  uint64_t hidden = 0;       ///< raised while hidden
  uint64_t returned = 0, acknowledged = 0, repeated = 0, late = 0, refused = 0;
  uint64_t shelved = 0, suppressed = 0, out_of_service = 0;              ///< how often
  uint64_t shelved_now = 0, suppressed_now = 0, out_of_service_now = 0;  ///< at the end
  uint64_t standing = 0, unacknowledged = 0;                             ///< at the end, not hidden
  std::array<uint64_t, kAlarmPriorities> by_priority{};
  double per_period = 0, per_hour = 0, per_day = 0;  ///< for each operator
  uint64_t peak = 0;                                 ///< in a period, of all operators together
  uint64_t periods = 0, hours = 0;                   ///< begun in this time
  uint64_t periods_busy = 0, periods_in_flood = 0, hours_busy = 0;
  uint64_t floods = 0;       ///< that began
  double periods_above = 0;  ///< share of periods with more than flood_begins_above
  double hours_above = 0;    ///< share of hours with more than busy_hour_above
  double in_flood = 0;       ///< share of periods
  double top_share = 0;      ///< of the annunciations
  std::vector<std::pair<AlarmInstance, uint64_t>> top;
  uint64_t chattering = 0, stale = 0, fleeting = 0;  ///< instances, instances, times
  Duration to_acknowledge_mean{}, to_acknowledge_p95{};
};

/// What one instance has come to.
struct AlarmTally {
  AlarmInstance instance;
  uint64_t annunciated = 0;
  bool chattering = false, stale = false;
};

class AlarmFigures {
 public:
  explicit AlarmFigures(AlarmDefinitions definitions = {}) : define_(definitions) {}
  /// In order of time.
  void take(const AlarmMoment& moment);
  /// Of the time from the run's start to `end`. Several operators share the alarms evenly: rates are for each
  /// of them, and so many more make a flood or a busy hour.
  AlarmReport report(Time end, uint32_t operators = 1) const;
  /// Of each instance that was annunciated, in their order.
  std::vector<AlarmTally> tallies(Time end) const;
  /// How long each answer took, ns, in the order of answers.
  const std::vector<int64_t>& to_acknowledge() const { return to_acknowledge_; }
  /// How long each that is not answered at `end` has waited, ns.
  std::vector<int64_t> waiting(Time end) const;

  void save(ArchiveWriter& archive) const;
  void restore(ArchiveReader& archive);

 private:
  struct Instance {
    uint64_t annunciated = 0;
    Time raised = kNever;                 ///< while its condition stands
    Time shown = kNever;                  ///< since when it is annunciated: standing and not hidden
    Time unanswered = kNever;             ///< since when it waits for an acknowledgement
    Time before = kNever, last = kNever;  ///< annunciations
    Hidden hidden = 0;
    bool chattered = false, went_stale = false;
  };
  void annunciate(Instance& instance, const AlarmMoment& moment);
  void cover(Instance& instance, Time at) const;
  void fill_rates(AlarmReport& report, uint32_t operators) const;
  bool is_stale(const Instance& instance, Time end) const;

  AlarmDefinitions define_;
  std::map<AlarmInstance, Instance> instances_;
  std::vector<uint32_t> periods_;        ///< annunciations in each
  std::vector<int64_t> to_acknowledge_;  ///< ns, in the order of answers
  std::array<uint64_t, kAlarmPriorities> by_priority_{};
  std::array<uint64_t, kRecordKinds> count_{};
  uint64_t hidden_ = 0, fleeting_ = 0;
};

}  // namespace looptwin::mml
