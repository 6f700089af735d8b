#include "hil/broker_echo.h"

#include <algorithm>

#include "hil/steady_time.h"

namespace looptwin::hil {

Result<bool> echoes(const MqttOptions& options, const std::string& topic) {
  auto own = options;
  own.client_id += "-echo";
  own.will.reset();
  auto link = connect_mqtt(own);
  if (!link) return tl::make_unexpected(std::move(link.error()));
  (*link)->subscribe({topic});
  (*link)->publish(topic, "echo");
  MachineTime time;
  std::vector<MqttMessage> heard;
  const auto refused = [&] { return (*link)->counters().refused != 0; };  // with MQTT 5 it says so
  for (const Duration until = time.now() + options.patience;
       heard.empty() && !refused() && time.now() < until;) {
    time.sleep_until(time.now() + milliseconds(1));
    (*link)->take(heard);
  }
  return std::any_of(heard.begin(), heard.end(), [&](const auto& message) { return message.topic == topic; });
}

}  // namespace looptwin::hil
