// Compiling a device model: its controller's outputs and machines.
#include <fmt/format.h>
#include <algorithm>

#include "sim/device_compiler.h"

namespace looptwin::sim {

/// Machines' names are known before anything is checked, so that previous(mode) can stand anywhere.
void DeviceCompiler::declare_machines() {
  for (const auto& machine : config_.controller->machines) {
    const auto type = lang::Type::enumeration_of(lang::enumeration_of(schema_, machine.name, machine.states));
    const auto state = symbol(add_column(".controller." + machine.name, type), type);
    for (auto* scope : {&controller_, &physics_, &sensor_}) scope->names[machine.name] = state;
  }
}

std::optional<DeviceCompiler::Line> DeviceCompiler::check_machine(const lang::Machine& machine) {
  auto& state = controller_.names[machine.name];
  std::vector<lang::NodeId> when;
  bool sound = true;
  for (const auto& transition : machine.transitions) {
    auto& node = when.emplace_back();
    if (!transition.when) continue;
    node = check(*transition.when, controller_, lang::Type::boolean());
    sound = sound && node.valid() && !refuse_circle(*transition.when, machine.name, node);
  }
  if (!sound) return std::nullopt;
  const auto node = lang::machine_node(graph_, machine, state.type.enumeration, table_, when, instance_++);
  state.is = lang::Symbol::Is::node;
  state.node = node;
  return Line{machine.name, state.column, node};
}

/// A machine that was not checked yet is still the column of its last state: who reads it is read by it.
bool DeviceCompiler::refuse_circle(const Span& text, const std::string& name, lang::NodeId node) {
  for (const auto& machine : config_.controller->machines) {
    if (!reads(graph_, node, table_, controller_.names[machine.name].column)) continue;
    const bool self = machine.name == name;
    error(
        text,
        self ? fmt::format("a transition of '{}' reads the machine itself", name)
             : fmt::format("'{}' and the machine '{}' read each other within one period", name, machine.name),
        self ? std::string("write from: with the states that it leaves")
             : fmt::format("write previous({})", machine.name));
    return true;
  }
  return false;
}

/// Outputs and machines may use each other in any order, but not in a circle.
void DeviceCompiler::check_controller() {
  if (!config_.controller) return;
  controls_ = true;
  declare_machines();
  const auto& outputs = config_.controller->outputs;
  const auto& machines = config_.controller->machines;
  const size_t lines = outputs.size();
  const auto uses = [&](size_t one, size_t other) {
    // Machines are known before they are checked, so that their last states can be read anywhere.
    const auto& name = other < lines ? outputs[other].name : machines[other - lines].name;
    const auto use = other < lines ? mentions : mentions_now;
    if (one < lines) return use(outputs[one].text, name);
    const auto& transitions = machines[one - lines].transitions;
    return std::any_of(transitions.begin(), transitions.end(),
                       [&](const auto& t) { return t.when && use(*t.when, name); });
  };
  for (const auto& output : outputs)
    for (const auto& machine : machines)
      if (mentions_now(output.text, machine.name))
        controller_.hints[output.name] =
            fmt::format("'{}' follows from '{}': write the condition itself", output.name, machine.name);
  for (const size_t i : in_order_of_use(lines + machines.size(), uses)) {
    auto line = i < lines ? check_line(outputs[i], controller_, ".controller.", {&physics_, &sensor_})
                          : check_machine(machines[i - lines]);
    if (!line || (i < lines && refuse_circle(outputs[i].text, line->name, line->node))) continue;
    signal_lines_.push_back(std::move(*line));
  }
  for (const auto& machine : machines) {
    auto& state = controller_.names[machine.name];
    state = symbol(state.column, state.type);
  }
  controls_ = false;
  for (const auto& line : signal_lines_) explain("controller." + line.name, line.node);
}

}  // namespace looptwin::sim
