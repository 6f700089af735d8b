// Devices that are sold as they are: their topics, words and units, and the answers that are inferred from
// what they show.
#include "tests/hil/convention_fleet.h"

using namespace looptwin;
using namespace looptwin::hil;

namespace {

twin::ModelConfig plug() {
  twin::ModelConfig model;
  model.name = "plug";
  const lang::Unit kw{"kW", lang::Type::number(), 1000, 0};
  model.telemetry = {{.name = "power", .unit = kw, .every = seconds(300), .resolution = 0.001},
                     {.name = "on", .boolean = true, .every = seconds(300)},
                     {.name = "mode", .words = {"idle", "busy"}, .every = seconds(300)}};
  model.setpoints = {{.name = "on", .boolean = true}, {.name = "limit", .unit = kw}};
  model.commands = {{.name = "toggle", .expires = seconds(60)}, {.name = "blink", .expires = seconds(60)}};
  return model;
}

const std::vector<std::pair<std::string, std::string>> kOnOff = {{"ON", "true"}, {"OFF", "false"}};

Mapping mapping() {
  const lang::Unit w{"W", lang::Type::number(), 1, 0};
  Mapping m;
  m.model = "plug";
  m.convention = "topics";
  m.presence = known_topic("tele/{device}/LWT");
  m.online = "Online";
  m.offline = "Offline";
  m.ask = known_topic("cmnd/{device}/STATUS");
  m.ask_payload = "11";
  m.fields = {
      {.name = "power", .at = "/ENERGY/Power", .topic = known_topic("tele/{device}/SENSOR"), .unit = w},
      {.name = "on", .at = "/POWER", .topic = known_topic("stat/{device}/RESULT"), .words = kOnOff},
      {.name = "on", .at = "/POWER", .topic = known_topic("tele/{device}/STATE"), .words = kOnOff},
      {.name = "mode", .topic = known_topic("tele/{device}/MODE"), .words = {{"0", "idle"}, {"1", "busy"}}}};
  Place on{.name = "on", .topic = known_topic("cmnd/{device}/POWER"), .words = kOnOff};
  on.shows = {{.name = "on", .at = "/POWER", .topic = known_topic("stat/{device}/RESULT"), .words = kOnOff}};
  Place limit{.name = "limit",
              .topic = known_topic("cmnd/{device}/Limit"),
              .unit = w,
              .payload = R"({"limit": {value}})"};
  m.setpoints = {on, limit};
  Place toggle{.name = "toggle", .topic = known_topic("cmnd/{device}/POWER"), .payload = "TOGGLE"};
  toggle.shows = {{.name = "toggle", .at = "/POWER", .topic = known_topic("stat/{device}/RESULT")}};
  m.orders = {toggle, {.name = "blink", .topic = known_topic("cmnd/{device}/BLINK"), .payload = "1"}};
  m.names = {{"hall/plug-2", "kitchen/left"}};
  return m;
}

struct Plugs : ConventionFleet {
  Plugs() : ConventionFleet(plug(), {"plug-1", "hall/plug-2"}, mapping()) {}
  static twin::Command set(uint64_t id, uint16_t setpoint, double value, size_t row = 0) {
    return {
        .id = id, .device = device(row), .index = setpoint, .value = value, .expires = kStart + seconds(60)};
  }
  static twin::Command order(uint64_t id, uint16_t command, size_t row = 0) {
    return {.id = id,
            .device = device(row),
            .kind = twin::Command::Kind::command,
            .index = command,
            .expires = kStart + seconds(60)};
  }
};

}  // namespace

TEST_CASE("topics: values come from each topic in the wire's units and words, by the devices' own names") {
  Plugs plugs;
  CHECK(plugs.take("tele/plug-1/SENSOR", R"({"Time":"2024-01-01T00:00:00","ENERGY":{"Power":1234}})") ==
        "plug-1 power=1234");
  CHECK(plugs.take("tele/plug-1/STATE", R"({"POWER":"ON","Wifi":{"RSSI":60}})") == "plug-1 on=1");
  CHECK(plugs.take("stat/kitchen/left/RESULT", R"({"POWER":"OFF"})") == "hall/plug-2 on=0");
  CHECK(plugs.take("tele/plug-1/MODE", "1") == "plug-1 mode=1");
  CHECK(plugs.take("tele/plug-1/SENSOR", R"({"ENERGY":{"Power":"7.5"}})") == "plug-1 power=8");
  CHECK(plugs.take("tele/plug-1/SENSOR", R"({"ENERGY":{"Power":5}})", true) == "plug-1 old power=5");
  // It says nothing that the model has, and is there all the same.
  CHECK(plugs.take("stat/plug-1/RESULT", R"({"Restart":"Restarting"})") == "plug-1");
  CHECK(plugs.take("tele/plug-9/SENSOR", "{}") == "none");
  for (const auto* hostile : {"", "{", "[1", "nonsense"})
    CHECK(plugs.take("tele/plug-1/SENSOR", hostile) == "malformed");
  CHECK(plugs.take("tele/plug-1/STATE", R"({"POWER":"BLUE"})") == "wrong type");
  CHECK(plugs.take("tele/plug-1/STATE", R"({"POWER":{}})") == "wrong type");
}

