#include "testbed/decision_text.h"

#include "base/check.h"

namespace looptwin::testbed {

DecisionText::DecisionText(const Scenario& scenario, const lang::Schema& schema,
                           const twin::Registry& registry, const Wired& wired)
    : scenario_(scenario), registry_(registry) {
  for (const auto& event : wired.events) {
    event_names_.push_back(event.config.name);
    const bool compares = event.evidence.valid();
    event_units_.push_back(compares
                               ? lang::unit_text(schema.column(event.table, event.evidence).type.dimension)
                               : std::string());
  }
  for (const auto& group : wired.first_outs) first_out_names_.push_back(group.name);
  for (const auto& rule : wired.rules) rule_names_.push_back(rule.config.name);
  for (const auto& alarm : wired.alarms) alarm_names_.push_back(alarm.config.event.name);
}

const std::string& DecisionText::name_of_subject(mml::SubjectKind kind, size_t index) const {
  switch (kind) {
    case mml::SubjectKind::event:
      return event_names_[index];
    case mml::SubjectKind::rule:
      return rule_names_[index];
    case mml::SubjectKind::alarm:
      return alarm_names_[index];
    case mml::SubjectKind::input:
      return scenario_.inputs[index].name;
  }
  LT_CHECK(false, "a subject without a name");
}

/// What a record's value is of, and in which unit it is kept.
DecisionText::Quantity DecisionText::quantity_of(const mml::Record& r) const {
  using enum mml::RecordKind;
  if (r.kind == input_refused) return {mml::name_of(static_cast<mml::Refusal>(r.quantity)), {}, r.value};
  switch (mml::subject_of(r.kind)) {
    case mml::SubjectKind::event:
      return {r.kind == first_out ? std::string_view(first_out_names_[r.quantity]) : std::string_view(),
              event_units_[r.subject], r.value};
    case mml::SubjectKind::alarm:
      return {{}, {}, r.value};
    case mml::SubjectKind::input: {
      const auto& unit = scenario_.inputs[r.subject].unit;
      return {{}, unit.text, unit.text.empty() ? r.value : unit.from_si(r.value)};
    }
    case mml::SubjectKind::rule:
      break;
  }
  if (r.kind >= step_begun && r.kind <= sequence_aborted) return {"step", {}, r.quantity + 1.0};
  if (r.kind > command_superseded && r.kind != outranked) return {{}, {}, r.value};
  const auto& model = registry_.model(r.device.table).config;
  if ((r.quantity & mml::kImperative) != 0)
    return {model.commands[r.quantity & ~mml::kImperative].name, {}, 0};
  const auto& setpoint = model.setpoints[r.quantity];
  return {setpoint.name, setpoint.unit.text, setpoint.unit.from_si(r.value)};
}

}  // namespace looptwin::testbed
