// `looptwin falsify`: searches for runs that break a scenario's requirements.
#pragma once

#include <functional>
#include <optional>

#include "testbed/run.h"

namespace CLI {
class App;
}

namespace looptwin::testbed {

class Extensions;

/// Adds the command; the function returned runs it where it was asked for.
std::function<std::optional<Exit>()> add_falsify_command(CLI::App& app,
                                                         const Extensions* extensions = nullptr);

}  // namespace looptwin::testbed
