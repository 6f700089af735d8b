// Simulated devices at a broker, with a link of the test's own: what goes out, and what of what comes in is
// for them.
#include "hil/device_bridge.h"

#include <random>

#include "tests/hil/fleet.h"

using namespace looptwin;
using namespace looptwin::hil;

namespace {

class Link final : public MqttLink {
 public:
  void subscribe(const std::vector<std::string>& filters) override { subscribed = filters; }
  void hear_at_once(const std::string&, std::function<void()>) override {}
  bool publish(const std::string& topic, std::string payload, bool retain, int) override {
    if (full) return false;
    sent.push_back(topic + (retain ? " (retained) " : " ") + payload);
    return true;
  }
  void take(std::vector<MqttMessage>& out) override { std::swap(out, waiting); }
  bool connected() const override { return true; }
  LinkCounters counters() const override { return {.connections = connections}; }

  std::vector<std::string> subscribed, sent;
  std::vector<MqttMessage> waiting;
  uint64_t connections = 1;
  bool full = false;
};

struct Hall : TwoPumps {
  Link link;
  DeviceBridge bridge{link, registry, {plain_mapping("pump")}, UnixTime{1'700'000'000'000'000'000}};

  DeviceBridge::Inbox take() {
    DeviceBridge::Inbox inbox;
    bridge.take(kStart + seconds(5), inbox);
    return inbox;
  }
  void receive(const std::string& topic, const std::string& payload, bool retained = false,
               const std::string& origin = {}) {
    link.waiting.push_back({"looptwin/" + topic, payload, retained, Duration{}, origin});
  }
};

}  // namespace

TEST_CASE(
    "device bridge: it hears what devices are told, whoever tells them, and who says that they are gone") {
  Hall hall;
  CHECK(hall.link.subscribed == std::vector<std::string>{"looptwin/+/+/command", "looptwin/+/+/presence"});
  hall.receive("hall/pump-2/command", R"({"id": "a", "set": "speed", "value": 3, "expires": 1700000060})");
  hall.receive("hall/pump-1/command", R"({"id": "b", "command": "stop", "expires": 0})");
  hall.receive("hall/pump-1/presence", "offline");
  hall.receive("hall/pump-2/presence", "offline", false, "simulated");
  hall.receive("hall/pump-2/presence", "online");
  const auto inbox = hall.take();
  REQUIRE(inbox.orders.size() == 2);
  const auto& speed = inbox.orders[0].command;
  CHECK(speed.device.row.index() == 1);
  CHECK(speed.value == 3);
  CHECK(speed.issued == kStart + seconds(5));
  CHECK(speed.expires == kStart + seconds(60));
  CHECK(inbox.orders[1].command.expires == kNever);
  REQUIRE(inbox.gone.size() == 1);
  CHECK(inbox.gone[0].row.index() == 0);
  CHECK(hall.bridge.counters().orders == 2);
}

TEST_CASE(
    "device bridge: an order that cannot be read, or that the broker had kept, is counted and no order") {
  Hall hall;
  hall.receive("hall/pump-1/command", R"({"id": "b", "command": "stop"})", true);
  hall.receive("hall/pump-1/command", "stop!");
  hall.receive("hall/pump-9/command", R"({"id": "b", "command": "stop"})");
  CHECK(hall.take().orders.empty());
  CHECK(hall.bridge.counters().unread == 2);
  // Whatever bytes come, they are an order or they are not.
  std::mt19937 draw(7);
  const std::string alphabet = R"({}[]":,idsetcomandvalue0123.e-+\u )";
  for (int i = 0; i < 20'000; ++i) {
    std::string payload(draw() % 60, ' ');
    for (auto& c : payload)
      c = draw() % 8 == 0 ? static_cast<char>(draw()) : alphabet[draw() % alphabet.size()];
    hall.receive("hall/pump-1/command", payload);
  }
  hall.take();
  CHECK(hall.bridge.counters().unread + hall.bridge.counters().orders == 20'002);
}

TEST_CASE("device bridge: what devices say is dated by the wall, and counted where there is no room") {
  Hall hall;
  twin::Frame frame;
  frame.table = TableId(size_t{0});
  frame.row = {1};
  frame.sequence = {17};
  frame.sampled_at = {2'500'000'000};
  frame.received_at = {2'600'000'000};
  frame.value = {{123}};
  hall.bridge.publish(frame, 0);
  hall.bridge.publish(twin::Presence{Hall::pump(0), true, kStart});
  CHECK(hall.link.sent ==
        std::vector<std::string>{R"(looptwin/hall/pump-2/telemetry {"level":1.23,"n":17,"t":1700000002.5})",
                                 "looptwin/hall/pump-1/presence (retained) online"});
  hall.link.full = true;
  hall.bridge.publish(frame, 0);
  CHECK(hall.bridge.counters().published == 2);
  CHECK(hall.bridge.counters().unsent == 1);
}

TEST_CASE("device bridge: it says when the broker is another one, once") {
  Hall hall;
  CHECK_FALSE(hall.take().anew);
  hall.link.connections = 2;
  CHECK(hall.take().anew);
  CHECK_FALSE(hall.take().anew);
}
