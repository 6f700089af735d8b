// Checks the description of a gas network and resolves its names.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/plants/gas_config.h"

namespace looptwin::sim {

/// What a supply may hold its node at, the greater one itself not: from 1 kPa to 1 GPa.
constexpr double kLeastPressure = 1e3, kMostPressure = 1e9;
/// m², the greatest area of a leak, itself not.
constexpr double kMostLeakArea = 100;

/// Indices into the lists of a GasNetworkConfig.
struct GasTopology {
  struct Ends {
    uint32_t from = 0, to = 0;
  };
  std::vector<Ends> pipes, compressors, valves;  ///< nodes
  std::vector<uint32_t> supplies, demands;       ///< nodes
  std::vector<uint32_t> leaks, gauges;           ///< pipes
};

/// All that is wrong, each with the span of its element: values outside their range, names that are unknown
/// or used twice, two supplies that give one node a pressure, parts of the network that have none.
Result<GasTopology> resolve(const GasNetworkConfig& config);

}  // namespace looptwin::sim
