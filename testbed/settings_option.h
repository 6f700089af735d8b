// `--set key=value` of all commands.
#pragma once

#include <string>
#include <vector>

#include "testbed/scenario.h"

namespace looptwin::testbed {

/// Throws what CLI11 shows as its message where there is no '='.
std::vector<Setting> settings_of(const std::vector<std::string>& texts);

}  // namespace looptwin::testbed
