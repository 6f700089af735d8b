// Devices that are to be the ones that an inventory lists: who is admitted, and who is kept out.
#include "tests/hil/rig_hall.h"

using namespace looptwin;
using namespace looptwin::hil;

namespace {

Mapping with_identity() {
  auto mapping = plain_mapping("pump");
  IdentityPlaces places;
  places.serial = Place{.name = "serial", .at = "/serial", .topic = known_topic("looptwin/{device}/info")};
  places.firmware = Place{.name = "firmware", .at = "/fw"};  // in the telemetry
  places.ask = known_topic("looptwin/{device}/who");
  places.ask_payload = "?";
  mapping.identity = places;
  return mapping;
}

/// The hall, and a gate in front of it.
struct Guarded {
  Hall hall;
  IdentityGate gate;
  std::string seen;

  explicit Guarded(const Mapping& mapping = with_identity()) : hall(mapping), gate(hall.registry, {mapping}) {
    gate.report(
        [this](twin::DeviceRef, const std::string& why, const twin::Identity& said) {
          seen += "[" + why + "; " + said.serial + "/" + said.firmware + "]";
        },
        [this](const Incident& incident) { seen += incident.kind + " " + incident.device + "; "; });
    hall.transport->admit_by(gate);
  }
  static twin::DeviceRef pump(size_t row) { return Hall::pump(row); }
  void expect(size_t row, const std::string& serial, const std::string& firmware = "") {
    gate.expect(pump(row), {serial, firmware}, "", kStart);
  }
  void says(const std::string& what, const std::string& payload, Duration at, bool retained = false) {
    hall.link.receive("hall/pump-1/" + what, payload, at, retained);
  }
  std::string take_seen() { return std::exchange(seen, {}); }
};

}  // namespace

TEST_CASE("identity: a device is there once it has said that it is the one that is listed") {
  Guarded g;
  g.expect(0, "SN-1");
  g.says("telemetry", R"({"level": 1})", milliseconds(500));
  auto inbox = g.hall.cycle(1, {Hall::stop(0, 60)});
  CHECK(inbox.frames.empty());
  CHECK(inbox.presence.empty());
  CHECK(g.hall.transport->counters().not_admitted == 1);
  CHECK(g.take_seen() == "not_identified hall/pump-1; ");
  // What it is told waits; and it is asked who it is.
  REQUIRE(g.hall.link.sent.size() == 1);
  CHECK(g.hall.link.sent[0] == std::pair<std::string, std::string>("looptwin/hall/pump-1/who", "?"));
  g.says("info", R"({"serial": "SN-1"})", milliseconds(1500));
  inbox = g.hall.cycle(2);
  REQUIRE(inbox.presence.size() == 1);
  CHECK(inbox.presence[0].online);
  REQUIRE(g.hall.link.sent.size() == 2);
  CHECK(g.hall.link.sent[1].first == "looptwin/hall/pump-1/command");
  g.says("telemetry", R"({"level": 2})", milliseconds(2500));
  CHECK(g.hall.cycle(3).frames.size() == 1);
  CHECK(g.take_seen().empty());
}

TEST_CASE("identity: one that says something else goes, is told nothing, and is counted") {
  Guarded g;
  g.expect(0, "SN-1", "2.1");
  g.says("info", R"({"serial": "SN-1"})", milliseconds(400));
  g.says("telemetry", R"({"level": 1, "fw": "2.1"})", milliseconds(500));
  CHECK(g.hall.cycle(1).frames.size() == 1);  // the same message proved it
  CHECK(g.gate.text() == "1 proved, 0 awaited, 0 in quarantine, 0 not checked");
  g.says("telemetry", R"({"level": 1, "fw": 3})", milliseconds(1500));  // a number is a text as well
  auto inbox = g.hall.cycle(2, {Hall::stop(0, 60)});
  CHECK(inbox.frames.empty());
  REQUIRE(inbox.presence.size() == 1);
  CHECK_FALSE(inbox.presence[0].online);
  CHECK(g.take_seen() == "[says firmware '3' in place of '2.1'; SN-1/3]quarantined hall/pump-1; ");
  CHECK(g.hall.link.sent.empty());
  std::vector<Outgoing> out;
  CHECK(g.hall.transport->language().tell(Hall::stop(0, 60), out));
  CHECK(out.empty());  // not even what would make it safe
  // Also the right word does not end a quarantine; a person does.
  g.says("telemetry", R"({"level": 1, "fw": "2.1"})", milliseconds(2500));
  CHECK(g.hall.cycle(3).frames.empty());
  g.expect(0, "SN-1", "2.1");
  inbox = g.hall.cycle(4);
  REQUIRE(inbox.presence.size() == 1);
  CHECK(inbox.presence[0].online);
  CHECK(g.hall.link.sent.size() == 1);
  CHECK(g.take_seen() == "quarantine_ended hall/pump-1; ");
}

