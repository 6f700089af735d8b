// When a message came, by other clocks than the run's.
#pragma once

#include "base/time.h"

namespace looptwin::hil {

/// Offsets from the run's start; kNever: it is not known.
struct ClockTimes {
  Time wall = kNever;    ///< the host's, which goes on where the run's time stands still
  Time broker = kNever;  ///< when the broker had it
};

}  // namespace looptwin::hil
