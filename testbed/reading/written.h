// A value of YAML as text again.
#pragma once

#include <string>

#include "testbed/reading/yaml.h"

namespace looptwin::testbed::yaml {

/// As --set takes it: on one line.
std::string written(const Node& node);

}  // namespace looptwin::testbed::yaml
