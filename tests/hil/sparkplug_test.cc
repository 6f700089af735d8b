// Sparkplug B: a host application against messages as edge nodes of several makers send them, and against
// edge nodes of ours.
#include "tests/hil/sparkplug_hall.h"

using namespace looptwin;
using namespace looptwin::hil;
using namespace looptwin::hil::sparkplug;

namespace {

const char* const kRebirthTopic = "spBv1.0/hall/NCMD/line";

}  // namespace

TEST_CASE(
    "sparkplug: the host says that it is there with its will's timestamp, and again when it is denied") {
  Hall hall;
  const auto will_of = sparkplug_will(hall.mappings[0].sparkplug);
  const auto will = will_of({0, kRunStart});
  CHECK(will.topic == "spBv1.0/STATE/twin");
  CHECK(will.payload == R"({"online":false,"timestamp":1700000000000})");
  std::vector<Outgoing> out;
  hall.loop->joined(kStart, kRunStart, out);
  REQUIRE(out.size() == 1);
  CHECK(out[0].topic == will.topic);
  CHECK(out[0].payload == R"({"online":true,"timestamp":1700000000000})");
  CHECK(out[0].retain);
  CHECK(out[0].qos == 1);
  CHECK(hall.take("STATE/twin", R"({"online":true,"timestamp":1700000000000})", seconds(1)).empty());
  CHECK(hall.step(seconds(1)).empty());
  CHECK(hall.take("STATE/twin", will.payload, seconds(1)).empty());
  const auto again = hall.step(seconds(1));
  REQUIRE(again.size() == 1);
  CHECK(again[0].payload == out[0].payload);
  // Another connection has a timestamp of its own.
  out.clear();
  hall.loop->lost(kStart + seconds(2));
  hall.loop->joined(kStart + seconds(5), kRunStart + seconds(4), out);
  REQUIRE(out.size() == 1);
  CHECK(out[0].payload == R"({"online":true,"timestamp":1700000004000})");
  CHECK(will_of({1, kRunStart + seconds(4)}).payload == R"({"online":false,"timestamp":1700000004000})");
  hall.take("STATE/twin", "OFFLINE", seconds(1));
  CHECK(hall.step(seconds(1)).empty());
  out.clear();
  hall.loop->leave(out);
  REQUIRE(out.size() == 1);
  CHECK(out[0].payload == R"({"online":false,"timestamp":1700000005000})");
}

TEST_CASE("sparkplug: births say who is there and what numbers mean, and a death takes all devices along") {
  Hall hall;
  hall.bear();
  CHECK(hall.take("hall/DDATA/line/pump-1", Hall::level(2, 2.5f), seconds(2)) == "line/pump-1 level=250");
  auto late = Hall::level(3, 1.0f);
  late.metrics[0].historical = true;
  late.metrics[0].timestamp = 1;
  CHECK(hall.take("hall/DDATA/line/pump-1", late, seconds(2)) == "line/pump-1 old level=100");
  Payload nothing{1, 4, {{.name = "running", .null = true}}};
  CHECK(hall.take("hall/DDATA/line/pump-1", nothing, seconds(2)) == "line/pump-1 running=none");
  Payload wrong{1, 5, {{.name = "running", .value = 1.5f}}};
  CHECK(hall.take("hall/DDATA/line/pump-1", wrong, seconds(2)) == "wrong type");
  CHECK(hall.take("hall/DBIRTH/line/pump-2", Hall::dbirth(6), seconds(2)) ==
        "line/pump-2 on, line/pump-2 level=150 running=0");
  CHECK(hall.take("hall/DDEATH/line/pump-2", Payload{1, 7, {}}, seconds(2)) == "line/pump-2 off");
  CHECK(hall.take("hall/NDEATH/line", Payload{1, {}, {metric("bdSeq", Datatype::int64, uint64_t{3})}},
                  seconds(3)) == "line/pump-1 off");
  CHECK(hall.take("hall/NBIRTH/elsewhere", Hall::nbirth(0), seconds(3)) == "none");
  CHECK(hall.take("hall/DBIRTH/line/pump-1", encode(Hall::dbirth(1)), seconds(3), true).empty());
}

