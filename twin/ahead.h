// How far ahead of its arrival a sample may be dated.
#pragma once

#include "base/time.h"

namespace looptwin::twin {

/// What a device dates this much later than it was received comes from a clock that runs ahead; received-at
/// replaces it.
inline constexpr Duration kFutureTolerance = seconds(1);

}  // namespace looptwin::twin
