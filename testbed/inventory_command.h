// `looptwin inventory`: what stands on the rigs of a lab, and who may use it now.
#pragma once

#include <functional>
#include <optional>

#include "testbed/run.h"

namespace CLI {
class App;
}

namespace looptwin::testbed {

/// Adds the sub-commands; what is returned runs the one that was given, if any.
std::function<std::optional<Exit>()> add_inventory_command(CLI::App& app);

}  // namespace looptwin::testbed
