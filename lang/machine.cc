#include "lang/machine.h"

#include <fmt/format.h>
#include <algorithm>

#include "base/check.h"
#include "lang/graph.h"
#include "lang/schema.h"

namespace looptwin::lang {
namespace {

std::vector<bool> reached_states(const Machine& machine) {
  std::vector<bool> reached(machine.states.size());
  reached[machine.initial] = true;
  for (bool more = true; more;) {
    more = false;
    for (const auto& t : machine.transitions) {
      if (reached[t.to]) continue;
      for (size_t s = 0; s < reached.size() && !reached[t.to]; ++s)
        reached[t.to] = reached[s] && machine.leaves(t, s);
      more = more || reached[t.to];
    }
  }
  return reached;
}

/// Whether an earlier transition is taken from `state` whenever the one at `index` could be.
bool is_forestalled(const Machine& machine, size_t index, size_t state) {
  const auto& late = machine.transitions[index];
  return std::any_of(machine.transitions.begin(),
                     machine.transitions.begin() + static_cast<std::ptrdiff_t>(index),
                     [&](const Transition& early) {
                       return machine.leaves(early, state) && !early.when && early.after <= late.after;
                     });
}

}  // namespace

bool Machine::leaves(const Transition& transition, size_t state) const {
  if (transition.from.empty()) return state != transition.to;
  return std::find(transition.from.begin(), transition.from.end(), state) != transition.from.end();
}

Diagnostics problems_of(const Machine& machine) {
  Diagnostics problems;
  const auto reached = reached_states(machine);
  for (size_t s = 0; s < reached.size(); ++s)
    if (!reached[s])
      problems.push_back(
          {Severity::error, machine.span,
           fmt::format("no transition of '{}' leads to the state '{}'", machine.name, machine.states[s]),
           "add one, or remove the state"});
  for (size_t k = 0; k < machine.transitions.size(); ++k) {
    bool leaves = false, open = false;
    for (size_t s = 0; s < machine.states.size(); ++s) {
      if (!machine.leaves(machine.transitions[k], s)) continue;
      leaves = true;
      open = open || !is_forestalled(machine, k, s);
    }
    if (leaves && !open)
      problems.push_back(
          {Severity::error, machine.transitions[k].span,
           fmt::format("this transition of '{}' is never taken: an earlier one from the same state always is",
                       machine.name),
           "give the earlier one a condition, or write this one before it"});
  }
  return problems;
}

EnumId enumeration_of(Schema& schema, const std::string& name, const std::vector<std::string>& words) {
  for (size_t e = 0; e < schema.enumerations.size(); ++e)
    if (schema.enumerations[e].words == words) return EnumId(e);
  schema.enumerations.push_back({name, words});
  return EnumId(schema.enumerations.size() - 1);
}

NodeId machine_node(Graph& graph, const Machine& machine, EnumId states, TableId table,
                    const std::vector<NodeId>& when, uint32_t instance) {
  LT_CHECK(when.size() == machine.transitions.size(), "a condition for each transition");
  Node node{.op = Op::machine, .type = Type::enumeration_of(states), .table = table, .instance = instance};
  node.number = {static_cast<double>(machine.states.size()), static_cast<double>(machine.initial)};
  for (size_t k = 0; k < when.size(); ++k) {
    const auto& t = machine.transitions[k];
    Node always{.op = Op::constant, .type = Type::boolean(), .number = {1}};
    node.args.push_back(when[k].valid() ? when[k] : graph.add(std::move(always)));
    node.number.push_back(t.to);
    node.number.push_back(static_cast<double>(t.after.ns));
    size_t leaves = 0;
    const size_t count_at = node.number.size();
    node.number.push_back(0);
    for (size_t s = 0; s < machine.states.size(); ++s) {
      if (!machine.leaves(t, s)) continue;
      node.number.push_back(static_cast<double>(s));
      ++leaves;
    }
    node.number[count_at] = static_cast<double>(leaves);
  }
  return graph.add(std::move(node), machine.span);
}

}  // namespace looptwin::lang
