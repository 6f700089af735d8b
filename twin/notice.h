// What a rig notices by itself, beside what devices say: how late its loop is, what its broker has refused,
// that a device is not what its model says. An input like telemetry: it is in the input log, and rules see
// it.
#pragma once

#include "base/time.h"
#include "twin/registry.h"

namespace looptwin::twin {

struct Notice {
  enum class Kind : uint8_t {
    lateness,    ///< of this boundary, s
    overruns,    ///< boundaries that were late or skipped, more than there were
    violations,  ///< what the broker has refused, more than it had
    diverging,   ///< 1: further from its model than the tolerance; 0: not any more
  };
  Kind kind = Kind::lateness;
  DeviceRef about;  ///< a device; or the registry's site: the loop itself, or nobody whom the registry knows
  double value = 0;
  Time at;
};

}  // namespace looptwin::twin
