// A real Mosquitto, and links to it.
#pragma once

#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "hil/mosquitto.h"
#include "hil/mqtt_link.h"
#include "tests/hil/eventually.h"

namespace looptwin::hil {

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
