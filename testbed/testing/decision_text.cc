#include "testbed/testing/decision_text.h"

#include <fmt/format.h>

#include "testbed/explain/conditions.h"

namespace looptwin::testbed {
namespace {

using mml::RecordKind;

/// "setback: cool = 27 degC"
std::string of_rule(const mml::Record& r, Assembly& a) {
  const auto& rule = a.rules().all()[r.subject].config.name;
  if (r.kind == RecordKind::published)
    return fmt::format("{}: {}", rule, a.scenario().feeds[r.quantity].name);
  if (r.kind >= RecordKind::step_begun && r.kind <= RecordKind::sequence_aborted)
    return fmt::format("{}: step {}", rule, r.quantity + 1);
  const auto& model = a.registry().model(r.device.table).config;
  if ((r.quantity & mml::kImperative) != 0)
    return fmt::format("{}: {}", rule, model.commands[r.quantity & ~mml::kImperative].name);
  const auto& setpoint = model.setpoints[r.quantity];
  if (!setpoint.words.empty() && r.value >= 0 && r.value < static_cast<double>(setpoint.words.size()))
    return fmt::format("{}: {} = {}", rule, setpoint.name, setpoint.words[static_cast<size_t>(r.value)]);
  if (setpoint.boolean)
    return fmt::format("{}: {} = {}", rule, setpoint.name, r.value == 1 ? "true" : "false");
  return fmt::format("{}: {} = {}", rule, setpoint.name, shown_value(r.value, setpoint.unit));
}

std::string of_input(const mml::Record& r, Assembly& a) {
  const auto& input = a.people().inputs()[r.subject].config;
  if (!input.words.empty() && r.value >= 0 && r.value < static_cast<double>(input.words.size()))
    return fmt::format("{} = {}", input.name, input.words[static_cast<size_t>(r.value)]);
  return input.boolean ? input.name : fmt::format("{} = {}", input.name, shown_value(r.value, input.unit));
}

std::string subject(const mml::Record& r, Assembly& a) {
  switch (mml::subject_of(r.kind)) {
    case mml::SubjectKind::event: {
      const auto& event = a.events().all()[r.subject];
      if (!event.evidence.valid()) return event.config.name;
      const auto& column = a.schema().column(event.table, event.evidence);
      return column.storage != lang::Storage::f64
                 ? event.config.name
                 : fmt::format("{}, {}", event.config.name, shown_value(r.value, column.unit));
    }
    case mml::SubjectKind::alarm:
      return a.alarms().all()[r.subject].config.event.name;
    case mml::SubjectKind::input:
      return of_input(r, a);
    case mml::SubjectKind::rule:
      return of_rule(r, a);
  }
  return {};
}

}  // namespace

std::vector<std::string> decision_lines(std::span<const mml::Record> records, Assembly& assembly) {
  std::vector<std::string> lines;
  for (const auto& r : records) {
    std::string kind = mml::name_of(r.kind);
    const bool site = r.device.table == assembly.registry().site();
    lines.push_back(fmt::format("{}  {}  {}{}", to_string(r.at), kind, subject(r, assembly),
                                site ? "" : fmt::format("  {}", assembly.registry().id(r.device))));
  }
  return lines;
}

}  // namespace looptwin::testbed
