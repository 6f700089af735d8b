// Whether a broker brings back what is published there. Many keep back what an account may not read, or say,
// without a word to anybody: Mosquitto's acl_file grants every subscription.
#pragma once

#include <string>

#include "hil/mqtt_link.h"

namespace looptwin::hil {

/// Publishes once on `topic`, over a connection of its own beside that of `options`, and waits for it.
Result<bool> echoes(const MqttOptions& options, const std::string& topic);

}  // namespace looptwin::hil
