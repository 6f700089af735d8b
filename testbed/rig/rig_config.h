// A rig as its file states it: which scenario's loop runs, at which broker the devices are, and how they
// speak.
#pragma once

#include <filesystem>
#include <vector>

#include "hil/mapping.h"
#include "hil/mqtt_link.h"
#include "hil/paced_clock.h"
#include "testbed/rig/safety_config.h"

namespace looptwin::testbed {

struct RigConfig {
  std::string name;
  std::filesystem::path scenario;  ///< from where we are
  hil::MqttOptions broker;         ///< its `broker` is empty: one of our own
  hil::Overrun overrun = hil::Overrun::catch_up;
  Duration tolerance = milliseconds(10);
  std::vector<hil::Mapping> devices;  ///< of models that are not plain
  SafetyText safety;
  std::vector<ForceText> forces;
  bool recording = false;
};

/// Reads rig.yaml of a folder, or the file itself. All problems at once.
Result<RigConfig> load_rig(const std::filesystem::path& path);

}  // namespace looptwin::testbed
