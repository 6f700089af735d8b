// A real Mosquitto, links to it, and waiting until something is so.
#pragma once

#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "hil/mosquitto.h"
#include "hil/mqtt_link.h"
#include "hil/steady_time.h"

namespace looptwin::hil {

/// Looks again and again until it is so; what never becomes so fails the test.
template <typename Condition>
bool eventually(Condition condition) {
  MachineTime time;
  for (const Duration until = time.now() + seconds(60); time.now() < until;) {
    if (condition()) return true;
    time.sleep_until(time.now() + milliseconds(1));
  }
  return false;
}

inline std::unique_ptr<Mosquitto> start_broker() {
  auto started = Mosquitto::start({});
  REQUIRE(started.has_value());
  return std::move(*started);
}

inline std::unique_ptr<MqttLink> link_to(const Mosquitto& broker, const std::string& id,
                                         MqttVersion version = MqttVersion::v5) {
  auto made = connect_mqtt({.broker = broker.address(), .client_id = id, .version = version});
  REQUIRE(made.has_value());
  return std::move(*made);
}

}  // namespace looptwin::hil
