// What a run folder could not hold, at the place that says so: names that it has for itself, and ids that its
// tables cannot list.
#include <fmt/format.h>

#include "testbed/reading/resolve.h"
#include "testbed/run_names.h"
#include "twin/record_rules.h"

namespace looptwin::testbed {
namespace {

void check_model(Reader& reader, const Draft& draft, const ModelDraft& model) {
  if (is_one_of(model.name, kRunLogs))
    reader.error(model.span,
                 fmt::format("a run folder has a log '{}', beside which no model can be", model.name),
                 "choose another name, as that of one device: pump");
  if (model.name == kWholeSite)
    reader.error(model.span, fmt::format("'{}' is what a run folder calls all devices together", model.name),
                 "choose another name");
  for (const auto& history : draft.scenario.history)
    if (!history.raw.empty() && history.raw != "**" &&
        model.name == fmt::format("{}{}", history.model, kKeptEnding))
      reader.error(model.span,
                   fmt::format("'{}' is what a run folder calls the devices of '{}' whose samples it keeps",
                               model.name, history.model),
                   "choose another name");
  for (const auto& field : model.telemetry)
    if (is_one_of(field.name, kGridParts) || field.name == kTakenInAfter)
      reader.error(field.span,
                   fmt::format("no field is called '{}': a run folder has that beside each model's fields",
                               field.name),
                   fmt::format("choose another name, as {}_{}", model.name, field.name));
}

/// A derived value or a machine's state, which may be called as it likes while it is not kept.
template <typename Config>
void check_kept(Reader& reader, const Config& config) {
  if (config.every.ns > 0 && is_one_of(config.name, kGridParts))
    reader.error(
        config.span,
        fmt::format("'{}' cannot be kept: a run folder has that beside each model's values", config.name),
        "choose another name, or remove every:");
}

bool can_be_listed(std::string_view id) {
  return twin::is_line(id) && id.find_first_of(",\"") == std::string_view::npos;
}

void check_ids(Reader& reader, const FleetDraft& entry) {
  const auto report = [&](std::string_view id, const char* what) {
    reader.error(entry.span, fmt::format("{} '{}' has a comma, a quote or a control character", what, id),
                 "ids stand in tables of the run folder: leave these out");
  };
  if (!can_be_listed(entry.id)) return report(entry.id, "the id pattern");
  for (const auto& id : entry.ids)
    if (!can_be_listed(id)) return report(id, "the id");
}

}  // namespace

void resolve_names(Reader& reader, const Draft& draft) {
  for (const auto& model : draft.models) check_model(reader, draft, model);
  for (const auto& derived : draft.scenario.derived) check_kept(reader, derived);
  for (const auto& machine : draft.scenario.machines) check_kept(reader, machine);
  for (const auto& entry : draft.fleet) check_ids(reader, entry);
}

}  // namespace looptwin::testbed
