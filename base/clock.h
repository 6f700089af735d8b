// The Clock seam: what separates a simulation from a rig, together with the Transport seam
// (twin/transport.h). Nothing above a Clock knows whether its boundaries come from a counter, a recording or
// the wall.
#pragma once

#include "base/time.h"

namespace looptwin {

class Clock {
 public:
  virtual ~Clock() = default;

  /// The next boundary, after which all inputs received in (previous, boundary] may be taken in. Blocks where
  /// time is the wall's. Returns kNever when the run is over or was asked to stop.
  virtual Time next() = 0;

  /// The civil instant of a time of this run.
  virtual UnixTime civil(Time t) const = 0;
};

}  // namespace looptwin
