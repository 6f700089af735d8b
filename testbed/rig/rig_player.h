// `looptwin hil RIG --play RUN`: what a run has recorded of its devices is published again, at the offsets at
// which it came, in place of the devices.
#pragma once

#include <filesystem>

#include "testbed/rig/rig_config.h"
#include "testbed/run.h"

namespace looptwin::testbed {

/// `speed`: so many times as fast as it was. Ends with the recording, or when it is asked to stop.
Exit play_recording(const RigConfig& rig, const std::filesystem::path& run, double speed, bool quiet);

}  // namespace looptwin::testbed
