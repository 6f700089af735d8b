// How punctual a rig was: pace.json in its run folder.
#pragma once

#include <string>
#include <vector>

#include "hil/paced_clock.h"

namespace looptwin::testbed {

/// What was granted of realtime; absent: it was not asked for.
struct Realtime {
  bool asked = false;
  std::vector<std::string> refused;
};
std::string pace_json(const hil::PacingCounters& pace, Duration wall, const Realtime& realtime);

}  // namespace looptwin::testbed
