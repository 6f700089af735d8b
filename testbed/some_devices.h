// Devices as a message names them: the first few, and how many there are besides.
#pragma once

#include <span>
#include <string>

#include "twin/registry.h"

namespace looptwin::testbed {

/// "pump-1, pump-2, pump-3 and 14 more".
std::string some_devices(const twin::Registry& registry, TableId table, std::span<const size_t> rows);

}  // namespace looptwin::testbed
