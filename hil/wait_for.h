// Waiting for what another thread brings about, where there is nothing to be woken by.
#pragma once

#include "hil/steady_time.h"

namespace looptwin::hil {

/// Looks again and again until it is so, or for so long. Returns whether it is.
template <typename Condition>
bool wait_for(MachineTime& time, Duration patience, Condition condition) {
  for (const Duration until = time.now() + patience; time.now() < until;) {
    if (condition()) return true;
    time.sleep_until(time.now() + milliseconds(1));
  }
  return condition();
}

}  // namespace looptwin::hil
