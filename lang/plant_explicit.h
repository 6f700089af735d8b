// One step of an explicit Runge-Kutta method, written as expressions of the states.
#pragma once

#include <span>
#include <vector>

#include "lang/linear.h"
#include "lang/plant.h"

namespace looptwin::lang {

/// The states after a step. `states` are the columns' reads, `rates` theirs per second; `length` is the step
/// in s, a constant, or where `variable` is valid a node that has it. The integrator is not `exact`.
std::vector<NodeId> explicit_step(Graph& graph, Integrator integrator, std::span<const NodeId> states,
                                  std::span<const NodeId> rates, double length, NodeId variable = {});

}  // namespace looptwin::lang
