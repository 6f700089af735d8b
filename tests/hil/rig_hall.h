// A rig's transport with a link of the test's own, and two pumps that speak through it.
#pragma once

#include <catch2/catch.hpp>

#include "hil/rig_transport.h"

namespace looptwin::hil {

class ScriptedLink final : public MqttLink {
 public:
  void subscribe(const std::vector<std::string>& filters) override { subscribed = filters; }
  bool publish(const std::string& topic, std::string payload, bool, int) override {
    if (full) return false;
    sent.emplace_back(topic, std::move(payload));
    return true;
  }
  void take(std::vector<MqttMessage>& out) override {
    out.insert(out.end(), waiting.begin(), waiting.end());
    waiting.clear();
  }
  bool connected() const override { return true; }
  LinkCounters counters() const override { return {}; }

  void receive(const std::string& topic, const std::string& payload, Duration at, bool retained = false,
               const std::string& origin = {}) {
    waiting.push_back({"looptwin/" + topic, payload, retained, at, origin});
  }
  void say(const std::string& topic, const std::string& payload, Duration at) {
    waiting.push_back({topic, payload, false, at});
  }
  void lose(Duration at) { waiting.push_back({"", "", false, at}); }
  std::vector<std::string> subscribed;
  std::vector<MqttMessage> waiting;
  std::vector<std::pair<std::string, std::string>> sent;
  bool full = false;
};

/// Two pumps in a hall; the run's start is the link's 0.
struct Hall {
  ScriptedLink link;
  lang::Schema schema;
  twin::Tables tables{schema};
  twin::Registry registry;
  std::unique_ptr<mml::Broker> broker;
  std::unique_ptr<RigTransport> transport;

  Hall() : Hall(plain_mapping("pump")) {}
  explicit Hall(const Mapping& mapping) {
    twin::ModelConfig pump;
    pump.name = "pump";
    pump.telemetry = {{.name = "level", .every = seconds(1), .resolution = 0.01},
                      {.name = "flow", .every = seconds(1), .resolution = 0.01},
                      {.name = "running", .boolean = true, .every = seconds(5)}};
    pump.commands = {{.name = "stop", .expires = seconds(60)}};
    twin::FleetConfig fleet;
    fleet.model = "pump";
    fleet.ids = {"hall/pump-1", "hall/pump-2"};
    fleet.count = 2;
    auto built = twin::Registry::build({{pump}}, {{fleet}}, 1, schema, tables);
    REQUIRE(built.has_value());
    registry = std::move(*built);
    broker = std::make_unique<mml::Broker>(registry);
    transport = std::make_unique<RigTransport>(
        link, registry, *broker, tables.shards(), std::vector<Mapping>{mapping},
        RigTransport::RigTime{[](Duration steady) { return kStart + steady; }, UnixTime{}});
  }
  /// What has arrived up to a boundary, s.
  twin::Inbox cycle(int64_t boundary, std::vector<twin::Command> commands = {}) {
    twin::Inbox inbox;
    transport->begin(kStart + seconds(boundary));
    transport->poll(0, kStart + seconds(boundary), inbox);
    transport->send(kStart + seconds(boundary), commands);
    return inbox;
  }
  static twin::Command stop(size_t row, int64_t expires) {
    return {.id = 7,
            .device = {TableId(size_t{0}), Row(row)},
            .kind = twin::Command::Kind::command,
            .issued = kStart,
            .expires = kStart + seconds(expires)};
  }
};

}  // namespace looptwin::hil
