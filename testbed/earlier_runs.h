// What earlier runs tell this one: rollups and derived values of the run folders that `history_from:` names
// are put into what ago() and trends look back on, before the first cycle. Devices are found by their ids,
// values by their names, times by the wall clock.
#pragma once

#include <vector>

#include "base/result.h"
#include "lang/units.h"
#include "mml/warm.h"
#include "testbed/scenario.h"
#include "twin/warm/spec.h"

namespace looptwin::testbed {

/// Returns which runs, oldest first, with digests of all that was taken. A folder that is no run, a run that
/// does not end before this one begins or overlaps another, and values of another kind are errors; what a run
/// lacks is a warning at its place.
Result<std::vector<twin::EarlierRun>> look_into_earlier_runs(
    const Scenario& scenario, const lang::Units& units, const lang::Schema& schema, const lang::Graph& graph,
    const twin::Registry& registry, mml::WarmHistory& warm, Diagnostics& warnings);

}  // namespace looptwin::testbed
