// How far a run that is read back has come.
#pragma once

#include "twin/warm/run_reader.h"

namespace looptwin::testbed {

/// The last boundary that is readable. What is recorded as a run ends comes a nanosecond after it; boundaries
/// that come on arrival lie at no multiples of the cycle.
inline Time last_boundary(const twin::RunReader& run) {
  return floor_to(run.end().boundary, microseconds(1));
}

}  // namespace looptwin::testbed
