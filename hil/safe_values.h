// The values that make a rig safe, step after step: what its actuators are told when the loop ends, however
// it ends. A step goes to all its devices before the next one begins.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "hil/conventions/convention.h"
#include "twin/registry.h"
#include "twin/transport.h"

namespace looptwin::hil {

/// One setpoint's value, or one command, of some devices.
struct SafeStep {
  std::vector<twin::DeviceRef> devices;
  twin::Command::Kind kind = twin::Command::Kind::command;
  uint16_t index = 0;  ///< of the model's setpoints or commands
  double value = 0;    ///< SI; setpoints
};

/// A command of a step. `episode` counts how often this rig was made safe: devices act once on an id.
twin::Command safe_command(const SafeStep& step, twin::DeviceRef device, uint64_t salt, uint64_t episode,
                           Time now);

/// How devices are spoken to, whatever their convention.
struct DeviceLanguage {
  /// Appends what tells a device so; false where nothing can.
  std::function<bool(const twin::Command&, std::vector<Outgoing>&)> tell;
  /// The same for what may never be told: no answer is waited for.
  std::function<bool(const twin::Command&, std::vector<Outgoing>&)> write;
  struct Answer {
    uint64_t id = 0;
    bool accepted = false;
  };
  /// Appends the answers that a message holds.
  std::function<void(const MqttMessage&, std::vector<Answer>&)> answers_in;
  std::function<bool(twin::DeviceRef)> is_there;  ///< online
  std::function<bool(twin::DeviceRef)> answers;   ///< what it was told is answered at all
};

}  // namespace looptwin::hil