TEST_CASE("topics: `online` that the broker had kept is a hint, for which the device is asked") {
  Plugs plugs;
  CHECK(plugs.take("tele/plug-1/LWT", "Online", true) == "plug-1 on kept");
  const auto asked = plugs.step();
  REQUIRE(asked.size() == 1);
  CHECK(asked[0].topic == "cmnd/plug-1/STATUS");
  CHECK(asked[0].payload == "11");
  CHECK(plugs.take("tele/plug-1/LWT", "Online") == "plug-1 on");
  CHECK(plugs.step().empty());
  CHECK(plugs.take("tele/plug-1/LWT", "Offline") == "plug-1 off");
  CHECK(plugs.take("tele/plug-1/LWT", "perhaps") == "wrong type");
}

TEST_CASE("topics: what a device shows after it was told is its answer") {
  Plugs plugs;
  CHECK(plugs.tell(Plugs::set(1, 0, 1)) == "cmnd/plug-1/POWER ON");
  CHECK(plugs.take("stat/plug-1/RESULT", R"({"POWER":"OFF"})") == "plug-1 on=0");
  CHECK(plugs.take("stat/plug-1/RESULT", R"({"POWER":"ON"})", true) == "plug-1 old on=1");
  CHECK(plugs.take("stat/plug-1/RESULT", R"({"POWER":"ON"})") == "plug-1 on=1, answer 1");
  // The newer one supersedes: its value is the answer.
  CHECK(plugs.tell(Plugs::set(2, 0, 0)) == "cmnd/plug-1/POWER OFF");
  CHECK(plugs.tell(Plugs::set(3, 0, 1)) == "cmnd/plug-1/POWER ON");
  CHECK(plugs.take("stat/plug-1/RESULT", R"({"POWER":"OFF"})") == "plug-1 on=0");
  CHECK(plugs.take("stat/plug-1/RESULT", R"({"POWER":"ON"})") == "plug-1 on=1, answer 3");
  // A setpoint that is sent again has no second effect; an imperative would have.
  CHECK(plugs.tell(Plugs::order(4, 0)) == "cmnd/plug-1/POWER TOGGLE");
  CHECK(plugs.tell(Plugs::order(4, 0)).empty());
  CHECK(plugs.take("stat/plug-1/RESULT", R"({"POWER":"OFF"})") == "plug-1 on=0, answer 4");
  CHECK(plugs.tell(Plugs::order(4, 0)).empty());
  CHECK(plugs.tell(Plugs::order(5, 0)) == "cmnd/plug-1/POWER TOGGLE");
  // What has expired is answered by nothing.
  plugs.step(seconds(61));
  CHECK(plugs.take("stat/plug-1/RESULT", R"({"POWER":"ON"})") == "plug-1 on=1");
}

TEST_CASE("topics: what nothing ever shows is answered by having been sent") {
  Plugs plugs;
  CHECK(plugs.tell(Plugs::set(1, 1, 2500)) == R"(cmnd/plug-1/Limit {"limit": 2500})");
  plugs.step();
  CHECK(plugs.said() == "answer 1");
  CHECK(plugs.tell(Plugs::order(2, 1, 1)) == "cmnd/kitchen/left/BLINK 1");
  plugs.step();
  CHECK(plugs.said() == "answer 2");
}

