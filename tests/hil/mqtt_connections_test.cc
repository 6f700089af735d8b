// Many connections from one thread to a real Mosquitto: sessions of their own, wills, and the broker's end.
#include "hil/mqtt_connections.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <set>

#include "hil/spread_link.h"
#include "tests/hil/broker.h"

using namespace looptwin;
using namespace looptwin::hil;

namespace {

/// Devices dev-0, dev-1 … with a will each, told on dev-N/command.
struct Devices {
  ArrivalQueue heard{{}};
  std::unique_ptr<MqttConnections> all;

  Devices(const Mosquitto& broker, size_t count) {
    std::vector<MqttConnections::Account> accounts(count);
    for (size_t i = 0; i < count; ++i) {
      const auto id = "dev-" + std::to_string(i);
      accounts[i].options = {.broker = broker.address(), .client_id = id, .origin = "simulated"};
      accounts[i].options.will = always({id + "/presence", "offline"});
      accounts[i].filters = {id + "/command"};
    }
    auto made = MqttConnections::start(std::move(accounts), {.heard = [this](size_t, MqttMessage&& message) {
                                         heard.put(std::move(message));
                                       }});
    REQUIRE(made.has_value());
    all = std::move(*made);
    for (size_t i = 0; i < count; ++i) all->connect(i);
  }
  bool there(size_t count) const { return all->counters().there == count; }
};

using ByTopic = std::map<std::string, std::vector<std::string>>;

ByTopic payloads_of(const std::vector<MqttMessage>& messages) {
  ByTopic by_topic;
  for (const auto& message : messages) by_topic[message.topic].push_back(message.payload);
  return by_topic;
}

/// Payloads by topic, of what has come so far.
ByTopic taken(MqttLink& from, std::vector<MqttMessage>& all) {
  from.take(all);
  return payloads_of(all);
}

}  // namespace

TEST_CASE("connections: each has a session and a will of its own, and one thread serves them all") {
  const auto own = start_broker();
  constexpr size_t kCount = 150;
  const auto ear = link_to(*own, "ear");
  ear->subscribe({"+/presence", "+/telemetry"});
  Devices devices(*own, kCount);
  REQUIRE(eventually([&] { return devices.all->counters().subscribed == kCount; }));
  for (size_t n = 0; n < 20; ++n)
    for (size_t i = 0; i < kCount; ++i)
      devices.all->publish(i, {"dev-" + std::to_string(i) + "/telemetry", std::to_string(n)});
  std::vector<MqttMessage> got;
  REQUIRE(eventually([&] { return ear->take(got), got.size() == 20 * kCount; }));
  for (const auto& message : got) REQUIRE(message.origin == "simulated");
  auto said = taken(*ear, got);
  for (const auto& [topic, payloads] : said)
    for (size_t n = 0; n < 20; ++n) REQUIRE(payloads.at(n) == std::to_string(n));
  CHECK(ear->publish("dev-7/command", "turn"));
  std::vector<MqttMessage> told;
  REQUIRE(eventually([&] { return devices.heard.take(told), !told.empty(); }));
  CHECK(told[0].topic == "dev-7/command");
  // One whose network fails has its will said, and one that leaves has not.
  got.clear();
  devices.all->leave(1);
  devices.all->drop(2);
  REQUIRE(eventually([&] { return taken(*ear, got).contains("dev-2/presence"); }));
  CHECK(got[0].origin == "simulated");
  CHECK(devices.there(kCount - 2));
  devices.all.reset();
  REQUIRE(eventually([&] { return taken(*ear, got).size() == kCount - 1; }));
  CHECK_FALSE(taken(*ear, got).contains("dev-1/presence"));
}

