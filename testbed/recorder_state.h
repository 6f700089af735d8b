// Where a run folder goes on when its run is resumed.
#pragma once

#include <cstdint>
#include <vector>

#include "base/time.h"
#include "twin/warm/options.h"

namespace looptwin::testbed {

/// What was written up to the boundary of a snapshot.
struct RecorderState {
  twin::Position position;
  std::vector<uint64_t> feeds;  ///< bytes of each feed's file, in the scenario's order; 0 where there is none
  std::vector<Time> boundaries{};  ///< the last ones, where they come on arrival
};

}  // namespace looptwin::testbed
