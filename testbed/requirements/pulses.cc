#include "testbed/requirements/pulses.h"

namespace looptwin::testbed {

const PulseFunction* find_pulse(std::string_view function) {
  using enum mml::RecordKind;
  static constexpr PulseFunction kFunctions[] = {
      {"issued", command_issued, command_issued},
      {"sent", command_sent, command_sent},
      {"acknowledged", command_acknowledged, command_acknowledged},
      {"verified", command_verified, command_verified},
      {"refused", command_refused, command_refused},
      {"failed", command_failed, command_failed},
      {"expired", command_expired, command_expired},
      {"superseded", command_superseded, command_superseded},
      {"claimed", claimed, claimed, false, true},
      {"released", released, released, false, true},
      {"yielded", yielded, yielded, false, true},
      {"raised", event_raised, alarm_raised, true},
      {"cleared", event_cleared, alarm_returned, true},
  };
  for (const auto& known : kFunctions)
    if (known.name == function) return &known;
  return nullptr;
}

bool PulseTap::decided(Time boundary, std::span<const mml::Record> records) {
  for (const auto& record : records) {
    for (auto& mark : marks_) {
      const Pulse& pulse = mark.pulse;
      if (record.kind != pulse.kind || record.device.table != pulse.table) continue;
      const bool of_rule = mml::subject_of(pulse.kind) == mml::SubjectKind::rule;
      if (of_rule ? record.quantity == pulse.quantity : record.subject == pulse.subject)
        mark.rows[record.device.row.index()] = 1;
    }
  }
  return next_ == nullptr || next_->decided(boundary, records);
}

}  // namespace looptwin::testbed
