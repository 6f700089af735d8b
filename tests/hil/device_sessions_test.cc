// Simulated devices with connections of their own to a real Mosquitto.
#include "hil/device_sessions.h"

#include <algorithm>
#include <map>

#include "hil/mosquitto.h"
#include "tests/hil/eventually.h"
#include "tests/hil/convention_fleet.h"

using namespace looptwin;
using namespace looptwin::hil;

namespace {

constexpr size_t kPlugs = 20;

std::vector<std::string> ids() {
  std::vector<std::string> all;
  for (size_t i = 0; i < kPlugs; ++i) all.push_back("plug-" + std::to_string(i));
  return all;
}

}  // namespace

TEST_CASE(
    "device sessions: one says at each connection that it is there, and its will when its network fails") {
  auto started = Mosquitto::start({});
  REQUIRE(started.has_value());
  Mosquitto& broker = **started;
  auto ear = connect_mqtt({.broker = broker.address(), .client_id = "ear"});
  REQUIRE(ear.has_value());
  (*ear)->subscribe({"looptwin/+/presence"});
  std::map<std::string, std::vector<std::string>> said;  // by topic
  const auto listen = [&] {
    std::vector<MqttMessage> messages;
    (*ear)->take(messages);
    for (auto& message : messages) said[message.topic].push_back(std::move(message.payload));
  };
  const auto presence = [](size_t row) { return "looptwin/plug-" + std::to_string(row) + "/presence"; };

  const auto mapping = plain_mapping("plug");
  const ConventionFleet fleet({.name = "plug", .commands = {{.name = "stop"}}}, ids(), mapping);
  auto made = DeviceSessions::start({.broker = {.broker = broker.address()}, .secrets = {}}, fleet.registry,
                                    make_device_sides(fleet.registry, {mapping}, UnixTime{}));
  REQUIRE(made.has_value());
  DeviceSessions& sessions = **made;
  for (size_t row = 0; row < kPlugs; ++row) sessions.come(ConventionFleet::device(row));
  REQUIRE(eventually([&] { return listen(), said.size() == kPlugs; }));
  sessions.come(ConventionFleet::device(3));
  REQUIRE(eventually([&] { return listen(), said[presence(3)].size() == 2; }));
  CHECK(said[presence(3)][1] == mapping.online);

  (*ear)->publish("looptwin/plug-7/command", "stop");
  std::vector<MqttMessage> heard;
  const auto is_command = [](const MqttMessage& message) { return message.payload == "stop"; };
  REQUIRE(
      eventually([&] { return sessions.take(heard), std::any_of(heard.begin(), heard.end(), is_command); }));

  sessions.leave(ConventionFleet::device(1));
  sessions.go(ConventionFleet::device(2));
  REQUIRE(eventually([&] { return listen(), said[presence(2)].size() == 2; }));
  CHECK(said[presence(2)][1] == mapping.offline);
  REQUIRE(eventually([&] { return sessions.counters().there == kPlugs - 2; }));
  broker.kill();
  REQUIRE(eventually([&] { return sessions.counters().there == 0; }));
  said.clear();
  REQUIRE(broker.start_again().has_value());
  REQUIRE(
      eventually([&] { return listen(), said.size() == kPlugs - 1; }));  // the loss is one, without a topic
  CHECK_FALSE(said.contains(presence(1)));
  CHECK_FALSE(said.contains(presence(2)));
  CHECK(sessions.counters().joined >= 2 * kPlugs - 2);
}
