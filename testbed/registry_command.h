// `looptwin registry ...`: devices over years, kept in a database file. docs/registry.md shows the work with
// it.
#pragma once

#include <functional>
#include <optional>

#include "testbed/run.h"

namespace CLI {
class App;
}

namespace looptwin::testbed {

/// Adds the command `registry` with its sub-commands to the app. What is returned runs, after parsing, the
/// sub-command that was given; nothing, when it was another command.
std::function<std::optional<Exit>()> add_registry_command(CLI::App& app);

}  // namespace looptwin::testbed
