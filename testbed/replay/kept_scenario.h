// A run folder's own copy of the scenario that it is of, in RUN/scenario/: what a replay or a fork loads,
// even where the files have changed since. Files lie to one another as they did; registries and earlier runs,
// which are large or hold secrets, are links to where they were.
#pragma once

#include <filesystem>
#include <string>

#include "testbed/scenario.h"

namespace looptwin::testbed {

/// Copies all that was read. Returns the path of its scenario.yaml from the run folder.
Result<std::string> keep_scenario(const std::filesystem::path& run, const Scenario& scenario);

}  // namespace looptwin::testbed