TEST_CASE("identity: a quarantine that ends while the device still says the same begins again") {
  Guarded g;
  g.expect(0, "SN-1");
  g.says("info", R"({"serial": "SN-9"})", milliseconds(500));
  g.hall.cycle(1);
  CHECK(g.take_seen() == "[says serial 'SN-9' in place of 'SN-1'; SN-9/]quarantined hall/pump-1; ");
  g.expect(0, "SN-1");
  CHECK(g.take_seen() == "[says serial 'SN-9' in place of 'SN-1'; SN-9/]");
  CHECK_FALSE(g.gate.admits(Guarded::pump(0)));
  g.expect(0, "SN-9");
  CHECK(g.gate.admits(Guarded::pump(0)));
}

TEST_CASE("identity: one that can be asked says anew who it is when it comes back") {
  Guarded g;
  g.expect(0, "SN-1");
  g.says("info", R"({"serial": "SN-1"})", milliseconds(300), true);  // what the broker had kept counts, too
  g.says("presence", "online", milliseconds(500));
  CHECK(g.hall.cycle(1).presence.size() == 1);
  g.says("presence", "offline", milliseconds(1200));
  g.says("presence", "online", milliseconds(1400));
  const auto inbox = g.hall.cycle(2);
  REQUIRE(inbox.presence.size() == 1);
  CHECK_FALSE(inbox.presence[0].online);
  REQUIRE(g.hall.link.sent.size() == 1);
  CHECK(g.hall.link.sent[0].first == "looptwin/hall/pump-1/who");
  for (int64_t second = 3; second < 8; ++second) g.hall.cycle(second);
  CHECK(g.hall.link.sent.size() == 2);  // again after 5 s
  g.says("info", R"({"serial": "SN-1"})", milliseconds(7500));
  CHECK(g.hall.cycle(8).presence.size() == 1);
}

TEST_CASE("identity: what is not listed, and who is not the device itself, is not checked") {
  Guarded g;
  g.expect(0, "");
  g.says("telemetry", R"({"level": 1})", milliseconds(500));
  g.hall.link.receive("hall/pump-2/telemetry", R"({"level": 1})", milliseconds(500));
  CHECK(g.hall.cycle(1).presence.size() == 2);
  CHECK(g.gate.text() == "0 proved, 0 awaited, 0 in quarantine, 1 not checked");
  // A simulated one stands in for a device that would have to say who it is.
  g.hall.transport->take_only(
      [](twin::DeviceRef, const std::string& origin) { return origin == "simulated"; });
  g.gate.expect(Guarded::pump(1), {"SN-2", ""}, "", kStart + seconds(1));
  g.hall.link.receive("hall/pump-2/telemetry", R"({"level": 2})", milliseconds(1500), false, "simulated");
  const auto inbox = g.hall.cycle(2);
  CHECK(inbox.frames.size() == 1);
  CHECK(inbox.presence.empty());
}

TEST_CASE("identity: what the broker had kept proves who it was, and not that it is there") {
  auto mapping = with_identity();
  mapping.identity->ask.reset();
  Guarded g(mapping);
  g.expect(0, "SN-1");
  g.says("presence", "online", milliseconds(100), true);
  g.says("info", R"({"serial": "SN-1"})", milliseconds(100), true);
  CHECK(g.hall.cycle(1).presence.empty());
  CHECK(g.take_seen().empty());
  g.says("telemetry", R"({"level": 1})", milliseconds(1400));
  CHECK(g.hall.cycle(2).presence.size() == 1);
}

TEST_CASE("identity: a lost broker takes what devices said along, where they can be asked") {
  Guarded g;
  g.expect(0, "SN-1");
  g.says("info", R"({"serial": "SN-1"})", milliseconds(300));
  g.says("telemetry", R"({"level": 1})", milliseconds(400));
  CHECK(g.hall.cycle(1).frames.size() == 1);
  g.hall.link.lose(milliseconds(1200));
  g.says("telemetry", R"({"level": 1})", milliseconds(1400));
  CHECK(g.hall.cycle(2).frames.empty());
  CHECK(g.hall.transport->online() == 0);
}
