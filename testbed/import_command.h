// `looptwin import FILE`: device models that others have described, as models.yaml.
#pragma once

#include <functional>
#include <optional>

#include "testbed/run.h"

namespace CLI {
class App;
}

namespace looptwin::testbed {

std::function<std::optional<Exit>()> add_import_command(CLI::App& app);

}  // namespace looptwin::testbed
