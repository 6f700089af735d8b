// The steady state of a gas network, as the start of a run.
#pragma once

#include <functional>
#include <optional>

#include "sim/plants/gas_flow_system.h"
#include "sim/plants/gas_grid.h"
#include "sim/plants/gas_topology.h"

namespace looptwin::sim {

/// A pipe of the grid between two nodes that rises by `rise` g·m (m²/s²).
struct GasGridEnds {
  uint32_t from = 0, to = 0;
  double rise = 0;
};

/// Why there is none.
struct GasUnrest {
  uint32_t node = 0;
  double gain = 0;  ///< of the node, kg/s; of all nodes where it bursts
  double miss = 0;  ///< how far pressures and friction are from each other, relative
  int rounds = 0;
  /// The pressure at the node rises past all bounds: more is fed in than can leave. Else the search did not
  /// settle.
  bool bursts = false;
};

/// Finds pressures and flows that do not change, from a flat start, on any network with loops, and lays the
/// profiles into the grid. Fixed pressures, inflows and sinks are as in `nodes`; their storage and before are
/// spoiled. `refresh` sets the links' equations (stations, friction) to the state so far; it is called
/// between rounds. Parts that are shut off from all supplies stay at the mean pressure of these.
std::optional<GasUnrest> solve_steady(const Gas& gas, GasNodes& nodes, std::vector<GasLink>& links,
                                      std::vector<double>& flows, GasGrid& grid,
                                      std::span<const GasGridEnds> pipes,
                                      const std::function<void()>& refresh);

}  // namespace looptwin::sim
