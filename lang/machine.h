// State machines as a scenario declares them, for controllers and for rules alike: states by name, and
// transitions in the order in which they are tried. What becomes of one is a single stateful operation
// (lang/stateful.h) whose value is the state, a word of an enumeration.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "lang/types.h"

namespace looptwin::lang {

class Graph;
struct Schema;

struct Transition {
  Span span;
  std::vector<uint8_t> from;  ///< codes of states; empty: from every state but `to`
  uint8_t to = 0;
  std::optional<Span> when;  ///< a condition; absent: true
  Duration after{};          ///< not before the state has lasted so long
};

struct Machine {
  std::string name;
  Span span;
  std::vector<std::string> states;
  uint8_t initial = 0;
  std::vector<Transition> transitions;

  bool leaves(const Transition& transition, size_t state) const;
};

/// What is wrong with its shape: states that nothing leads to, transitions that can never be taken because an
/// earlier one from the same states always is.
Diagnostics problems_of(const Machine& machine);

/// The type whose words these are: one that there is, or a new one.
EnumId enumeration_of(Schema& schema, const std::string& name, const std::vector<std::string>& words);

/// The operation for rows of `table`: `when` are the checked conditions, one a transition, invalid where
/// there is none. `instance` as Wanted::instance.
NodeId machine_node(Graph& graph, const Machine& machine, EnumId states, TableId table,
                    const std::vector<NodeId>& when, uint32_t instance);

}  // namespace looptwin::lang
