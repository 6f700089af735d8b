// What a loop notices by itself, beside what devices say: how late it is, that it was away; on a rig what its
// broker has refused, that a device is not what its model says. An input like telemetry: it is in the input
// log.
#pragma once

#include "base/time.h"
#include "twin/device_ref.h"

namespace looptwin::twin {

struct Notice {
  enum class Kind : uint8_t {
    lateness,    ///< of this boundary, s
    overruns,    ///< boundaries that were late or skipped, more than there were
    violations,  ///< what the broker has refused, more than it had
    diverging,   ///< 1: further from its model than the tolerance; 0: not any more
    away,        ///< the loop was, for so long in s from `at` on, and has missed boundaries
  };
  Kind kind = Kind::lateness;
  DeviceRef about;  ///< a device; or the registry's site: the loop itself, or nobody whom the registry knows
  double value = 0;
  Time at;
};

}  // namespace looptwin::twin
