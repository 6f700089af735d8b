// Compiling a device model: code over columns in the place of a controller's or of physics' expressions.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "sim/device_compiler.h"

namespace looptwin::sim {
namespace {

std::optional<lang::Type> type_of(const ColumnCode::Column& column) {
  switch (column.is) {
    case ColumnCode::Is::number:
      return column.unit.type;
    case ColumnCode::Is::truth:
      return lang::Type::boolean();
    case ColumnCode::Is::word:
      break;
  }
  return std::nullopt;
}

}  // namespace

/// What is wrong with a name is wrong with the class: it is said where the scenario names that.
lang::NodeId DeviceCompiler::check_read(const ColumnCode& code, const ColumnCode::Column& input,
                                        const lang::Scope& scope) {
  const auto source = std::make_shared<const Source>(Source{code.name(), input.name});
  Diagnostics problems;
  auto node =
      check_into(problems, {source, 0, static_cast<uint32_t>(input.name.size())}, scope, type_of(input), {});
  if (node.valid() && input.is == ColumnCode::Is::word && graph_[node].type.kind != lang::Kind::enumeration) {
    problems.push_back({Severity::error, {}, "it has no words", "declare it with its unit, or as bool"});
    node = {};
  }
  for (auto& problem : problems)
    error(code.span(), fmt::format("the class '{}' reads '{}': {}", code.name(), input.name, problem.message),
          std::move(problem.hint));
  return node;
}

std::optional<CodeUse> DeviceCompiler::use_code(std::shared_ptr<const ColumnCode> code,
                                                const lang::Scope& scope, const std::string& prefix) {
  CodeUse use{.code = std::move(code)};
  std::vector<lang::Root> roots;
  bool sound = true;
  for (const auto& input : use.code->inputs()) {
    const auto node = check_read(*use.code, input, scope);
    sound = sound && node.valid();
    if (!node.valid()) continue;
    mark_seen(node);
    const auto type = graph_[node].type;
    const auto column = add_column(prefix + "reads." + input.name, type, input.unit);
    use.inputs.push_back({input, column, storage_of(type)});
    roots.push_back({node, column});
  }
  if (!sound) return std::nullopt;
  auto reads = program(roots);
  use.reads = std::move(reads.program);
  use.first_uniform = reads.first_uniform;
  return use;
}

void DeviceCompiler::check_controller_code() {
  if (!config_.controller || !config_.controller->code) return;
  auto use = use_code(config_.controller->code, controller_, ".controller.");
  if (!use) return;
  const auto declare = [&](const ColumnCode::Column& one) {
    const auto type = *type_of(one);
    const auto column = add_column(".controller." + one.name, type, one.unit);
    sensor_.names[one.name] = symbol(column, type);
    return CodeColumn{one, column, storage_of(type)};
  };
  for (const auto& state : use->code->states()) use->states.push_back(declare(state));
  for (const auto& output : use->code->outputs()) {
    const auto& signal = use->outputs.emplace_back(declare(output));
    controller_.names[output.name] = physics_.names[output.name] = sensor_.names[output.name];
    out_.signals.push_back({output.name, signal.column, signal.storage});
  }
  out_.controller_code = std::move(use);
}

/// The class goes on with the states that the physics declares: with all of them, in their dimensions.
void DeviceCompiler::check_physics_code() {
  if (!config_.physics || !config_.physics->code) return;
  const auto& code = *config_.physics->code;
  std::vector<std::string> names;
  for (const auto& state : states_) names.push_back(state.name);
  std::vector<CodeColumn> states;
  for (const auto& one : code.states()) {
    const auto state =
        std::find_if(states_.begin(), states_.end(), [&](const Line& s) { return s.name == one.name; });
    if (state == states_.end()) {
      error(code.span(),
            fmt::format("the class '{}' has the state '{}', and the physics has none", code.name(), one.name),
            names.empty() ? fmt::format("write states: {{{}: …}}, its initial value", one.name)
                          : did_you_mean(one.name, names));
      continue;
    }
    const auto type = schema_.column(table_, state->column).type;
    if (type != *type_of(one))
      error(code.span(),
            fmt::format(
                "the class '{}' has the state '{}' in {}, and the physics begins it as another quantity",
                code.name(), one.name, one.unit.text),
            fmt::format("give both one dimension{}; the physics has {}",
                        type.point ? ", and both as points" : "", lang::to_string(type.dimension)));
    states.push_back({one, state->column, lang::Storage::f64});
  }
  for (const auto& state : config_.physics->states) {
    const auto known = code.states();
    if (std::none_of(known.begin(), known.end(), [&](const auto& one) { return one.name == state.name; }))
      error(state.name_span, fmt::format("the state '{}' is none of the class '{}'", state.name, code.name()),
            "declare it in the class's states, or make it an output");
  }
  auto use = use_code(config_.physics->code, physics_, ".physics.");
  if (!use) return;
  use->states = std::move(states);
  out_.physics_code = std::move(use);
}

}  // namespace looptwin::sim
