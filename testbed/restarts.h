// When the MML or the broker is away because it restarts: known ahead, a function of scenario and seed.
#pragma once

#include <vector>

#include "testbed/scenario.h"

namespace looptwin::testbed {

/// Away from `from` on, and back at `to`.
struct Away {
  Time from;
  Time to;
  bool persistent = true;
};

/// The restarts of one part up to the scenario's end, in order; those that overlap are one, which keeps what
/// all of them keep.
std::vector<Away> restarts_of(const Scenario& scenario, Restarted part);

}  // namespace looptwin::testbed