TEST_CASE("sparkplug: a birth says who is born before it says that somebody is there") {
  Hall hall;
  IdentityPlaces places;
  places.serial = Place{.name = "serial", .at = "Properties/Serial"};
  places.firmware = Place{.name = "firmware", .at = "Properties/Firmware"};
  hall.mappings[0].identity = places;
  hall.loop = std::move(make_conventions(hall.registry, hall.mappings, UnixTime{})[0]);
  hall.take("hall/NBIRTH/line", Hall::nbirth(3), seconds(1));
  auto birth = Hall::dbirth(1);
  birth.metrics.push_back(metric("Properties/Serial", Datatype::string, std::string("SN-1")));
  hall.take("hall/DBIRTH/line/pump-1", birth, seconds(1));
  REQUIRE(hall.heard.size() == 3);
  const auto* said = std::get_if<HeardIdentity>(&hall.heard[0]);
  REQUIRE(said != nullptr);
  CHECK(said->device == Hall::device(0));
  CHECK(said->said == twin::Identity{"SN-1", ""});
  CHECK(std::holds_alternative<HeardPresence>(hall.heard[1]));
}

TEST_CASE("sparkplug: an old session's death after the new birth takes nobody offline") {
  Hall hall;
  hall.bear();
  const Payload old{1, {}, {metric("bdSeq", Datatype::int64, uint64_t{3})}};
  CHECK(hall.take("hall/NBIRTH/line", Hall::nbirth(4), seconds(2)).empty());
  CHECK(hall.take("hall/DBIRTH/line/pump-1", Hall::dbirth(1), seconds(2)) ==
        "line/pump-1 on, line/pump-1 level=150 running=0");
  CHECK(hall.take("hall/NDEATH/line", old, seconds(2)).empty());
  CHECK(hall.counted("deaths of old sessions") == 1);

  // One that never counts its sessions is asked, and is gone only if it does not answer.
  for (const bool answers : {true, false}) {
    Hall other;
    other.bear();
    other.take("hall/NBIRTH/line", Hall::nbirth(3), seconds(2));
    other.take("hall/DBIRTH/line/pump-1", Hall::dbirth(1), seconds(2));
    CHECK(other.take("hall/NDEATH/line", old, seconds(3)).empty());
    const auto asked = other.step(seconds(3));
    REQUIRE(asked.size() == 1);
    CHECK(asked[0].topic == kRebirthTopic);
    if (answers) other.take("hall/DDATA/line/pump-1", Hall::level(2, 2.0f), seconds(4));
    other.step(seconds(6));
    CHECK(other.said() == (answers ? "" : "line/pump-1 off"));
  }
}

TEST_CASE(
    "sparkplug: one counter goes over a node's topics; what is missing is waited for, then a rebirth asked") {
  Hall hall;
  hall.bear();
  hall.take("hall/DBIRTH/line/pump-2", Hall::dbirth(2), seconds(2));
  CHECK(hall.take("hall/DDATA/line/pump-1", Hall::level(4, 4.0f), seconds(2)).empty());
  CHECK(hall.take("hall/DDATA/line/pump-2", Hall::level(3, 3.0f), seconds(3)) ==
        "line/pump-2 level=300, line/pump-1 level=400");
  CHECK(hall.take("hall/DDATA/line/pump-1", Hall::level(4, 9.0f), seconds(3)).empty());
  CHECK(hall.counted("repeated") == 1);
  CHECK(hall.take("hall/DDATA/line/pump-1", Hall::level(6, 6.0f), seconds(20)).empty());
  CHECK(hall.step(seconds(20)).size() == 1);  // for the repeated one
  CHECK(hall.step(seconds(21)).empty());
  CHECK(hall.step(seconds(22)).empty());  // the gap is noticed; it was asked a moment ago
  CHECK(hall.said() == "line/pump-1 level=600");
  CHECK(hall.take("hall/DDATA/line/pump-1", Hall::level(7, 7.0f), seconds(23)).empty());
  const auto asked = hall.step(seconds(30));
  REQUIRE(asked.size() == 1);
  CHECK(asked[0].topic == kRebirthTopic);
  CHECK(asked[0].qos == 0);
  const auto rebirth = decode(asked[0].payload);
  REQUIRE(rebirth.has_value());
  CHECK_FALSE(rebirth->seq.has_value());
  CHECK(rebirth->find("Node Control/Rebirth")->value == WireValue(true));
  CHECK(hall.step(seconds(35)).empty());  // not more often than every 10 s
  hall.take("hall/NBIRTH/line", Hall::nbirth(3), seconds(36));
  CHECK(hall.step(seconds(50)).empty());
}

TEST_CASE("sparkplug: the counter goes past 255 and begins anywhere") {
  Hall hall;
  hall.take("hall/NBIRTH/line", Hall::nbirth(3, 200), seconds(1));
  hall.take("hall/DBIRTH/line/pump-1", Hall::dbirth(201), seconds(1));
  for (uint64_t i = 0; i < 600; ++i)
    REQUIRE(hall.take("hall/DDATA/line/pump-1", Hall::level((202 + i) % 256, 1.0f), seconds(2)) ==
            "line/pump-1 level=100");
  // Turned round where it turns over.
  CHECK(hall.take("hall/DDATA/line/pump-1", Hall::level((803) % 256, 3.0f), seconds(2)).empty());
  CHECK(hall.take("hall/DDATA/line/pump-1", Hall::level((802) % 256, 2.0f), seconds(2)) ==
        "line/pump-1 level=200, line/pump-1 level=300");
}

