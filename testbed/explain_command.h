// `looptwin explain`: why something happened in a run, and why something did not.
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
std::function<std::optional<Exit>()> add_explain_command(CLI::App& app,
                                                         const Extensions* extensions = nullptr);

}  // namespace looptwin::testbed
