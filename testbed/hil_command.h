// `looptwin hil`: a scenario's loop on real devices over MQTT.
#pragma once

#include <functional>
#include <optional>

#include "testbed/run.h"

namespace CLI {
class App;
}

namespace looptwin::testbed {

/// Adds the command; the function returned runs it where it was asked for.
std::function<std::optional<Exit>()> add_hil_command(CLI::App& app);

}  // namespace looptwin::testbed
