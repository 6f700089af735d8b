// `looptwin rig acl RIG`: what a broker that is not ours has to know of a rig's devices, as files that any
// Mosquitto reads without a plugin.
#pragma once

#include <functional>
#include <optional>

#include "testbed/run.h"

namespace CLI {
class App;
}

namespace looptwin::testbed {

/// Adds the command to the group `rig`, which is made where it is not there; after whoever else makes it. The
/// function returned runs it where it was asked for.
std::function<std::optional<Exit>()> add_acl_command(CLI::App& app);

}  // namespace looptwin::testbed
