// The script of a scenario as actions of people on devices, for the transport to hand over.
#pragma once

#include <span>
#include <vector>

#include "testbed/scenario.h"
#include "twin/registry.h"

namespace looptwin::testbed {

/// Of the scenario, or of a test's own script. In the order in which they act: by time, then as they are written, then in the order of devices. An entry
/// that no device matches is an error.
Result<std::vector<twin::OperatorAction>> actions_of(std::span<const ScriptConfig> script,
                                                     const twin::Registry& registry);

}  // namespace looptwin::testbed