TEST_CASE("connections: when the broker comes back they do, and what waited in them arrives") {
  const auto own = start_broker();
  Devices devices(*own, 60);
  REQUIRE(eventually([&] { return devices.there(60); }));
  own->kill();
  REQUIRE(eventually([&] { return devices.there(0); }));
  for (size_t i = 0; i < 60; ++i) devices.all->publish(i, {"kept/" + std::to_string(i), "x", true});
  for (size_t n = 0; n < 2 * MqttConnections::kMostWaiting; ++n)
    devices.all->publish(0, {"kept/0", "x", true});
  REQUIRE(own->start_again().has_value());
  REQUIRE(eventually([&] { return devices.there(60); }));
  CHECK(devices.all->counters().lost == 60);
  CHECK(devices.all->counters().dropped == MqttConnections::kMostWaiting + 1);
  const auto late = link_to(*own, "late");
  std::set<std::string> kept;
  late->subscribe({"kept/+"});
  REQUIRE(eventually([&] {
    std::vector<MqttMessage> got;
    late->take(got);
    for (const auto& message : got) kept.insert(message.topic);
    return kept.size() == 60;
  }));
}

TEST_CASE("connections: each takes as many descriptors as it says, and gives them back") {
  const auto own = start_broker();
  const auto open = [] {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return static_cast<size_t>(std::distance(begin(all), end(all)));
  };
  const size_t before = open();
  const auto open_with = [&](size_t count) {
    Devices devices(*own, count);
    REQUIRE(eventually([&] { return devices.there(count); }));
    return open();
  };
  const size_t few = open_with(10);
  CHECK(open_with(30) == few + 20 * MqttConnections::kDescriptorsOfEach);
  CHECK(open() == before);
}

TEST_CASE("connections: one that is thrown out by its own name is back when the other has gone") {
  const auto own = start_broker();
  Devices devices(*own, 2);
  REQUIRE(eventually([&] { return devices.there(2); }));
  auto other = link_to(*own, "dev-0");
  // Some brokers say why, and then it waits until it is asked for.
  const auto thrown_out = [&] {
    const auto counters = devices.all->counters();
    return counters.lost + counters.taken_over;
  };
  REQUIRE(eventually([&] { return thrown_out() >= 1; }));
  other.reset();
  devices.all->connect(0);
  REQUIRE(eventually([&] { return devices.there(2); }));
}

TEST_CASE("connections: a link that is spread over several brings each device's messages in order") {
  const auto own = start_broker();
  const MqttOptions options{.broker = own->address(), .client_id = "host"};
  SpreadLink host(link_to(*own, "host"), options, 3);
  host.subscribe({"all"});
  std::vector<std::vector<std::string>> filters(3);
  for (size_t i = 0; i < 1500; ++i) filters[i % 3].push_back("d/" + std::to_string(i));
  host.subscribe_more(filters);
  const auto from = link_to(*own, "from");
  const auto say = [&](size_t first, size_t last) {
    for (size_t n = first; n < last; ++n)
      for (size_t i = 0; i < 1500; i += 100)
        CHECK(from->publish("d/" + std::to_string(i), std::to_string(n)));
  };
  say(0, 100);
  CHECK(from->publish("all", "x"));
  // By topic, in order. What the broker did not hear was received it says once more.
  ByTopic got;
  const auto has = [&](size_t all) {
    std::vector<MqttMessage> messages;
    host.take(messages);
    for (const auto& [topic, payloads] : payloads_of(messages))
      for (const auto& one : payloads)
        if (auto& of = got[topic]; std::find(of.begin(), of.end(), one) == of.end()) of.push_back(one);
    size_t count = 0;
    for (const auto& [topic, payloads] : got) count += payloads.size();
    return count == all;
  };
  REQUIRE(eventually([&] { return has(1501); }));
  // Its sessions outlive a broker that is stopped: what is said before they are back waits for them.
  own->keep();
  own->stop();
  REQUIRE(eventually([&] { return !host.connected() && !from->connected(); }));
  REQUIRE(own->start_again().has_value());
  const auto late = link_to(*own, "late");
  for (size_t n = 100; n < 110; ++n) CHECK(late->publish("d/1499", std::to_string(n)));
  say(100, 110);
  REQUIRE(eventually([&] { return has(1501 + 1 + 10 + 150); }));  // the loss is one
  for (const auto& [topic, payloads] : got)
    for (size_t n = 0; topic.starts_with("d/") && topic != "d/1499" && n < 110; ++n)
      REQUIRE(payloads.at(n) == std::to_string(n));
}
