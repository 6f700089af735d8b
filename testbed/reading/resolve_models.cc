// References and names within and between device models.
#include <fmt/format.h>
#include <map>

#include "base/text.h"
#include "sim/column_code.h"
#include "testbed/reading/resolve.h"

namespace looptwin::testbed {
namespace {

/// The names that can be seen in one place of a model: each may mean one thing only.
class Names {
 public:
  Names(Reader& reader, const std::string& model, std::string where)
      : reader_(reader), model_(model), where_(std::move(where)) {}

  void add(const std::string& name, const Span& span, const char* what) {
    const auto [first, added] = seen_.try_emplace(name, what, span);
    if (added) return;
    const auto& [other, other_span] = first->second;
    const auto at = line_column(*other_span.source, other_span.begin);
    reader_.error(span,
                  fmt::format("in {} of '{}' the name '{}' is already a {} ({}:{}:{})", where_, model_, name,
                              other, other_span.source->name, at.line, at.column),
                  "rename one of them");
  }
  template <typename T>
  void add_all(const std::vector<T>& all, const char* what) {
    for (const auto& one : all) {
      if constexpr (requires { one.span; })
        add(one.name, one.span, what);
      else
        add(one.name, one.name_span, what);
    }
  }

 private:
  Reader& reader_;
  const std::string& model_;
  std::string where_;
  std::map<std::string, std::pair<const char*, Span>> seen_;
};

void add_controller(Names& names, const ModelDraft& model) {
  if (!model.device.controller) return;
  const auto& controller = *model.device.controller;
  names.add_all(controller.outputs, "controller signal");
  names.add_all(controller.machines, "machine");
  if (!controller.code) return;
  for (const auto& one : controller.code->outputs())
    names.add(one.name, controller.code->span(), "controller signal");
  for (const auto& one : controller.code->states())
    names.add(one.name, controller.code->span(), "controller state");
}

void check_names(Reader& reader, const ModelDraft& model, const std::vector<ModelDraft>& models) {
  Names outside(reader, model.name, "the model");
  outside.add_all(model.parameters, "parameter");
  outside.add_all(model.telemetry, "telemetry field");
  outside.add_all(model.setpoints, "setpoint");
  outside.add_all(model.commands, "command");
  outside.add_all(model.relations, "relation");
  for (const auto& other : models)
    for (const auto& relation : other.relations)
      if (relation.to == model.name && !relation.inverse.empty())
        outside.add(relation.inverse, relation.span, "relation");
  add_controller(outside, model);

  if (!model.device.physics) return;
  const auto& physics = *model.device.physics;
  Names inside(reader, model.name, "the physics");
  inside.add_all(model.parameters, "parameter");
  inside.add_all(physics.inputs, "input");
  inside.add_all(physics.random, "random signal");
  inside.add_all(physics.states, "state");
  inside.add_all(physics.outputs, "output");
  add_controller(inside, model);
}

void check_rates(Reader& reader, const sim::PhysicsConfig& physics) {
  const auto states = names_of(physics.states);
  for (const auto& rate : physics.rates)
    if (!find_named(physics.states, rate.name))
      reader.error(rate.name_span, fmt::format("the rate '{}' has no state of its name", rate.name),
                   near_and_all(rate.name, states, "states"));
  for (const auto& state : physics.states)
    if (!find_named(physics.rates, state.name))
      reader.error(state.name_span, fmt::format("the state '{}' has no rate", state.name),
                   fmt::format("write rates: {{{}: ...}}, or make it an output", state.name));
}

void check_follows(Reader& reader, const ModelDraft& model) {
  for (const auto& setpoint : model.setpoints) {
    if (setpoint.follows.empty()) continue;
    const auto* field = find_named(model.telemetry, setpoint.follows);
    if (!field) {
      reader.error(setpoint.span,
                   fmt::format("setpoint '{}' follows the unknown telemetry field '{}'", setpoint.name,
                               setpoint.follows),
                   near_and_all(setpoint.follows, names_of(model.telemetry), "fields"));
    } else if (field->boolean != setpoint.boolean || field->words != setpoint.words ||
               field->unit.type != setpoint.unit.type) {
      reader.error(setpoint.span,
                   fmt::format("setpoint '{}' and the field '{}' that follows it are not of one kind",
                               setpoint.name, field->name),
                   "give both the same unit or words");
    }
  }
}

}  // namespace

void resolve_models(Reader& reader, const std::vector<ModelDraft>& models) {
  for (const auto& model : models) {
    for (const auto& relation : model.relations)
      if (!relation.to.empty())
        find_model(reader, models, relation.to, relation.span, fmt::format("relation '{}'", relation.name));
    check_names(reader, model, models);
    check_follows(reader, model);
    if (const auto& controller = model.device.controller;
        controller && controller->outputs.empty() && controller->machines.empty() && !controller->code)
      reader.error(controller->span, fmt::format("the controller of '{}' does nothing", model.name),
                   "write outputs: with its signals, or machines:, or python: with a class");
    const auto fleet_keys = fleet_section().key_names();
    for (const auto& parameter : model.parameters)
      if (std::find(fleet_keys.begin(), fleet_keys.end(), parameter.name) != fleet_keys.end())
        reader.error(parameter.span,
                     fmt::format("a parameter cannot be called '{}': fleet entries have a key of that name",
                                 parameter.name),
                     "choose another name");
    if (!model.device.physics) continue;
    if (!model.device.physics->code) check_rates(reader, *model.device.physics);
    for (size_t i = 0; i < model.telemetry.size(); ++i)
      if (!model.device.sensors[i].from.source)
        reader.error(model.telemetry[i].span,
                     fmt::format("telemetry field '{}' needs 'from', because its model has physics",
                                 model.telemetry[i].name),
                     "write from: with an expression of states and outputs");
  }
}

}  // namespace looptwin::testbed
