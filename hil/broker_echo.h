// Whether a broker keeps back what is published there. Many do not say what an account may not read:
// Mosquitto's acl_file grants every subscription.
#pragma once

#include <string>

#include "hil/mqtt_link.h"

namespace looptwin::hil {

/// Publishes once on `topic`, over a connection of its own beside that of `options`, and waits until it is
/// back. False as well where that connection, or its subscription, does not come about: then nothing is
/// known.
bool keeps_back(const MqttOptions& options, const std::string& topic);

}  // namespace looptwin::hil
