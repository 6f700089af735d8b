// How tests wait for what other threads and processes do.
#pragma once

#include "hil/steady_time.h"

namespace looptwin::hil {

/// Looks again and again until it is so; what never becomes so fails the test.
template <typename Condition>
bool eventually(Condition condition) {
  MachineTime time;
  for (const Duration until = time.now() + seconds(60); time.now() < until;) {
    if (condition()) return true;
    time.sleep_until(time.now() + milliseconds(1));
  }
  return false;
}

}  // namespace looptwin::hil