TEST_CASE("topics: our own devices are told apart from real ones by nobody") {
  Plugs plugs;
  std::vector<Outgoing> out;
  plugs.devices->presence(Plugs::device(0), true, kStart, out);
  REQUIRE(out.size() == 1);
  CHECK(out[0].retain);
  CHECK(plugs.take(out[0].topic, out[0].payload) == "plug-1 on");
  // As the will of a real one, or the watchdog of a run before, may come late.
  CHECK(plugs.devices->said_gone({out[0].topic, "Offline", false, {}}) == Plugs::device(0));
  CHECK(plugs.devices->said_gone({out[0].topic, out[0].payload, false, {}}) == std::nullopt);
  CHECK(plugs.devices->said_gone({"stat/plug-1/POWER", "Offline", false, {}}) == std::nullopt);
  out.clear();
  plugs.devices->telemetry(Plugs::device(0), {{{0, 1234}, {1, 1}, {2, 1}}, {}, {}}, out);
  std::string all;
  for (const auto& message : out) all += plugs.take(message.topic, message.payload) + ";";
  CHECK(all == "plug-1 on=1;plug-1 mode=1;plug-1 power=1234;");
  std::vector<HeardAsked> asked;
  out.clear();
  for (const auto* payload : {"OFF", "TOGGLE", "x"})
    CHECK(plugs.devices->take({"cmnd/plug-1/POWER", payload, false, {}}, asked));
  CHECK(plugs.devices->take({"cmnd/kitchen/left/Limit", R"({"limit": 1500})", false, {}}, asked));
  REQUIRE(asked.size() == 4);
  CHECK(asked[0]->command.kind == twin::Command::Kind::setpoint);
  CHECK(asked[0]->command.value == 0);
  CHECK(asked[1]->command.kind == twin::Command::Kind::command);
  CHECK_FALSE(asked[2].has_value());
  CHECK(asked[3]->command.device == Plugs::device(1));
  CHECK(asked[3]->command.value == 1500);
  plugs.tell(Plugs::set(9, 0, 0));
  plugs.devices->answer({asked[0]->command.id, Plugs::device(0), twin::Outcome::accepted, kStart, kStart},
                        out);
  REQUIRE(out.size() == 1);
  CHECK(plugs.take(out[0].topic, out[0].payload) == "plug-1 on=0, answer 9");
}

TEST_CASE("topics: behind a gateway devices go with it, and come back when they speak") {
  Mapping z = mapping();
  z.telemetry = known_topic("zigbee2mqtt/{device}");
  z.presence = known_topic("zigbee2mqtt/{device}/availability");
  z.online = "online";
  z.offline = "offline";
  z.presence_at = "/state";
  z.gateway = "zigbee2mqtt/bridge/state";
  z.ask = known_topic("zigbee2mqtt/{device}/get");
  z.fields = {{.name = "on", .at = "/state", .words = kOnOff}};
  ConventionFleet plugs(plug(), {"plug-1", "hall/plug-2"}, z);
  CHECK(plugs.take("zigbee2mqtt/kitchen/left", R"({"state":"ON","linkquality":96})") == "hall/plug-2 on=1");
  CHECK(plugs.take("zigbee2mqtt/plug-1/availability", R"({"state":"online"})") == "plug-1 on");
  CHECK(plugs.take("zigbee2mqtt/plug-1/availability", "offline") == "plug-1 off");
  CHECK(plugs.take("zigbee2mqtt/bridge/state", R"({"state":"offline"})") == "plug-1 off, hall/plug-2 off");
  CHECK(plugs.take("zigbee2mqtt/plug-1/availability", R"({"state":"online"})").empty());
  CHECK(plugs.take("zigbee2mqtt/bridge/state", R"({"state":"online"})").empty());
  CHECK(plugs.step().size() == 2);
  CHECK(plugs.take("zigbee2mqtt/bridge/devices", "[]") == "none");
}

TEST_CASE("topics: what is only written, and may never be told, leaves answers and repeats as they are") {
  Plugs plugs;
  plugs.tell(Plugs::set(1, 0, 1));
  std::vector<Outgoing> written;
  for (int i = 0; i < 2; ++i) {
    CHECK(plugs.loop->write(Plugs::set(9, 0, 0), written));
    CHECK(plugs.loop->write(Plugs::order(4, 0), written));
  }
  REQUIRE(written.size() == 4);
  CHECK(written[0].payload == "OFF");
  CHECK(plugs.take("stat/plug-1/RESULT", R"({"POWER":"ON"})") == "plug-1 on=1, answer 1");
  CHECK(plugs.tell(Plugs::order(4, 0)) == "cmnd/plug-1/POWER TOGGLE");
}
