// Announcements as Home Assistant wants them, from devices of several makers.
#include "hil/home_assistant.h"

#include <catch2/catch.hpp>

using namespace looptwin;
using namespace looptwin::hil;

TEST_CASE("announcements: components of one device are one candidate, abbreviated or not") {
  Announcements all;
  all.take("homeassistant/sensor/plug_power/config",
           R"({"name":"Power","~":"tele/plug","stat_t":"~/SENSOR","val_tpl":"{{ value_json.ENERGY.Power }}",
               "unit_of_meas":"W","avty_t":"~/LWT","dev":{"ids":["A1"],"mf":"Tasmota","mdl":"S31","name":"Plug"}})");
  all.take("homeassistant/switch/node/relay/config",
           R"({"name":"Relay","state_topic":"stat/plug/POWER","command_topic":"cmnd/plug/POWER",
               "device":{"identifiers":"A1"}})");
  all.take(
      "homeassistant/device/B2/config",
      R"({"dev":{"ids":"B2","name":"Meter"},"o":{"name":"x"},"avty":[{"topic":"m/online"}],"stat_t":"m/state",
               "cmps":{"flow":{"p":"sensor","val_tpl":"{{ value_json.flow | float }}","unit_of_meas":"m³/h"}}})");
  const auto found = all.candidates();
  REQUIRE(found.size() == 2);
  CHECK(found[0].id == "A1");
  CHECK(found[0].manufacturer == "Tasmota");
  CHECK(found[0].availability_topic == "tele/plug/LWT");
  REQUIRE(found[0].components.size() == 2);
  CHECK(found[0].components[0].state_topic == "tele/plug/SENSOR");
  CHECK(found[0].components[0].at == "/ENERGY/Power");
  CHECK(found[0].components[0].unit == "W");
  CHECK(found[0].components[1].kind == "switch");
  CHECK(found[0].components[1].command_topic == "cmnd/plug/POWER");
  CHECK(found[1].availability_topic == "m/online");
  REQUIRE(found[1].components.size() == 1);
  CHECK(found[1].components[0].name == "flow");
  CHECK(found[1].components[0].state_topic == "m/state");
  CHECK(found[1].components[0].at == "/flow");
}

TEST_CASE("announcements: an empty one takes back, and what cannot be read is counted") {
  Announcements all;
  all.take("homeassistant/sensor/x/config", R"({"dev":{"ids":["X"]}})");
  for (const std::string hostile : {"{", "[]", "1", R"("x")"})
    for (int twice = 0; twice < 2; ++twice)  // as brokers do
      all.take("homeassistant/sensor/" + std::to_string(hostile.size()) + hostile[0] + "/config", hostile);
  for (const auto* odd : {R"({"dev":1})", R"({"dev":{"ids":[1]}})", R"({"avty":1,"cmps":[]})"})
    all.take("homeassistant/device/z/config", odd);
  all.take("elsewhere/sensor/y/config", "{}");
  all.take("homeassistant/config", "{}");
  CHECK(all.unreadable() == 4);
  REQUIRE(all.candidates().size() == 2);
  CHECK(all.candidates()[1].id == "z");
  all.take("homeassistant/sensor/1{/config", "");
  all.take("homeassistant/sensor/2[/config", R"({"dev":{"ids":["X"]}})");
  CHECK(all.unreadable() == 2);
  all.take("homeassistant/sensor/2[/config", "[]");
  CHECK(all.unreadable() == 3);
  all.take("homeassistant/sensor/x/config", "");
  CHECK(all.candidates().size() == 1);
}
