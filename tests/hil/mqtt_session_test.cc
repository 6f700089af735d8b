// What a link and its broker keep of each other: over the broker's end, and not from one run to the next.
#include <catch2/catch.hpp>
#include <filesystem>

#include "hil/mosquitto.h"
#include "hil/mqtt_link.h"
#include "tests/hil/eventually.h"

using namespace looptwin;
using namespace looptwin::hil;

namespace {

std::unique_ptr<MqttLink> link(const Mosquitto& broker, const std::string& id, MqttVersion version) {
  auto made = connect_mqtt({.broker = broker.address(), .client_id = id, .version = version});
  REQUIRE(made.has_value());
  return std::move(*made);
}

/// How many have come so far.
size_t taken(MqttLink& from, std::vector<MqttMessage>& all) {
  from.take(all);
  return all.size();
}

}  // namespace

TEST_CASE(
    "mqtt: what is sent before a link is back after the broker's end waits for it, with either version") {
  const auto version = GENERATE(MqttVersion::v5, MqttVersion::v3_1_1);
  auto started = Mosquitto::start({});
  REQUIRE(started.has_value());
  Mosquitto& broker = **started;
  const auto to = link(broker, "to", version);
  to->subscribe({"x/+"});
  broker.keep();
  const auto early = link(broker, "early", version);
  std::vector<MqttMessage> got;
  REQUIRE(early->publish("x/first", "0"));
  REQUIRE(eventually([&] { return taken(*to, got) == 1; }));
  // The state is on the disk once somebody who came after it was asked for has been served.
  broker.kill();
  REQUIRE(eventually([&] { return !to->connected() && !early->connected(); }));
  REQUIRE(broker.start_again().has_value());
  // Somebody who comes anew is there before links that wait a second for another attempt.
  const auto late = link(broker, "late", version);
  for (int i = 0; i < 50; ++i) REQUIRE(late->publish("x/" + std::to_string(i), "1"));
  REQUIRE(eventually([&] { return taken(*to, got) >= 52; }));  // with the mark of the loss
  CHECK(got.size() == 52);
  CHECK(got[1].topic.empty());
  CHECK(got[51].topic == "x/49");
}

TEST_CASE("mqtt: a link has nothing of an earlier one with its name, and leaves nothing behind") {
  const auto version = GENERATE(MqttVersion::v5, MqttVersion::v3_1_1);
  auto started = Mosquitto::start({});
  REQUIRE(started.has_value());
  const auto other = link(**started, "other", version);
  {
    const auto first = link(**started, "same", version);
    first->subscribe({"x/#"});
  }
  for (int i = 0; i < 20; ++i) REQUIRE(other->publish("x/old", "old"));
  const auto second = link(**started, "same", version);
  second->subscribe({"y"});
  std::vector<MqttMessage> got;
  REQUIRE(eventually([&] {
    REQUIRE(other->publish("y", "new"));
    return taken(*second, got) > 0;
  }));
  for (const auto& message : got) CHECK(message.topic == "y");
}
