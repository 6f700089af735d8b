// `looptwin rig swap|act|ask`: what is asked of a rig that runs.
#pragma once

#include <functional>
#include <optional>

#include "testbed/run.h"

namespace CLI {
class App;
}

namespace looptwin::testbed {

/// Adds the commands; the function returned runs the one that was asked for.
std::function<std::optional<Exit>()> add_rig_command(CLI::App& app);

}  // namespace looptwin::testbed
