#include "hil/broker_echo.h"

#include <atomic>

#include "hil/mqtt_connections.h"
#include "hil/wait_for.h"

namespace looptwin::hil {

bool keeps_back(const MqttOptions& options, const std::string& topic) {
  MqttConnections::Account account{.options = options, .filters = {topic}};
  account.options.client_id += "-echo";
  account.options.will = nullptr;
  std::atomic<bool> heard{false};
  const auto made =
      MqttConnections::start({account}, {.heard = [&](size_t, MqttMessage&&) { heard = true; }});
  if (!made) return false;
  auto& echo = **made;
  MachineTime time;
  echo.connect(0);
  if (!wait_for(time, options.patience, [&] { return echo.counters().subscribed > 0; })) return false;
  echo.publish(0, {topic, "echo"});
  // With MQTT 5 a broker may say that it does.
  wait_for(time, options.patience, [&] { return heard || echo.counters().denied > 0; });
  echo.leave(0);
  wait_for(time, options.patience, [&] { return echo.counters().there == 0; });
  return !heard;
}

}  // namespace looptwin::hil
