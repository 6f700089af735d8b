// Sparkplug B: payloads against vectors of another implementation, and a host application against messages as
// edge nodes of several makers send them.
#include <catch2/catch.hpp>
#include <cstdio>
#include <filesystem>
#include <random>
#include <sstream>

#include "hil/conventions/sparkplug/payload.h"
#include "hil/conventions/sparkplug/sparkplug.h"
#include "hil/conventions/sparkplug/topic.h"

using namespace looptwin;
using namespace looptwin::hil;
using namespace looptwin::hil::sparkplug;

namespace {

std::string bytes(std::string_view hex) {
  std::string out;
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    out += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  return out;
}

Metric metric(std::string name, Datatype datatype, WireValue value) {
  return {.name = std::move(name), .datatype = datatype, .value = std::move(value)};
}

/// A hall with a node of its own and two pumps on it, and a host.
struct Hall {
  lang::Schema schema;
  twin::Tables tables{schema};
  twin::Registry registry;
  std::vector<Mapping> mappings;
  std::unique_ptr<Convention> host;
  std::unique_ptr<DeviceSide> edge;
  std::vector<Heard> heard;
  std::vector<Outgoing> sent;

  Hall() {
    twin::ModelConfig pump;
    pump.name = "pump";
    pump.telemetry = {{.name = "level", .every = seconds(1), .resolution = 0.01},
                      {.name = "running", .boolean = true, .every = seconds(1)}};
    pump.setpoints = {{.name = "speed", .value = 0.5}};
    pump.commands = {{.name = "stop", .expires = seconds(60)}};
    twin::FleetConfig fleet;
    fleet.model = "pump";
    fleet.ids = {"line/pump-1", "line/pump-2"};
    fleet.count = 2;
    auto built = twin::Registry::build({{pump}}, {{fleet}}, 1, schema, tables);
    REQUIRE(built.has_value());
    registry = std::move(*built);
    Mapping mapping;
    mapping.model = "pump";
    mapping.convention = "sparkplug";
    mapping.group = "hall";
    mapping.fields = {{.name = "level", .at = "Tank/Level"}};
    mapping.sparkplug = {.host = "twin", .state_ms = 1'700'000'000'000};
    mappings = {mapping};
    const UnixTime start{1'700'000'000'000'000'000};
    host = std::move(make_conventions(registry, mappings, start)[0]);
    edge = std::move(make_device_sides(registry, mappings, start).all[0]);
  }

  static twin::DeviceRef pump(size_t row) { return {TableId(size_t{0}), Row(row)}; }
  /// What it makes of a message.
  std::string take(const std::string& topic, const Payload& payload, Duration at) {
    return take(topic, encode(payload), at);
  }
  std::string take(const std::string& topic, std::string payload, Duration at, bool retained = false) {
    heard.clear();
    if (!host->take({"spBv1.0/" + topic, std::move(payload), retained, at}, kStart + at, heard))
      return "none";
    return said();
  }
  std::string said() const {
    std::string text;
    for (const auto& one : heard) {
      if (!text.empty()) text += ", ";
      if (const auto* p = std::get_if<HeardPresence>(&one)) text += registry.id(p->device).substr(5);
      if (const auto* p = std::get_if<HeardPresence>(&one)) text += p->online ? " on" : " off";
      if (const auto* t = std::get_if<HeardTelemetry>(&one)) {
        text += std::string(registry.id(t->device).substr(5)) + (t->old ? " old" : "");
        for (const auto& [field, raw] : t->samples.values)
          text += (field == 0 ? " level=" : " running=") +
                  (raw == twin::kMissing ? std::string("none") : std::to_string(raw));
      }
      if (const auto* a = std::get_if<HeardAnswer>(&one)) text += "answer " + std::to_string(a->answer.id);
      if (std::holds_alternative<PayloadProblem>(one)) text += "problem";
    }
    return text;
  }
  /// What leaves at an instant.
  std::vector<Outgoing> step(Duration at) {
    heard.clear();
    std::vector<Outgoing> out;
    host->step(kStart + at, heard, out);
    return out;
  }
  static Payload nbirth(uint64_t session, uint64_t seq = 0) {
    return {1, seq, {metric("bdSeq", Datatype::int64, session)}};
  }
  static Payload dbirth(uint64_t seq) {
    auto level = metric("Tank/Level", Datatype::float32, 1.5f);
    level.alias = 7;
    return {1000,
            seq,
            {level, metric("running", Datatype::boolean, false), metric("speed", Datatype::float32, 0.5f),
             metric("stop", Datatype::boolean, false)}};
  }
  static Payload level(uint64_t seq, float value) { return {1000, seq, {{.alias = 7, .value = value}}}; }
  void bear() {
    CHECK(take("hall/NBIRTH/line", nbirth(3), seconds(1)).empty());
    CHECK(take("hall/DBIRTH/line/pump-1", dbirth(1), seconds(1)) == "pump-1 on, pump-1 level=150 running=0");
  }
  uint64_t counted(const std::string& what) const {
    for (const auto& [name, number] : host->counters())
      if (name == what) return number;
    FAIL("nothing counts " << what);
    return 0;
  }
};

const char* const kRebirthTopic = "spBv1.0/hall/NCMD/line";

}  // namespace