TEST_CASE(
    "sparkplug: nodes that were there before us are asked for their births, and data before them are not "
    "taken") {
  Hall hall;
  std::vector<Outgoing> out;
  hall.loop->joined(kStart, kRunStart, out);
  CHECK(hall.take("hall/DDATA/line/pump-1", Hall::level(9, 1.0f), milliseconds(100)).empty());
  CHECK(hall.step(seconds(1)).empty());
  CHECK(hall.step(seconds(2)).size() == 1);
  hall.bear();
  CHECK(hall.take("hall/DDATA/line/pump-1", Payload{1, 2, {{.name = "other", .value = 1.0f}}}, seconds(3))
            .empty());
  CHECK(hall.counted("metrics without a birth") == 1);
  CHECK(hall.take("hall/DDATA/line/pump-2", Hall::level(3, 1.0f), seconds(3)).empty());
  CHECK(hall.counted("messages without a birth") == 2);
}

TEST_CASE(
    "sparkplug: a command is acknowledged by the data that show its value, and an imperative goes once") {
  Hall hall;
  hall.bear();
  std::vector<Outgoing> out;
  const twin::Command speed{
      .id = 11, .device = Hall::device(0), .value = 0.8, .expires = kStart + seconds(60)};
  CHECK(hall.loop->tell(speed, out));
  REQUIRE(out.size() == 1);
  CHECK(out[0].topic == "spBv1.0/hall/DCMD/line/pump-1");
  CHECK_FALSE(out[0].retain);
  const auto told = decode(out[0].payload);
  CHECK(told->find("speed")->value == WireValue(0.8f));
  CHECK(told->find("speed")->datatype == Datatype::float32);
  const auto shows = [&](uint64_t seq, float value) {
    return hall.take("hall/DDATA/line/pump-1", Payload{1, seq, {{.name = "speed", .value = value}}},
                     seconds(2));
  };
  CHECK(shows(2, 0.6f).empty());
  CHECK(shows(3, 0.8f) == "answer 11");
  CHECK(shows(4, 0.8f).empty());
  // It has that value already: it has no reason to say so.
  CHECK(hall.loop->tell({.id = 12, .device = Hall::device(0), .value = 0.8, .expires = kStart + seconds(60)},
                        out));
  hall.step(seconds(3));
  CHECK(hall.said() == "answer 12");

  twin::Command stop{.id = 13, .device = Hall::device(0), .kind = twin::Command::Kind::command};
  stop.expires = kStart + seconds(60);
  out.clear();
  CHECK(hall.loop->tell(stop, out));
  CHECK(hall.loop->tell(stop, out));
  CHECK(out.size() == 1);
  CHECK(hall.take("hall/DDATA/line/pump-1", Payload{1, 5, {{.name = "stop", .value = true}}}, seconds(4)) ==
        "answer 13");
  CHECK_FALSE(hall.loop->tell({.device = Hall::device(1)}, out));  // not born
}

