// When the MML or the broker is away because it restarts: known ahead, a function of scenario and seed.
#pragma once

#include <cstdint>
#include <vector>

#include "base/time.h"

namespace looptwin::testbed {

enum class Restarted : uint8_t;
struct Scenario;

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
