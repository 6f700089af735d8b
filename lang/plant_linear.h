// Rates as a linear system, where they are one: x' = A·x + Σ b·u, with coefficients that stay.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "lang/linear.h"

namespace looptwin::lang {

/// The terms that enter all rates with the same coefficients, up to one sign: one input of the system.
struct LinearInput {
  std::vector<NodeId> coefficients;  ///< one a state
  NodeId value;
};

struct LinearSystem {
  std::vector<std::vector<NodeId>> a;  ///< [state][state]
  std::vector<LinearInput> inputs;
};

/// Where a rate is not linear in the states with constant coefficients.
struct Obstacle {
  size_t state = 0;
  NodeId term;
};

/// What nodes are to the plant.
struct PlantNodes {
  std::function<bool(NodeId)> is_constant;  ///< of parameters and constants alone
  std::function<std::optional<size_t>(NodeId)> state_of;
  std::function<bool(NodeId)> depends_on_state;
};

/// Nothing, and the first obstacle, where the rates, one a state, are not linear.
std::optional<LinearSystem> linear_system(Algebra& algebra, std::span<const NodeId> rates,
                                          const PlantNodes& nodes, std::optional<Obstacle>& obstacle);

}  // namespace looptwin::lang
