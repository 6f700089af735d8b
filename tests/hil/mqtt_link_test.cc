// The link to a real Mosquitto: what is sent arrives, also over the broker's end and return.
#include "hil/mqtt_link.h"

#include <atomic>
#include <set>

#include "tests/hil/broker.h"

using namespace looptwin;
using namespace looptwin::hil;

TEST_CASE("mqtt: what is published arrives at who subscribed, in order, with its topic") {
  const auto broker = start_broker();
  const auto to = link_to(*broker, "to"), from = link_to(*broker, "from");
  to->subscribe({"plant/+/tele"});
  // A subscription is there when a first message comes through.
  std::vector<MqttMessage> got;
  REQUIRE(eventually([&] {
    from->publish("plant/probe/tele", "probe");
    to->take(got);
    return !got.empty();
  }));
  REQUIRE(from->publish("plant/end/tele", "end of probes"));
  REQUIRE(eventually([&] { return to->take(got), !got.empty() && got.back().payload == "end of probes"; }));
  got.clear();
  for (int i = 0; i < 1000; ++i) REQUIRE(from->publish("plant/a/tele", std::to_string(i)));
  CHECK(from->publish("plant/a/b/tele", "not asked for"));
  REQUIRE(eventually([&] { return to->take(got), got.size() >= 1000; }));
  REQUIRE(got.size() == 1000);
  for (size_t i = 0; i < got.size(); ++i) REQUIRE(got[i].payload == std::to_string(i));
  CHECK(got[0].topic == "plant/a/tele");
  CHECK(to->counters().dropped_in == 0);
}

TEST_CASE(
    "mqtt: a broker that is killed and comes back loses nothing of what was sent meanwhile, and "
    "subscriptions stand") {
  const auto broker = start_broker();
  const auto from = link_to(*broker, "from"), to = link_to(*broker, "to");
  to->subscribe({"x"});
  std::vector<MqttMessage> got;
  broker->kill();
  REQUIRE(eventually([&] { return !from->connected() && !to->connected(); }));
  // Retained, so that it does not matter who of the two is back first.
  for (int i = 0; i < 100; ++i) REQUIRE(from->publish("y/" + std::to_string(i), "kept", true));
  REQUIRE(broker->start_again().has_value());
  REQUIRE(eventually([&] { return from->connected() && to->connected(); }));
  REQUIRE(eventually([&] {
    from->publish("x", "probe");
    to->take(got);
    return !got.empty();
  }));
  const auto later = link_to(*broker, "later");
  later->subscribe({"y/+"});
  std::set<std::string> kept;
  REQUIRE(eventually([&] {
    got.clear();
    later->take(got);
    for (const auto& message : got) kept.insert(message.topic);
    return kept.size() == 100;
  }));
  CHECK(to->counters().losses == 1);
  CHECK(to->counters().connections == 2);
  CHECK(from->counters().dropped_out == 0);
}

TEST_CASE("mqtt: what is heard at once needs no room to wait, and is heard again when the broker was away") {
  const auto broker = start_broker();
  std::atomic<int> stops{0};
  auto made = connect_mqtt({.broker = broker->address(), .client_id = "to", .arrivals = {.messages = 1}});
  REQUIRE(made.has_value());
  const auto to = std::move(*made), from = link_to(*broker, "from");
  to->subscribe({"x"});
  to->hear_at_once("stop", [&] { ++stops; });
  for (int i = 0; i < 3; ++i) REQUIRE(from->publish("x", std::to_string(i)));
  REQUIRE(from->publish("stop", ""));
  REQUIRE(eventually([&] { return stops == 1; }));
  CHECK(to->counters().dropped_in == 2);
  std::vector<MqttMessage> got;
  to->take(got);
  REQUIRE(got.size() == 1);  // nor does it wait to be taken
  CHECK(got[0].topic == "x");
  broker->kill();
  REQUIRE(eventually([&] { return !from->connected() && !to->connected(); }));
  REQUIRE(broker->start_again().has_value());
  REQUIRE(eventually([&] { return from->connected() && to->connected(); }));
  // One at a time: what is said before `to` has subscribed again is heard by nobody.
  CHECK(eventually([&] {
    const auto has_it = [&] { return from->counters().delivered >= from->counters().sent; };
    return from->publish("stop", "") && eventually(has_it) && stops > 1;
  }));
}

TEST_CASE("mqtt: what cannot be connected to is said so, with what to do") {
  CHECK(connect_mqtt({.broker = "http://x", .client_id = "a"}).error()[0].hint ==
        "write mqtt://HOST:PORT, or mqtts://HOST:PORT");
  const auto refused = connect_mqtt({.broker = "mqtt://127.0.0.1:1", .client_id = "a"});
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error()[0].message.find("cannot connect to mqtt://127.0.0.1:1") == 0);
}

TEST_CASE("mqtt: a link that comes back has another will, and loses nothing of what was sent meanwhile") {
  const auto broker = start_broker();
  const auto ear = link_to(*broker, "ear");
  ear->subscribe({"#"});
  std::vector<MqttMessage> got;
  const auto last = [&](const std::string& topic) {
    ear->take(got);
    std::string payload;
    for (const auto& message : got)
      if (message.topic == topic) payload = message.payload;
    return payload;
  };
  MqttOptions options{.broker = broker->address(), .client_id = "host"};
  options.will = [](const Attempt& attempt) { return Will{"gone", std::to_string(attempt.at.ns)}; };
  auto made = connect_mqtt(options);
  REQUIRE(made.has_value());
  const auto host = std::move(*made);
  REQUIRE(eventually([&] { return host->connected(); }));
  const auto first = host->connected_at();
  CHECK(first.ns > 0);
  broker->kill();
  REQUIRE(eventually([&] { return !host->connected() && !ear->connected(); }));
  for (int i = 0; i < 100; ++i) REQUIRE(host->publish("y/" + std::to_string(i), "kept", true));
  REQUIRE(broker->start_again().has_value());
  REQUIRE(eventually([&] { return host->connected() && last("y/99") == "kept"; }));
  CHECK(host->counters().dropped_out == 0);
  CHECK((host->connected_at() - first).ns > 0);
  broker->stop();  // it takes its leave
  REQUIRE(eventually([&] { return !host->connected(); }));
  REQUIRE(broker->start_again().has_value());
  REQUIRE(eventually([&] { return host->connected() && ear->connected(); }));
  CHECK(host->counters().connections == 3);
  const auto second = host->connected_at();
  // Somebody of its name ends its session, as a network that fails does.
  options.will = nullptr;
  const auto other = connect_mqtt(options);
  REQUIRE(other.has_value());
  CHECK(eventually([&] { return last("gone") == std::to_string(second.ns); }));
  // It comes back, whether or not it was told why it went.
  CHECK(eventually([&] { return host->counters().connections > 3; }));
}
