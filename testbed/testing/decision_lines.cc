#include "testbed/testing/decision_lines.h"

#include <fmt/format.h>

#include "mml/events.h"
#include "testbed/decision_text.h"
#include "testbed/explain/conditions.h"
#include "testbed/scenario.h"
#include "testbed/wiring.h"
#include "twin/registry.h"

namespace looptwin::testbed {
namespace {

using mml::RecordKind;

/// "cool = 27 degC", "stop", "step 2": what a record is about beside its subject; empty where nothing.
std::string detail(const mml::Record& r, const DecisionText& text, Assembly& a) {
  const auto kind = mml::subject_of(r.kind);
  if (r.kind == RecordKind::published) return a.scenario().feeds[r.quantity].name;
  if (r.kind >= RecordKind::step_begun && r.kind <= RecordKind::sequence_aborted)
    return fmt::format("step {}", r.quantity + 1);
  const auto value = [&](const auto& config) {
    const auto code = static_cast<size_t>(r.value);
    if (!config.words.empty())
      return r.value >= 0 && code < config.words.size() ? config.words[code] : std::string("unknown");
    if (config.boolean) return std::string(r.value == 1 ? "true" : "false");
    return shown_value(r.value, config.unit);
  };
  if (kind == mml::SubjectKind::input) return value(a.scenario().inputs[r.subject]);
  if (kind == mml::SubjectKind::event) {
    const auto& event = a.events().all()[r.subject];
    if (!event.evidence.valid()) return {};
    const auto& column = a.schema().column(event.table, event.evidence);
    if (column.storage != lang::Storage::f64) return {};
    if (!column.unit.text.empty()) return shown_value(r.value, column.unit);
    lang::Unit si{std::string(text.quantity_of(r).unit), column.type};
    return shown_value(r.value, si);
  }
  const std::string name(text.quantity_of(r).name);
  const bool setpoint =
      kind == mml::SubjectKind::rule && (r.quantity & mml::kImperative) == 0 && !name.empty();
  if (!setpoint) return name;
  return fmt::format("{} = {}", name, value(a.registry().model(r.device.table).config.setpoints[r.quantity]));
}

}  // namespace

std::vector<std::string> decision_lines(std::span<const mml::Record> records, Assembly& assembly) {
  const DecisionText text(assembly.scenario(), assembly.schema(), assembly.registry(), assembly.wired());
  std::vector<std::string> lines;
  for (const auto& r : records) {
    std::string line = fmt::format("{}  {}  {}", to_string(r.at), mml::name_of(r.kind),
                                   text.name_of_subject(mml::subject_of(r.kind), r.subject));
    if (const auto more = detail(r, text, assembly); !more.empty()) line += ": " + more;
    if (r.device.table != assembly.registry().site())
      line += fmt::format("  {}", assembly.registry().id(r.device));
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace looptwin::testbed
