#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "sim/plants/equations_plant.h"

namespace looptwin::sim {

EquationEvaluator::EquationEvaluator(const EquationSystem& system) : system_(system), schema_(system.schema) {
  std::vector<lang::NodeId> rates, outputs, conditions;
  for (const auto& state : system.states) rates.push_back(state.rate);
  for (const auto& output : system.outputs) outputs.push_back(output.node);
  for (const auto& event : system.events) conditions.push_back(event.when);
  for (size_t i = 0; i < system.states.size(); ++i)
    if (std::isfinite(system.states[i].low) || std::isfinite(system.states[i].high)) limited_.push_back(i);
  rates_ = compile(rates);
  outputs_ = compile(outputs);
  conditions_ = compile(conditions);
  for (const auto& event : system.events) {
    std::vector<lang::NodeId> values;
    for (const auto& reset : event.resets) values.push_back(reset.value);
    resets_.push_back(compile(values));
  }
  values_.resize(schema_.table(EquationSystem::kTable).columns.size());
  for (auto* part : {&rates_, &outputs_, &conditions_}) part->program.bind(*this);
  for (auto& part : resets_) part.program.bind(*this);
  for (size_t i = 0; i < system.inputs.size(); ++i) set_input(i, system.inputs[i].initial);
}

EquationEvaluator::Part EquationEvaluator::compile(std::span<const lang::NodeId> nodes) {
  Part part;
  std::vector<lang::Root> roots;
  for (const auto node : nodes) {
    part.columns.push_back(
        schema_.add_column(EquationSystem::kTable,
                           {".result." + std::to_string(schema_.table(EquationSystem::kTable).columns.size()),
                            system_.graph[node].type}));
    roots.push_back({node, part.columns.back()});
  }
  part.program = lang::Program::compile(schema_, system_.graph, EquationSystem::kTable, roots, {});
  LT_CHECK(part.program.uniforms().empty(), "an equation of something outside");
  return part;
}

void EquationEvaluator::run(Part& part, double t, std::span<const double> y) {
  at(system_.time) = t;
  for (size_t i = 0; i < y.size(); ++i) at(system_.states[i].column) = clipped(i, y[i]);
  part.program.run({kStart, {}}, 0, 1);
}

void EquationEvaluator::read(const Part& part, std::span<double> out) {
  for (size_t i = 0; i < part.columns.size(); ++i) out[i] = at(part.columns[i]);
}

void EquationEvaluator::rates(double t, std::span<const double> y, std::span<double> out) {
  run(rates_, t, y);
  read(rates_, out);
  for (const size_t i : limited_) {
    const auto& state = system_.states[i];
    if ((y[i] <= state.low && out[i] < 0) || (y[i] >= state.high && out[i] > 0)) out[i] = 0;
  }
}

double EquationEvaluator::clipped(size_t state, double value) const {
  const auto& s = system_.states[state];
  return value < s.low ? s.low : value > s.high ? s.high : value;
}

void EquationEvaluator::clip(std::span<double> y) const {
  for (const size_t i : limited_) y[i] = clipped(i, y[i]);
}

void EquationEvaluator::outputs(double t, std::span<const double> y, std::span<double> out) {
  run(outputs_, t, y);
  read(outputs_, out);
}

void EquationEvaluator::conditions(double t, std::span<const double> y, std::span<double> out) {
  run(conditions_, t, y);
  read(conditions_, out);
  for (double& holds : out) holds = holds == 1 ? 1 : 0;
}

void EquationEvaluator::reset(size_t event, double t, std::span<double> y) {
  Part& part = resets_[event];
  run(part, t, y);
  for (size_t i = 0; i < part.columns.size(); ++i)
    y[system_.events[event].resets[i].state] = at(part.columns[i]);
  clip(y);
}

}  // namespace looptwin::sim
