// Atoms about what the loop decided at a boundary: issued(stop), acknowledged(cool), raised(overload). Each
// is a function of one name, and true at the one boundary at which the decision's record was made.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "mml/sinks.h"
#include "testbed/requirements/compiled.h"

namespace looptwin::testbed {

/// What a function is about: `issued` of commands and setpoints, `raised` of events and alarms.
struct PulseFunction {
  std::string_view name;
  mml::RecordKind kind;
  mml::RecordKind of_alarm;  ///< of events' functions: the same of an alarm
  bool of_event = false;
  bool of_setpoint_only = false;
};
const PulseFunction* find_pulse(std::string_view function);  ///< null: none of ours

/// Stands before the run folder's log of decisions, and marks the devices that requirements ask about.
class PulseTap final : public mml::DecisionSink {
 public:
  struct Marks {
    Pulse pulse;
    std::vector<uint8_t> rows;  ///< [row of the pulse's table]
  };
  /// `next` may be null; both outlive this.
  PulseTap(std::vector<Marks>& marks, mml::DecisionSink* next) : marks_(marks), next_(next) {}
  bool decided(Time boundary, std::span<const mml::Record> records) override;

 private:
  std::vector<Marks>& marks_;
  mml::DecisionSink* next_;
};

}  // namespace looptwin::testbed
