// What an assembly's indices count, as an input log writes them down: who replays it, with other rules
// perhaps, finds by name what an action was about.
#pragma once

#include "testbed/assembly.h"
#include "twin/input_log/input_log.h"

namespace looptwin::testbed {

twin::InputLogStart input_log_start(const Assembly& assembly, Time after);

}  // namespace looptwin::testbed
