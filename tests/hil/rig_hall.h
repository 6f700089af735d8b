// A rig's transport with a link of the test's own, and two pumps that speak through it.
#pragma once

#include "hil/rig_transport.h"
#include "tests/hil/fleet.h"

namespace looptwin::hil {

class ScriptedLink final : public MqttLink {
 public:
  void subscribe(const std::vector<std::string>& filters) override { subscribed = filters; }
  void hear_at_once(const std::string&, std::function<void()>) override {}
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
struct Hall : TwoPumps {
  ScriptedLink link;
  std::unique_ptr<mml::Broker> broker;
  std::unique_ptr<RigTransport> transport;

  Hall() : Hall(plain_mapping("pump")) {}
  explicit Hall(const Mapping& mapping) : TwoPumps(model()) {
    broker = std::make_unique<mml::Broker>(registry);
    transport = std::make_unique<RigTransport>(
        link, registry, *broker, tables.shards(), std::vector<Mapping>{mapping},
        RigTransport::RigTime{[](Duration steady) { return kStart + steady; }, UnixTime{}});
  }
  static twin::ModelConfig model() {
    auto pump = pump_model();
    pump.telemetry.insert(pump.telemetry.begin() + 1,
                          {.name = "flow", .every = seconds(1), .resolution = 0.01});
    return pump;
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
            .device = pump(row),
            .kind = twin::Command::Kind::command,
            .issued = kStart,
            .expires = kStart + seconds(expires)};
  }
};

}  // namespace looptwin::hil
