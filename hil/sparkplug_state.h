// STATE/HOST as Sparkplug 2.2 has it, for edge nodes that wait for nothing else. Over a connection of its
// own: a client has one will, and that of the loop's link is the STATE of 3.0.
#pragma once

#include <memory>
#include <string>

#include "hil/mqtt_connections.h"

namespace looptwin::hil {

class SparkplugState {
 public:
  /// ONLINE, retained, from now on and at each reconnection; OFFLINE when it ends, however it does. `link`:
  /// the options of the loop's.
  static Result<std::unique_ptr<SparkplugState>> announce(const MqttOptions& link, const std::string& host);

 private:
  SparkplugState() = default;
  std::unique_ptr<MqttConnections> connection_;
};

}  // namespace looptwin::hil
