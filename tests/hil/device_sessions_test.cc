// Simulated devices with connections of their own to a real Mosquitto.
#include "hil/device_sessions.h"

#include <algorithm>
#include <map>

#include "hil/conventions/sparkplug/payload.h"
#include "hil/device_bridge.h"
#include "hil/mosquitto.h"
#include "hil/steady_time.h"
#include "tests/hil/convention_fleet.h"
#include "tests/hil/eventually.h"

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

TEST_CASE(
    "device sessions: an edge node and its devices have one, with its death as a will of the same number") {
  auto started = Mosquitto::start({});
  REQUIRE(started.has_value());
  Mosquitto& broker = **started;
  const auto link = [&](const char* id) {
    auto made = connect_mqtt({.broker = broker.address(), .client_id = id});
    REQUIRE(made.has_value());
    return std::move(*made);
  };
  const auto ear = link("ear"), shared = link("shared");
  ear->subscribe({"spBv1.0/#"});
  std::vector<std::string> said;  // "NBIRTH 0": a message, and the session's number where it has one
  const auto listen = [&] {
    std::vector<MqttMessage> messages;
    ear->take(messages);
    for (const auto& message : messages) {
      if (message.topic.empty()) continue;  // the broker was lost
      const auto payload = sparkplug::decode(message.payload);
      REQUIRE(payload.has_value());
      const auto* number = payload->find("bdSeq");
      if (message.topic.find("/NCMD/") != std::string::npos) continue;
      said.push_back(message.topic.substr(std::string("spBv1.0/hall/").size()) +
                     (number != nullptr ? " " + std::to_string(std::get<uint64_t>(number->value)) : ""));
    }
  };
  const auto has_said = [&](const std::string& what) {
    return eventually([&] { return listen(), std::find(said.begin(), said.end(), what) != said.end(); });
  };

  Mapping mapping;
  mapping.model = "pump";
  mapping.convention = "sparkplug";
  mapping.group = "hall";
  const ConventionFleet fleet(pump_model(), {"line/pump-1", "line/pump-2"}, mapping);
  auto sessions =
      DeviceSessions::start({.broker = {.broker = broker.address(), .client_id = "rig"}, .of_each = false},
                            fleet.registry, make_device_sides(fleet.registry, {mapping}, kRunStart));
  REQUIRE(sessions.has_value());
  DeviceBridge bridge(*shared, fleet.registry, {mapping}, kRunStart, std::move(*sessions));
  const auto there = [&] { return bridge.sessions()->counters().there; };
  DeviceBridge::Inbox inbox;
  const auto follow_until = [&](const std::string& what) {
    return eventually([&] {
      bridge.take(kStart, inbox);
      return listen(), std::find(said.begin(), said.end(), what) != said.end();
    });
  };
  const auto pump = [](size_t row) { return ConventionFleet::device(row); };
  bridge.publish(twin::Presence{pump(0), true, kStart});
  bridge.publish(twin::Presence{pump(1), true, kStart});
  REQUIRE(follow_until("DBIRTH/line/pump-2"));
  CHECK(said == std::vector<std::string>{"NBIRTH/line 0", "DBIRTH/line/pump-1", "DBIRTH/line/pump-2"});
  CHECK(there() == 1);
  bridge.publish(twin::Presence{pump(0), false, kStart});
  REQUIRE(has_said("DDEATH/line/pump-1"));

  broker.kill();
  REQUIRE(eventually([&] { return there() == 0 && !ear->connected(); }));
  said.clear();
  REQUIRE(broker.start_again().has_value());
  // Who of the two is back first is not known: the node is asked for its births until the ear has heard them.
  REQUIRE(eventually([&] { return there() == 1 && ear->connected(); }));
  const sparkplug::Payload rebirth{
      1, {}, {{.name = "Node Control/Rebirth", .datatype = sparkplug::Datatype::boolean, .value = true}}};
  REQUIRE(eventually([&] {
    ear->publish("spBv1.0/hall/NCMD/line", sparkplug::encode(rebirth));
    bridge.take(kStart, inbox);
    return listen(), std::find(said.begin(), said.end(), "DBIRTH/line/pump-2") != said.end();
  }));
  // However many attempts it took: birth and death have the same number, and it is another one.
  const auto birth =
      std::find_if(said.begin(), said.end(), [](const auto& one) { return one.starts_with("NBIRTH"); });
  REQUIRE(birth != said.end());
  const auto number = birth->substr(birth->find(' ') + 1);
  CHECK(number != "0");
  bridge.publish(twin::Presence{pump(1), false, kStart});
  CHECK(has_said("NDEATH/line " + number));
  REQUIRE(eventually([&] { return there() == 0; }));

  // It comes again, and leaves for somebody else without a word.
  said.clear();
  bridge.publish(twin::Presence{pump(0), true, kStart});
  REQUIRE(follow_until("DBIRTH/line/pump-1"));
  const auto left = said[0].substr(said[0].find(' ') + 1);
  said.clear();
  bridge.leave(pump(0), kStart);
  REQUIRE(eventually([&] { return there() == 0; }));
  // Nobody else is there: it is said after all.
  bridge.publish(twin::Presence{pump(0), false, kStart});
  CHECK(has_said("NDEATH/line " + left));
  CHECK(said.size() == 1);
}
