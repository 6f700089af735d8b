// A rig as its file states it: which scenario's loop runs, at which broker the devices are, and how they
// speak.
#pragma once

#include <filesystem>
#include <vector>

#include "hil/mapping.h"
#include "hil/mqtt_link.h"
#include "hil/paced_clock.h"

namespace looptwin::testbed {

struct RigConfig {
  std::string name;
  std::filesystem::path scenario;  ///< from where we are
  hil::MqttOptions broker;         ///< its `broker` is empty: one of our own
  hil::Overrun overrun = hil::Overrun::catch_up;
  Duration tolerance = milliseconds(10);
  std::filesystem::path registry;     ///< from where we are; whose devices may connect. Empty: the scenario's
  uint64_t most_messages = 1000;      ///< of one device in a second, at a broker of our own
  std::vector<hil::Mapping> devices;  ///< of models that are not plain
};

/// Reads rig.yaml of a folder, or the file itself. All problems at once.
Result<RigConfig> load_rig(const std::filesystem::path& path);

}  // namespace looptwin::testbed
