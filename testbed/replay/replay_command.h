// `looptwin replay` and `looptwin diff` on the command line.
#pragma once

#include <functional>
#include <optional>

#include "testbed/run.h"

namespace CLI {
class App;
}

namespace looptwin::testbed {

class Extensions;

/// Adds the sub-command; what is returned runs it where it was asked for.
std::function<std::optional<Exit>()> add_replay_command(CLI::App& app,
                                                        const Extensions* extensions = nullptr);
std::function<std::optional<Exit>()> add_diff_command(CLI::App& app, const Extensions* extensions = nullptr);

}  // namespace looptwin::testbed
