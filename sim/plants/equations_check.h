// From the description of a plant of equations to its checked system. Equations are checked once a kind
// (names, units, what is missing), and then written out for each element.
#pragma once

#include <memory>

#include "lang/units.h"
#include "sim/plants/equations_system.h"

namespace looptwin::sim {

/// All problems at once: names and units, states without rates, guards that are no conditions, outputs that
/// depend on each other in a circle, elements that name what is not there.
Result<std::shared_ptr<const EquationSystem>> check_equations(const EquationsConfig& config,
                                                              const lang::Units& units);

}  // namespace looptwin::sim
