// Claims that would climb: an override's value is computed from the default and from what is measured, never
// from the setpoint that it moves.
#pragma once

#include <vector>

#include "base/result.h"
#include "lang/graph.h"
#include "lang/plan.h"
#include "testbed/wiring_rules.h"
#include "twin/registry.h"

namespace looptwin::testbed {

/// An error for each value that reads its own setpoint, also behind the names of derived values: `names`.
/// What it is compared with is no value of it.
void refuse_ratchets(const lang::Graph& graph, const std::vector<lang::Producer>& names,
                     const twin::Registry& registry, const std::vector<ClaimedValue>& values,
                     Diagnostics& problems);

}  // namespace looptwin::testbed
