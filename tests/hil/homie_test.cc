// Homie 5, and 4 as it is read: states, targets, roots; and devices of our own.
#include "hil/conventions/homie.h"
#include "tests/hil/convention_fleet.h"

using namespace looptwin;
using namespace looptwin::hil;

namespace {

struct Pumps : ConventionFleet {
  Pumps() : ConventionFleet(pump(), {"pump-1", "pump-2"}, mapping()) {}
  static twin::ModelConfig pump() {
    twin::ModelConfig model;
    model.name = "pump";
    const lang::Unit percent{"%", lang::Type::number(), 0.01, 0};
    model.telemetry = {{.name = "tank_level", .every = seconds(1), .resolution = 0.01},
                       {.name = "running", .boolean = true, .every = seconds(1)},
                       {.name = "mode", .words = {"idle", "busy"}, .every = seconds(1)}};
    model.setpoints = {{.name = "speed", .unit = percent}};
    model.commands = {{.name = "stop", .expires = seconds(60)}};
    return model;
  }
  static Mapping mapping() {
    Mapping m;
    m.model = "pump";
    m.convention = "homie";
    m.fields = {{.name = "running", .at = "motor/on"}};
    m.setpoints = {{.name = "speed", .at = "motor/speed"}};
    return m;
  }
  static twin::Command speed(uint64_t id, double value) {
    return {.id = id, .device = device(0), .value = value, .expires = kStart + seconds(60)};
  }
};

}  // namespace

TEST_CASE("homie: properties are values, by the places of the mapping or of the model's names") {
  Pumps pumps;
  CHECK(pumps.take("homie/5/pump-1/pump/tank-level", "1.25") == "pump-1 tank_level=125");
  CHECK(pumps.take("homie/5/pump-1/motor/on", "true") == "pump-1 running=1");
  CHECK(pumps.take("homie/5/pump-1/pump/mode", "busy", true) == "pump-1 old mode=1");
  CHECK(pumps.take("homie/pump-2/motor/on", "false") == "pump-2 running=0");
  CHECK(pumps.take("homie/5/pump-1/pump/tank-level", "deep") == "wrong type");
  CHECK(pumps.take("homie/5/pump-9/motor/on", "true") == "none");
  CHECK(pumps.take("homie/5/pump-1/motor/$name", "Motor") == "none");
  CHECK(is_homie_place("motor/on"));
  for (const auto* bad : {"", "motor", "/on", "motor/", "a/b/c", "a/#"}) CHECK_FALSE(is_homie_place(bad));
}

TEST_CASE("homie: $state says who is there, a kept one is a hint, and a root takes its children along") {
  Pumps pumps;
  CHECK(pumps.take("homie/5/pump-1/$state", "ready", true) == "pump-1 on kept");
  CHECK(pumps.take("homie/5/pump-1/$state", "init").empty());
  CHECK(pumps.take("homie/5/pump-1/$state", "ready") == "pump-1 on");
  CHECK(pumps.take("homie/5/pump-1/$state", "sleeping") == "pump-1 on");
  for (const auto* gone : {"lost", "disconnected", ""})
    CHECK(pumps.take("homie/5/pump-1/$state", gone) == "pump-1 off");
  CHECK(pumps.take("homie/5/pump-1/$state", "tired") == "wrong type");
  CHECK(pumps.take("homie/5/bridge/$state", "lost") == "none");
  CHECK(pumps.take("homie/5/pump-2/$description", R"({"homie":"5.0","root":"bridge","parent":"bridge"})")
            .empty());
  CHECK(pumps.take("homie/5/bridge/$state", "lost") == "pump-2 off");
  CHECK(pumps.take("homie/5/bridge/$state", "ready").empty());
  CHECK(pumps.take("homie/5/pump-2/$description", "{").empty());
  CHECK(pumps.take("homie/5/bridge/$state", "lost") == "none");
}

TEST_CASE("homie: a value is set without being kept, and $target or the property itself is the answer") {
  Pumps pumps;
  CHECK(pumps.tell(Pumps::speed(1, 0.8)) == "homie/5/pump-1/motor/speed/set 80");
  CHECK(pumps.take("homie/5/pump-1/motor/speed/$target", "60").empty());
  CHECK(pumps.take("homie/5/pump-1/motor/speed/$target", "80") == "answer 1");
  CHECK(pumps.tell(Pumps::speed(2, 0.5)) == "homie/5/pump-1/motor/speed/set 50");
  CHECK(pumps.take("homie/5/pump-1/motor/speed", "50") == "pump-1, answer 2");
  // A device of version 4 is told where it listens.
  pumps.take("homie/pump-1/$state", "ready");
  CHECK(pumps.tell(Pumps::speed(3, 0.6)) == "homie/pump-1/motor/speed/set 60");
  CHECK(pumps.take("homie/pump-1/motor/speed", "60") == "pump-1, answer 3");
}

TEST_CASE("homie: our own devices describe themselves and are understood") {
  Pumps pumps;
  std::vector<Outgoing> out;
  pumps.devices->presence(Pumps::device(0), true, kStart, out);
  REQUIRE(out.size() == 3);
  CHECK(out[0].payload == "init");
  CHECK(out[1].payload.find(R"("speed":{"datatype":"float","unit":"%","settable":true})") !=
        std::string::npos);
  CHECK(out[1].payload.find(R"("mode":{"datatype":"enum","format":"idle,busy"})") != std::string::npos);
  CHECK(pumps.take(out[2].topic, out[2].payload) == "pump-1 on");
  for (const auto* gone : {"lost", "disconnected", ""})
    CHECK(pumps.devices->said_gone({out[2].topic, gone, false, {}}) == Pumps::device(0));
  for (const auto* here : {"init", "ready", "sleeping"})
    CHECK(pumps.devices->said_gone({out[2].topic, here, false, {}}) == std::nullopt);
  out.clear();
  pumps.devices->telemetry(Pumps::device(0), {{{0, 125}, {1, 1}}, {}, {}}, out);
  std::string all;
  for (const auto& message : out) {
    CHECK(message.retain);
    all += pumps.take(message.topic, message.payload) + ";";
  }
  CHECK(all == "pump-1 running=1;pump-1 tank_level=125;");
  std::vector<HeardAsked> asked;
  CHECK(pumps.devices->take({"homie/5/pump-1/motor/speed/set", "75", false, {}}, asked));
  REQUIRE(asked.size() == 1);
  CHECK(asked[0]->command.value == 0.75);
  pumps.tell(Pumps::speed(9, 0.75));
  out.clear();
  pumps.devices->answer({asked[0]->command.id, Pumps::device(0), twin::Outcome::accepted, kStart, kStart},
                        out);
  REQUIRE(out.size() == 1);
  CHECK(pumps.take(out[0].topic, out[0].payload) == "pump-1, answer 9");
}
