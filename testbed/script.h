// The script of a scenario as actions of people on devices, for the transport to hand over.
#pragma once

#include <vector>

#include "testbed/scenario.h"
#include "twin/registry.h"

namespace looptwin::testbed {

/// In the order in which they act: by time, then as they are written, then in the order of devices. An entry
/// that no device matches is an error.
Result<std::vector<twin::OperatorAction>> actions_of(const Scenario& scenario,
                                                     const twin::Registry& registry);

}  // namespace looptwin::testbed
