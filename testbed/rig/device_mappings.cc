#include "testbed/rig/device_mappings.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "hil/conventions/convention.h"
#include "hil/conventions/sparkplug/topic.h"

namespace looptwin::testbed {
namespace {

using hil::Mapping;
using hil::Place;

/// A mapping that came with us; it is right, or a test of ours fails.
Result<DeviceDraft> load_ready(const DeviceDraft& asked) {
  const auto text = ready_mapping(asked.ready);
  if (!text)
    return failure(asked.ready_span, fmt::format("no ready mapping is called '{}'", asked.ready),
                   "ready mappings: " + joined(ready_mapping_names()));
  const auto source =
      std::make_shared<const Source>(Source{"mappings/" + asked.ready + ".yaml", std::string(*text)});
  Diagnostics problems;
  const auto document = yaml::parse(source, problems);
  const lang::Units units;
  Reader reader{units, problems, document.complete};
  DeviceDraft draft;
  draft.mapping.span = Span{source, 0, 0};
  device_section().read(reader, document.root, draft.mapping.span, draft);
  if (problems.empty()) check_device(reader, draft);
  if (has_errors(problems)) return tl::make_unexpected(std::move(problems));
  return draft;
}

/// Names of places, each once, for people.
std::string names_of(const std::vector<Place>& places) {
  std::vector<std::string> names;
  for (const auto& place : places)
    if (std::find(names.begin(), names.end(), place.name) == names.end()) names.push_back(place.name);
  return joined(names);
}

/// The rig's places over those of a ready mapping: `load: power` says that the model's load is its power.
void lay_over(const std::vector<Place>& ready, std::vector<Place>& places, const std::string& name,
              Diagnostics& problems) {
  std::vector<Place> out;
  const auto given = [&](const std::string& model_name) {
    return std::any_of(places.begin(), places.end(),
                       [&](const auto& place) { return place.name == model_name; });
  };
  for (const auto& place : places) {
    if (place.topic || place.at.starts_with('/')) {
      out.push_back(place);
      continue;
    }
    bool found = false;
    for (Place copy : ready) {
      if (copy.name != place.at) continue;
      found = true;
      copy.name = place.name;
      copy.span = place.span;
      if (place.unit) copy.unit = place.unit;
      out.push_back(std::move(copy));
    }
    if (!found)
      problems.push_back({Severity::error, place.span, fmt::format("{} has no '{}'", name, place.at),
                          "it has: " + names_of(ready)});
  }
  for (const auto& place : ready)
    if (!given(place.name)) out.push_back(place);
  places = std::move(out);
}

/// Places of quantities that the model does not have are of no use, if they came with a ready mapping.
template <typename Quantities>
void check_places(std::vector<Place>& places, const Quantities& quantities, const DeviceDraft& draft,
                  const char* what, Diagnostics& problems) {
  const auto unknown = [&](const Place& place) {
    return std::none_of(quantities.begin(), quantities.end(),
                        [&](const auto& q) { return q.name == place.name; });
  };
  for (const auto& place : places)
    if (unknown(place) && place.span.source == draft.mapping.span.source)
      problems.push_back({Severity::error,
                          place.span,
                          fmt::format("{} has no {} '{}'", draft.mapping.model, what, place.name),
                          {}});
  std::erase_if(places, unknown);
}

Result<Mapping> mapping_of(const DeviceDraft& draft, const twin::ModelConfig& model) {
  Mapping mapping = draft.mapping;
  Diagnostics problems;
  if (!draft.ready.empty()) {
    const auto ready = load_ready(draft);
    if (!ready) return tl::make_unexpected(ready.error());
    const Mapping& under = ready->mapping;
    mapping.convention = under.convention;
    if (!mapping.telemetry) mapping.telemetry = under.telemetry;
    if (!mapping.commands) mapping.commands = under.commands;
    if (!mapping.identity) mapping.identity = under.identity;
    if (!mapping.confirmations) mapping.confirmations = under.confirmations;
    if (!mapping.acknowledgements) mapping.acknowledgements = under.acknowledgements;
    if (!mapping.presence) {
      mapping.presence = under.presence;
      mapping.online = under.online;
      mapping.offline = under.offline;
      mapping.presence_at = under.presence_at;
      mapping.gateway = under.gateway;
      mapping.ask = under.ask;
      mapping.ask_payload = under.ask_payload;
    }
    lay_over(under.fields, mapping.fields, draft.ready, problems);
    lay_over(under.setpoints, mapping.setpoints, draft.ready, problems);
    lay_over(under.orders, mapping.orders, draft.ready, problems);
  }
  check_places(mapping.fields, model.telemetry, draft, "telemetry field", problems);
  check_places(mapping.setpoints, model.setpoints, draft, "setpoint", problems);
  check_places(mapping.orders, model.commands, draft, "command", problems);
  const auto check_unit = [&](const Place& place, const lang::Unit& unit, bool number) {
    if (place.unit && (!number || place.unit->type.dimension != unit.type.dimension))
      problems.push_back({Severity::error, place.span,
                          fmt::format("{} is no unit of {}'s {}", place.unit->text, model.name, place.name),
                          number ? fmt::format("the model has it in {}", unit.text) : "it is no number"});
  };
  for (const auto& place : mapping.fields)
    for (const auto& field : model.telemetry)
      if (field.name == place.name) check_unit(place, field.unit, !field.boolean && field.words.empty());
  for (const auto& place : mapping.setpoints)
    for (const auto& setpoint : model.setpoints)
      if (setpoint.name == place.name)
        check_unit(place, setpoint.unit, !setpoint.boolean && setpoint.words.empty());
  if (!problems.empty()) return tl::make_unexpected(std::move(problems));
  return mapping;
}

}  // namespace

Result<std::vector<Mapping>> device_mappings(const RigConfig& rig, const Scenario& scenario) {
  std::vector<Mapping> mappings;
  std::vector<std::string> names;
  Diagnostics problems;
  for (const auto& model : scenario.models) names.push_back(model.name);
  for (const auto& draft : rig.devices)
    if (std::find(names.begin(), names.end(), draft.mapping.model) == names.end())
      problems.push_back({Severity::error, draft.mapping.span,
                          fmt::format("'{}' is no model of {}", draft.mapping.model, scenario.name),
                          "its models: " + joined(names)});
  for (const auto& model : scenario.models) {
    mappings.push_back(hil::plain_mapping(model.name));
    for (const auto& draft : rig.devices) {
      if (draft.mapping.model != model.name) continue;
      for (const auto& period : draft.periods)
        if (std::none_of(model.telemetry.begin(), model.telemetry.end(),
                         [&](const auto& field) { return field.name == period.field; }))
          problems.push_back({Severity::error,
                              period.span,
                              fmt::format("{} has no telemetry field '{}'", model.name, period.field),
                              {}});
      auto made = mapping_of(draft, model);
      if (made)
        mappings.back() = std::move(*made);
      else
        problems.insert(problems.end(), made.error().begin(), made.error().end());
    }
    mappings.back().sparkplug = rig.sparkplug;
  }
  if (!problems.empty()) return tl::make_unexpected(std::move(problems));
  return mappings;
}

Result<void> check_addresses(const RigConfig& rig, const std::vector<Mapping>& mappings,
                             const twin::Registry& registry) {
  Diagnostics problems;
  for (size_t m = 0; m < mappings.size(); ++m) {
    const auto& mapping = mappings[m];
    const auto draft = std::find_if(rig.devices.begin(), rig.devices.end(), [&](const auto& d) {
      return d.mapping.model == registry.models()[m].config.name;
    });
    if (draft == rig.devices.end()) continue;
    for (const auto& [id, name] : mapping.names)
      if (const auto device = registry.find(id); !device || device->table.index() != m)
        problems.push_back({Severity::error, draft->mapping.span,
                            fmt::format("'{}' is no {}", id, mapping.model),
                            "names go by the ids of the registry"});
    if (!hil::has_device_side(mapping.convention))
      for (const auto& binding : rig.bindings.value_or(std::vector<BindingConfig>{}))
        for (const auto device : registry.matching(binding.pattern))
          if (binding.binding == Binding::simulated && device.table.index() == m) {
            problems.push_back({Severity::error, binding.span,
                                fmt::format("no device of ours speaks {}, which {} does", mapping.convention,
                                            registry.id(device)),
                                "bind it real or shadow, or give its model another convention"});
            break;
          }
    if (mapping.convention != "sparkplug") continue;
    for (size_t row = 0; row < registry.devices(TableId(m)); ++row) {
      const auto id = registry.id({TableId(m), Row(row)});
      if (hil::sparkplug::address_of(mapping.group, mapping.name_of(id))) continue;
      problems.push_back({Severity::error, draft->mapping.span,
                          fmt::format("'{}' is no node and device of Sparkplug", id),
                          "write group: GROUP for ids NODE or NODE/DEVICE, or names: {" + std::string(id) +
                              ": GROUP/NODE/DEVICE}"});
      break;  // one is enough: they are alike
    }
  }
  if (!problems.empty()) return tl::make_unexpected(std::move(problems));
  return {};
}

std::vector<Setting> period_settings(const RigConfig& rig) {
  std::vector<Setting> settings;
  for (const auto& draft : rig.devices)
    for (const auto& period : draft.periods) {
      const auto key = fmt::format("models.{}.telemetry.{}.", draft.mapping.model, period.field);
      if (period.every)
        settings.push_back({key + "every", fmt::format("{} ms", period.every->ns / 1'000'000)});
      if (period.stale_after)
        settings.push_back({key + "stale_after", fmt::format("{} ms", period.stale_after->ns / 1'000'000)});
    }
  return settings;
}

}  // namespace looptwin::testbed
