// What a message says beside its payload.
#include "hil/message_properties.h"

#include <catch2/catch.hpp>

#include "hil/mqtt_link.h"

using namespace looptwin;
using namespace looptwin::hil;

TEST_CASE("properties: the broker's word of its time comes last and counts, whatever a sender has said") {
  MqttMessage message;
  take_property(message, "origin", "replayed");
  take_property(message, "colour", "red");
  take_property(message, kBrokerTimeProperty, "1");
  take_property(message, kBrokerTimeProperty, "1700000000123456789");
  CHECK(message.origin == "replayed");
  REQUIRE(message.at_broker);
  CHECK(message.at_broker->ns == 1'700'000'000'123'456'789);
}

TEST_CASE("properties: what is no time is none") {
  for (const auto* said : {"", "now", "-5", "0", "17e8", "12 ", "99999999999999999999"}) {
    INFO(said);
    MqttMessage message;
    take_property(message, kBrokerTimeProperty, said);
    CHECK_FALSE(message.at_broker.has_value());
  }
}