TEST_CASE("sparkplug: payloads are the bytes that another implementation makes of them") {
  const std::pair<const char*, Metric> vectors[] = {
      {"0801120b0a0178200150ffffffff0f1800", metric("x", Datatype::int8, *encoded(-1.0, Datatype::int8))},
      {"080112100a0178200458fcffffffffffffffff011800",
       metric("x", Datatype::int64, *encoded(-4.0, Datatype::int64))},
      {"0801120a0a01782009650000c03f1800", metric("x", Datatype::float32, *encoded(1.5, Datatype::float32))},
      {"0801120c0a0178200d5880d095ffbc311800",
       metric("x", Datatype::date_time, *encoded(1'700'000'000.0, Datatype::date_time))},
      {"080112090a0178200c7a02c3a91800", metric("x", Datatype::string, std::string("é"))}};
  const Scalar values[] = {-1.0, -4.0, 1.5, 1'700'000'000.0, std::string("é")};
  for (size_t i = 0; i < std::size(vectors); ++i) {
    INFO(vectors[i].first);
    CHECK(encode({1, 0, {vectors[i].second}}) == bytes(vectors[i].first));
    const auto read = decode(bytes(vectors[i].first));
    REQUIRE(read.has_value());
    REQUIRE(read->metrics.size() == 1);
    CHECK(read->timestamp == 1U);
    CHECK(read->seq == 0U);
    CHECK(decoded(read->metrics[0].value, read->metrics[0].datatype) == values[i]);
  }
}

TEST_CASE("sparkplug: a value survives its datatype, and what a datatype cannot hold is not sent") {
  for (const auto& [datatype, value] : {std::pair(Datatype::int8, -128.0),
                                        {Datatype::int16, -300.0},
                                        {Datatype::int32, -70'000.0},
                                        {Datatype::uint8, 255.0},
                                        {Datatype::uint32, 4e9},
                                        {Datatype::uint64, 1e15},
                                        {Datatype::float64, 0.1}}) {
    INFO(static_cast<int>(datatype));
    const auto wire = encoded(value, datatype);
    REQUIRE(wire.has_value());
    CHECK(decoded(*wire, datatype) == Scalar(value));
  }
  // Some senders leave away the upper bits of negative numbers.
  CHECK(decoded(uint32_t{0xff}, Datatype::int8) == Scalar(-1.0));
  CHECK(encoded(true, Datatype::int32) == WireValue(uint32_t{1}));
  CHECK_FALSE(encoded(200.0, Datatype::int8).has_value());
  CHECK_FALSE(encoded(-1.0, Datatype::uint16).has_value());
  CHECK_FALSE(encoded(std::string("x"), Datatype::float32).has_value());
  CHECK_FALSE(decoded(1.5f, Datatype::int32).has_value());
}

TEST_CASE("sparkplug: cut and flipped payloads are refused or read, and nothing else happens") {
  const auto whole = encode(Hall::dbirth(1));
  std::mt19937 random(7);
  Hall hall;
  hall.bear();
  for (size_t cut = 0; cut < whole.size(); ++cut)
    hall.take("hall/DDATA/line/pump-1", whole.substr(0, cut), seconds(2));
  for (int i = 0; i < 2000; ++i) {
    auto hostile = whole;
    for (int k = 0; k < 3; ++k) hostile[random() % hostile.size()] = static_cast<char>(random());
    for (const auto* type : {"DBIRTH", "DDATA"})
      hall.take(std::string("hall/") + type + "/line/pump-1", hostile, seconds(2));
  }
  // What counts afterwards is a birth.
  hall.take("hall/NBIRTH/line", Hall::nbirth(4), seconds(3));
  CHECK(hall.take("hall/DBIRTH/line/pump-1", Hall::dbirth(1), seconds(3)) ==
        "pump-1 on, pump-1 level=150 running=0");
}

TEST_CASE("sparkplug: ids are a node and a device, and topics with other levels are none") {
  CHECK(address_of("hall", "line/pump-1") == Address{"hall", "line", "pump-1"});
  CHECK(address_of("", "hall/line") == Address{"hall", "line", ""});
  CHECK_FALSE(address_of("hall", "a/b/c").has_value());
  CHECK_FALSE(address_of("", "line").has_value());
  CHECK_FALSE(address_of("hall", "a+b").has_value());
  CHECK(parse_topic("spBv1.0", "spBv1.0/hall/DDATA/line/pump-1")->device == "pump-1");
  for (const auto* topic : {"spBv1.0/hall/DDATA/line", "spBv1.0/hall/NDATA/line/pump-1",
                            "spAv1.0/hall/NDATA/line", "spBv1.0/STATE/twin", "", "spBv1.0/hall/TELL/line"})
    CHECK_FALSE(parse_topic("spBv1.0", topic).has_value());
}

TEST_CASE(
    "sparkplug: the host says that it is there with its will's timestamp, and again when it is denied") {
  Hall hall;
  const auto will = sparkplug_will(hall.mappings[0].sparkplug);
  CHECK(will.topic == "spBv1.0/STATE/twin");
  CHECK(will.payload == R"({"online":false,"timestamp":1700000000000})");
  std::vector<Outgoing> out;
  hall.host->joined(kStart, out);
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
  hall.take("STATE/twin", "OFFLINE", seconds(1));
  CHECK(hall.step(seconds(1)).empty());
  out.clear();
  hall.host->leave(out);
  REQUIRE(out.size() == 1);
  CHECK(out[0].payload == R"({"online":false,"timestamp":1700000001000})");
}

TEST_CASE("sparkplug: births say who is there and what numbers mean, and a death takes all devices along") {
  Hall hall;
  hall.bear();
  CHECK(hall.take("hall/DDATA/line/pump-1", Hall::level(2, 2.5f), seconds(2)) == "pump-1 level=250");
  auto late = Hall::level(3, 1.0f);
  late.metrics[0].historical = true;
  late.metrics[0].timestamp = 1;
  CHECK(hall.take("hall/DDATA/line/pump-1", late, seconds(2)) == "pump-1 old level=100");
  Payload nothing{1, 4, {{.name = "running", .null = true}}};
  CHECK(hall.take("hall/DDATA/line/pump-1", nothing, seconds(2)) == "pump-1 running=none");
  Payload wrong{1, 5, {{.name = "running", .value = 1.5f}}};
  CHECK(hall.take("hall/DDATA/line/pump-1", wrong, seconds(2)) == "problem");
  CHECK(hall.take("hall/DBIRTH/line/pump-2", Hall::dbirth(6), seconds(2)) ==
        "pump-2 on, pump-2 level=150 running=0");
  CHECK(hall.take("hall/DDEATH/line/pump-2", Payload{1, 7, {}}, seconds(2)) == "pump-2 off");
  CHECK(hall.take("hall/NDEATH/line", Payload{1, {}, {metric("bdSeq", Datatype::int64, uint64_t{3})}},
                  seconds(3)) == "pump-1 off");
  CHECK(hall.take("hall/NBIRTH/elsewhere", Hall::nbirth(0), seconds(3)) == "none");
  CHECK(hall.take("hall/DBIRTH/line/pump-1", encode(Hall::dbirth(1)), seconds(3), true).empty());
}

TEST_CASE("sparkplug: a birth says who is born before it says that somebody is there") {
  Hall hall;
  IdentityPlaces places;
  places.serial = Place{.name = "serial", .at = "Properties/Serial"};
  places.firmware = Place{.name = "firmware", .at = "Properties/Firmware"};
  hall.mappings[0].identity = places;
  hall.host = std::move(make_conventions(hall.registry, hall.mappings, UnixTime{})[0]);
  hall.take("hall/NBIRTH/line", Hall::nbirth(3), seconds(1));
  auto birth = Hall::dbirth(1);
  birth.metrics.push_back(metric("Properties/Serial", Datatype::string, std::string("SN-1")));
  hall.take("hall/DBIRTH/line/pump-1", birth, seconds(1));
  REQUIRE(hall.heard.size() == 3);
  const auto* said = std::get_if<HeardIdentity>(&hall.heard[0]);
  REQUIRE(said != nullptr);
  CHECK(said->device == Hall::pump(0));
  CHECK(said->said == twin::Identity{"SN-1", ""});
  CHECK(std::holds_alternative<HeardPresence>(hall.heard[1]));
}

TEST_CASE("sparkplug: an old session's death after the new birth takes nobody offline") {
  Hall hall;
  hall.bear();
  const Payload old{1, {}, {metric("bdSeq", Datatype::int64, uint64_t{3})}};
  CHECK(hall.take("hall/NBIRTH/line", Hall::nbirth(4), seconds(2)).empty());
  CHECK(hall.take("hall/DBIRTH/line/pump-1", Hall::dbirth(1), seconds(2)) ==
        "pump-1 on, pump-1 level=150 running=0");
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
    CHECK(other.said() == (answers ? "" : "pump-1 off"));
  }
}

TEST_CASE(
    "sparkplug: one counter goes over a node's topics; what is missing is waited for, then a rebirth asked") {
  Hall hall;
  hall.bear();
  hall.take("hall/DBIRTH/line/pump-2", Hall::dbirth(2), seconds(2));
  CHECK(hall.take("hall/DDATA/line/pump-1", Hall::level(4, 4.0f), seconds(2)).empty());
  CHECK(hall.take("hall/DDATA/line/pump-2", Hall::level(3, 3.0f), seconds(3)) ==
        "pump-2 level=300, pump-1 level=400");
  CHECK(hall.take("hall/DDATA/line/pump-1", Hall::level(4, 9.0f), seconds(3)).empty());
  CHECK(hall.counted("repeated") == 1);
  CHECK(hall.take("hall/DDATA/line/pump-1", Hall::level(6, 6.0f), seconds(20)).empty());
  CHECK(hall.step(seconds(20)).size() == 1);  // for the repeated one
  CHECK(hall.step(seconds(21)).empty());
  CHECK(hall.step(seconds(22)).empty());  // the gap is noticed; it was asked a moment ago
  CHECK(hall.said() == "pump-1 level=600");
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
            "pump-1 level=100");
  // Turned round where it turns over.
  CHECK(hall.take("hall/DDATA/line/pump-1", Hall::level((803) % 256, 3.0f), seconds(2)).empty());
  CHECK(hall.take("hall/DDATA/line/pump-1", Hall::level((802) % 256, 2.0f), seconds(2)) ==
        "pump-1 level=200, pump-1 level=300");
}

TEST_CASE(
    "sparkplug: nodes that were there before us are asked for their births, and data before them are not "
    "taken") {
  Hall hall;
  std::vector<Outgoing> out;
  hall.host->joined(kStart, out);
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
  const twin::Command speed{.id = 11, .device = Hall::pump(0), .value = 0.8, .expires = kStart + seconds(60)};
  CHECK(hall.host->tell(speed, out));
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
  CHECK(hall.host->tell({.id = 12, .device = Hall::pump(0), .value = 0.8, .expires = kStart + seconds(60)},
                        out));
  hall.step(seconds(3));
  CHECK(hall.said() == "answer 12");

  twin::Command stop{.id = 13, .device = Hall::pump(0), .kind = twin::Command::Kind::command};
  stop.expires = kStart + seconds(60);
  out.clear();
  CHECK(hall.host->tell(stop, out));
  CHECK(hall.host->tell(stop, out));
  CHECK(out.size() == 1);
  CHECK(hall.take("hall/DDATA/line/pump-1", Payload{1, 5, {{.name = "stop", .value = true}}}, seconds(4)) ==
        "answer 13");
  CHECK_FALSE(hall.host->tell({.device = Hall::pump(1)}, out));  // not born
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
  hall.edge->presence(Hall::pump(0), true, kStart + seconds(1), hall.sent);
  CHECK(hall.sent.size() == 2);
  CHECK(carry(seconds(1)) == "pump-1 on, pump-1 level=none running=none");
  hall.edge->telemetry(Hall::pump(0), {{{0, 150}, {1, 1}}, 1'700'000'002.0, {}}, hall.sent);
  CHECK(carry(seconds(2)) == "pump-1 level=150 running=1");
  hall.edge->telemetry(Hall::pump(0), {{{0, 150}, {1, 0}}, 1'700'000'003.0, {}}, hall.sent);
  CHECK(carry(seconds(3)) == "pump-1 running=0");

  std::vector<Outgoing> out;
  hall.host->tell({.id = 5, .device = Hall::pump(0), .value = 0.75, .expires = kNever}, out);
  std::vector<HeardAsked> asked;
  REQUIRE(out.size() == 1);
  CHECK(hall.edge->take({out[0].topic, out[0].payload, false, {}}, kStart, asked, hall.sent));
  REQUIRE(asked.size() == 1);
  REQUIRE(asked[0].has_value());
  CHECK(asked[0]->command.value == 0.75);
  CHECK(hall.sent.empty());
  hall.edge->answer({asked[0]->command.id, Hall::pump(0), twin::Outcome::accepted, kStart + seconds(4), {}},
                    hall.sent);
  CHECK(carry(seconds(4)) == "answer 5");

  hall.edge->presence(Hall::pump(1), true, kStart + seconds(5), hall.sent);
  CHECK(carry(seconds(5)) == "pump-2 on, pump-2 level=none running=none");
  const Payload rebirth{1, {}, {metric("Node Control/Rebirth", Datatype::boolean, true)}};
  CHECK(hall.edge->take({kRebirthTopic, encode(rebirth), false, {}}, kStart + seconds(6), asked, hall.sent));
  CHECK(hall.sent.size() == 3);
  CHECK(carry(seconds(6)) ==
        "pump-1 on, pump-1 level=150 running=0, pump-2 on, pump-2 level=none "
        "running=none");
  hall.edge->presence(Hall::pump(0), false, kStart + seconds(7), hall.sent);
  CHECK(carry(seconds(7)) == "pump-1 off");
  hall.edge->presence(Hall::pump(1), false, kStart + seconds(7), hall.sent);
  // The host had not asked for that birth: it could have been a new session, and this the death of the old.
  CHECK(carry(seconds(7)).empty());
  hall.step(seconds(10));
  CHECK(hall.said() == "pump-2 off");
  CHECK(hall.counted("gaps") + hall.counted("repeated") + hall.counted("messages without a birth") == 0);
}

TEST_CASE("sparkplug: a device that is not born after its node is gone") {
  Hall hall;
  hall.bear();
  hall.take("hall/NBIRTH/line", Hall::nbirth(4), seconds(2));
  CHECK(hall.take("hall/DDATA/line/pump-1", Hall::level(1, 1.0f), seconds(2)).empty());
  hall.step(seconds(3));
  CHECK(hall.said().empty());
  hall.step(seconds(5));
  CHECK(hall.said() == "pump-1 off");
}

TEST_CASE("sparkplug: another implementation's payloads are read, and written to the same bytes") {
  // The package is installed by the tests of rigs; without it nothing is compared.
  const std::string packages = (std::filesystem::temp_directory_path() / "looptwin-test-npm").string();
  const std::string script = std::string(LT_SOURCE_DIR) + "/tests/hil/data/sparkplug_vectors.js";
  if (!std::filesystem::exists(packages + "/node_modules/sparkplug-payload")) {
    WARN("npm's sparkplug-payload is not there: nothing is compared");
    return;
  }
  const std::pair<const char*, Datatype> types[] = {
      {"Int8", Datatype::int8},         {"Int16", Datatype::int16},     {"Int32", Datatype::int32},
      {"Int64", Datatype::int64},       {"UInt8", Datatype::uint8},     {"UInt16", Datatype::uint16},
      {"UInt32", Datatype::uint32},     {"UInt64", Datatype::uint64},   {"Float", Datatype::float32},
      {"Double", Datatype::float64},    {"Boolean", Datatype::boolean}, {"String", Datatype::string},
      {"DateTime", Datatype::date_time}};
  FILE* pipe = ::popen(("node " + script + " " + packages).c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::string text;
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) text += static_cast<char>(c);
  REQUIRE(::pclose(pipe) == 0);
  std::istringstream lines(text);
  size_t compared = 0;
  for (std::string line; std::getline(lines, line); ++compared) {
    std::istringstream words(line);
    std::string hex, type, value;
    words >> hex >> type >> value;
    value = bytes(value);
    INFO(line);
    const auto payload = decode(bytes(hex));
    REQUIRE(payload.has_value());
    REQUIRE(payload->metrics.size() == 1);
    const auto& one = payload->metrics[0];
    const auto known =
        std::find_if(std::begin(types), std::end(types), [&](const auto& t) { return t.first == type; });
    CHECK(one.datatype == known->second);
    const auto scalar = decoded(one.value, one.datatype);
    REQUIRE(scalar.has_value());
    if (type == "String")
      CHECK(*scalar == Scalar(value));
    else if (type == "Boolean")
      CHECK(*scalar == Scalar(value == "true"));
    else
      CHECK(std::get<double>(*scalar) == (type == "DateTime" ? std::stod(value) / 1000 : std::stod(value)));
    auto again = *payload;
    again.metrics[0].value = *encoded(*scalar, one.datatype);
    CHECK(encode(again) == bytes(hex));
  }
  CHECK(compared == 520);
}