TEST_CASE("sparkplug: our edge nodes are what our host understands, and are born again when they are asked") {
  Hall hall;
  std::string all;
  const auto carry = [&](Duration at) {
    all.clear();
    for (const auto& message : std::exchange(hall.sent, {})) {
      const auto said = hall.take(message.topic.substr(8), message.payload, at);
      if (!said.empty()) all += (all.empty() ? "" : ", ") + said;
    }
    return all;
  };
  const auto node = hall.devices->holder(Hall::device(1));
  CHECK(node == Hall::device(0));
  const auto session = hall.devices->session(node);
  CHECK(session.filters == std::vector<std::string>{"spBv1.0/hall/NCMD/line", "spBv1.0/hall/DCMD/line/+"});
  hall.devices->presence(Hall::device(0), true, kStart + seconds(1), hall.sent);
  CHECK(hall.devices->is_in_use(node));
  CHECK(hall.sent.empty());  // there is no connection yet
  hall.devices->joined(node, {0, kRunStart}, kStart + seconds(1), hall.sent);
  CHECK(hall.sent.size() == 2);
  CHECK(carry(seconds(1)) == "line/pump-1 on, line/pump-1 level=none running=none");
  hall.devices->telemetry(Hall::device(0), {{{0, 150}, {1, 1}}, 1'700'000'002.0, {}}, hall.sent);
  CHECK(carry(seconds(2)) == "line/pump-1 level=150 running=1");
  hall.devices->telemetry(Hall::device(0), {{{0, 150}, {1, 0}}, 1'700'000'003.0, {}}, hall.sent);
  CHECK(carry(seconds(3)) == "line/pump-1 running=0");

  std::vector<Outgoing> out;
  hall.loop->tell({.id = 5, .device = Hall::device(0), .value = 0.75, .expires = kNever}, out);
  std::vector<HeardAsked> asked;
  REQUIRE(out.size() == 1);
  CHECK(hall.devices->take({out[0].topic, out[0].payload, false, {}}, asked));
  REQUIRE(asked.size() == 1);
  REQUIRE(asked[0].has_value());
  CHECK(asked[0]->command.value == 0.75);
  CHECK(hall.sent.empty());
  hall.devices->answer(
      {asked[0]->command.id, Hall::device(0), twin::Outcome::accepted, kStart + seconds(4), {}}, hall.sent);
  CHECK(carry(seconds(4)) == "answer 5");

  hall.devices->presence(Hall::device(1), true, kStart + seconds(5), hall.sent);
  CHECK(carry(seconds(5)) == "line/pump-2 on, line/pump-2 level=none running=none");
  const Payload rebirth{1, {}, {metric("Node Control/Rebirth", Datatype::boolean, true)}};
  CHECK(hall.devices->take({kRebirthTopic, encode(rebirth), false, {}}, asked));
  CHECK(hall.devices->say_due(kStart + seconds(6), hall.sent) == node);
  CHECK(hall.devices->say_due(kStart + seconds(6), hall.sent) == std::nullopt);
  CHECK(hall.sent.size() == 3);
  CHECK(carry(seconds(6)) ==
        "line/pump-1 on, line/pump-1 level=150 running=0, line/pump-2 on, line/pump-2 level=none "
        "running=none");
  hall.devices->presence(Hall::device(0), false, kStart + seconds(7), hall.sent);
  CHECK(carry(seconds(7)) == "line/pump-1 off");
  // The connection is lost, and the next one is another session; the old one's will comes late.
  hall.devices->lost(node);
  hall.devices->telemetry(Hall::device(1), {{{0, 250}}, 1'700'000'007.0, {}}, hall.sent);
  CHECK(hall.sent.empty());
  hall.devices->joined(node, {1, kRunStart}, kStart + seconds(8), hall.sent);
  CHECK(carry(seconds(8)) == "line/pump-2 on, line/pump-2 level=250 running=none");
  const auto die = [&](uint64_t number) {
    const auto will = session.will({number, kRunStart});
    CHECK_FALSE(will.retain);
    return hall.take(will.topic.substr(8), will.payload, seconds(9));
  };
  CHECK(die(0).empty());
  hall.devices->presence(Hall::device(1), false, kStart + seconds(9), hall.sent);
  CHECK_FALSE(hall.devices->is_in_use(node));
  CHECK(hall.sent.empty());  // the broker says it
  CHECK(die(1) == "line/pump-2 off");
  CHECK(hall.counted("deaths of old sessions") == 1);
  CHECK(hall.counted("gaps") + hall.counted("repeated") + hall.counted("messages without a birth") == 0);
}

TEST_CASE("sparkplug: a node that somebody else takes over leaves in silence, and dies where nobody does") {
  Hall hall;
  const auto node = Hall::device(0);
  hall.devices->presence(node, true, kStart, hall.sent);
  hall.devices->joined(node, {7, kRunStart}, kStart, hall.sent);
  hall.sent.clear();
  hall.devices->leave(node);
  CHECK_FALSE(hall.devices->is_in_use(node));
  hall.devices->presence(node, false, kStart + seconds(1), hall.sent);
  REQUIRE(hall.sent.size() == 1);
  CHECK(hall.sent[0].topic == "spBv1.0/hall/NDEATH/line");
  const auto death = decode(hall.sent[0].payload);
  REQUIRE(death.has_value());
  const auto* session = death->find("bdSeq");
  REQUIRE(session != nullptr);
  CHECK(session->value == WireValue(uint64_t{7}));
}

TEST_CASE("sparkplug: a device that is not born after its node is gone") {
  Hall hall;
  hall.bear();
  hall.take("hall/NBIRTH/line", Hall::nbirth(4), seconds(2));
  CHECK(hall.take("hall/DDATA/line/pump-1", Hall::level(1, 1.0f), seconds(2)).empty());
  hall.step(seconds(3));
  CHECK(hall.said().empty());
  hall.step(seconds(5));
  CHECK(hall.said() == "line/pump-1 off");
}
