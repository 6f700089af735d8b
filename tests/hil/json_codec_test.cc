#include "hil/json_codec.h"

#include <catch2/catch.hpp>
#include <random>

using namespace looptwin;
using namespace looptwin::hil;

namespace {

std::string refused(const std::string& text) {
  const auto result = TopicTemplate::parse(
      {std::make_shared<const Source>(Source{"t", text}), 0, static_cast<uint32_t>(text.size())});
  return result ? "" : result.error()[0].message;
}

twin::ModelConfig pump() {
  twin::ModelConfig model;
  model.name = "pump";
  const lang::Unit kw{"kW", lang::Type::number(), 1000, 0};
  const lang::Unit celsius{"degC", lang::Type::number(), 1, 273.15};
  model.telemetry = {{.name = "power", .unit = kw, .every = seconds(1), .resolution = 0.1},
                     {.name = "mode", .words = {"idle", "busy"}, .every = seconds(1)},
                     {.name = "running", .boolean = true, .every = seconds(5)}};
  model.setpoints = {{.name = "cool", .unit = celsius}, {.name = "mode", .words = {"idle", "busy"}}};
  model.commands = {{.name = "stop"}};
  return model;
}

}  // namespace

TEST_CASE("topics: a template matches the topics that it makes, for ids with and without levels") {
  for (const auto* text : {"plant/{device}/tele", "{device}/x", "a/{device}", "m/{device}/{field}",
                           "{field}/of/{device}", "tele/{device}/SENSOR/{field}/end"}) {
    const auto made = known_topic(text);
    for (const auto* id : {"pump-1", "block-3/home-7", "a/tele/b", "x"}) {
      INFO(text << " " << id);
      const auto topic = made.topic(id, "power");
      const auto match = made.match(topic);
      REQUIRE(match.has_value());
      CHECK(match->device == id);
      CHECK(match->field == (made.has_field() ? "power" : ""));
    }
    CHECK_FALSE(made.match("elsewhere").has_value());
    CHECK_FALSE(made.match("").has_value());
  }
  CHECK(known_topic("plant/{device}/tele").filter(2) == "plant/+/+/tele");
  CHECK(known_topic("m/{device}/{field}").filter(1) == "m/+/+");
  CHECK(refused("plant/tele") == "'plant/tele' has no {device}");
  CHECK(refused("{device}/{device}") == "'{device}/{device}' has the same place twice");
  // Where the name is part of a level it could not be told from the id: a fuzzer has found that.
  CHECK(refused("tele/{device}l{field}") == "the {field} of 'tele/{device}l{field}' is no whole level");
  CHECK(refused("{field}x/{device}") == "the {field} of '{field}x/{device}' is no whole level");
  CHECK(refused("{device}{field}") == "nothing stands between the two places of '{device}{field}'");
  CHECK(refused("a/#/{device}") == "'a/#/{device}' has wildcards or other places");
}

TEST_CASE("payloads: values in the field's unit, words and truth become what travels in frames") {
  const JsonCodec codec(pump(), plain_mapping("pump"));
  const auto samples =
      codec.telemetry(R"({"power": 3.24, "mode": "busy", "running": false, "n": 7, "t": 1700000000.5})", "");
  REQUIRE(samples.has_value());
  CHECK(samples->values == std::vector<std::pair<uint16_t, int32_t>>{{0, 32}, {1, 1}, {2, 0}});
  CHECK(samples->sequence == 7U);
  CHECK(samples->unix_seconds == 1700000000.5);
  CHECK(codec.telemetry(R"({"power": null})", "")->values[0].second == twin::kMissing);
  CHECK(codec.telemetry(R"({"other": 1})", "")->values.empty());
  CHECK(codec.telemetry("3.2", "power")->values[0].second == 32);
  CHECK(codec.telemetry("busy", "mode")->values[0].second == 1);
  CHECK(codec.telemetry("3.2", "elsewhere")->values.empty());
}

TEST_CASE("payloads: what cannot be read is malformed, and a value of another type is that") {
  const JsonCodec codec(pump(), plain_mapping("pump"));
  using enum PayloadProblem;
  CHECK(codec.telemetry("", "").error() == malformed);
  CHECK(codec.telemetry("{\"power\": 1", "").error() == malformed);
  CHECK(codec.telemetry("[1]", "").error() == malformed);
  CHECK(codec.telemetry(std::string(kLongestPayload + 1, ' '), "").error() == malformed);
  CHECK(codec.telemetry(R"({"power": "3"})", "").error() == wrong_type);
  CHECK(codec.telemetry(R"({"mode": 1})", "").error() == wrong_type);
  CHECK(codec.telemetry(R"({"mode": "fast"})", "").error() == wrong_type);
  CHECK(codec.telemetry(R"({"running": 1})", "").error() == wrong_type);
  CHECK(codec.acknowledgement(R"({"id": 5, "outcome": "accepted"})").error() == wrong_type);
  CHECK(codec.acknowledgement(R"({"id": "5g", "outcome": "accepted"})").error() == wrong_type);
  CHECK(codec.acknowledgement(R"({"id": "5", "outcome": "perhaps"})").error() == wrong_type);
}

TEST_CASE("payloads: commands say what is wanted, in the setpoint's unit, and answers find them") {
  const JsonCodec codec(pump(), plain_mapping("pump"));
  twin::Command command{
      .id = 0xabc, .kind = twin::Command::Kind::setpoint, .index = 0, .may_refuse = true, .value = 298.15};
  CHECK(
      codec.command(command, 1700000060) ==
      R"({"id":"0000000000000abc","set":"cool","value":25.0,"unit":"degC","expires":1700000060.0,"may_refuse":true})");
  command = {.id = 1, .kind = twin::Command::Kind::setpoint, .index = 1, .value = 1};
  CHECK(codec.command(command, 0) ==
        R"({"id":"0000000000000001","set":"mode","value":"busy","expires":0.0})");
  command = {.id = 1, .kind = twin::Command::Kind::command, .index = 0};
  CHECK(codec.command(command, 0) == R"({"id":"0000000000000001","command":"stop","expires":0.0})");
  const auto answer = codec.acknowledgement(R"({"id":"0000000000000abc","outcome":"refused","t":5})");
  REQUIRE(answer.has_value());
  CHECK(answer->id == 0xabc);
  CHECK(answer->outcome == twin::Outcome::refused_local);
  CHECK(answer->unix_seconds == 5.0);
}

TEST_CASE("payloads: a mapping says where values stand") {
  auto mapping = plain_mapping("pump");
  mapping.fields = {{.name = "power", .at = "/ENERGY/Power/0"},
                    {.name = "mode", .at = "/a~1b"},
                    {.name = "running", .at = "/no/such"}};
  const JsonCodec codec(pump(), mapping);
  const auto samples = codec.telemetry(R"({"ENERGY": {"Power": [1.5]}, "a/b": "idle", "running": true})", "");
  REQUIRE(samples.has_value());
  CHECK(samples->values == std::vector<std::pair<uint16_t, int32_t>>{{0, 15}, {1, 0}});
}

TEST_CASE("payloads: whatever bytes come, they are read or refused") {
  const JsonCodec codec(pump(), plain_mapping("pump"));
  std::mt19937 draws(7);
  const std::string good = R"({"power": 3.2, "mode": "busy", "running": false, "n": 7, "t": 1e300})";
  size_t read = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string payload = good;
    for (int k = 0; k <= i % 4; ++k) payload[draws() % payload.size()] = static_cast<char>(draws());
    if (i % 3 == 0) payload.resize(draws() % payload.size());
    const auto samples = codec.telemetry(payload, i % 5 == 0 ? "power" : "");
    read += samples.has_value() ? 1 : 0;
    (void)codec.acknowledgement(payload);
  }
  CHECK(read > 100);
  CHECK(codec.telemetry(std::string(60'000, '['), "").error() == PayloadProblem::malformed);
}

TEST_CASE("payloads: what a device of ours says is understood by the loop, and the other way round") {
  const JsonCodec codec(pump(), plain_mapping("pump"));
  Samples said{{{0, 32}, {1, 1}, {2, twin::kMissing}}, 1700000000.5, 7};
  CHECK(codec.telemetry_text(said) == R"({"power":3.2,"mode":"busy","running":null,"n":7,"t":1700000000.5})");
  const auto heard = codec.telemetry(codec.telemetry_text(said), "");
  REQUIRE(heard.has_value());
  CHECK(heard->values == said.values);
  CHECK(codec.scalar_text(0, 32) == "3.2");
  CHECK(codec.scalar_text(1, 0) == "idle");
  twin::Command cool{.id = 0xab12, .may_refuse = true, .value = 298.65};
  const auto asked = codec.asked(codec.command(cool, 1700000060));
  REQUIRE(asked.has_value());
  CHECK(asked->command.id == 0xab12);
  CHECK(asked->command.index == 0);
  CHECK(asked->command.may_refuse);
  CHECK(asked->command.value == Approx(298.65));
  CHECK(asked->unix_expires == 1700000060.0);
  const auto answer =
      codec.acknowledgement(codec.acknowledgement_text({0xab12, twin::Outcome::refused_local, 5.0}));
  REQUIRE(answer.has_value());
  CHECK(answer->id == 0xab12);
  CHECK(answer->outcome == twin::Outcome::refused_local);
  CHECK(answer->unix_seconds == 5.0);
}

TEST_CASE("payloads: a device is asked only for what its model has, in its unit") {
  const JsonCodec codec(pump(), plain_mapping("pump"));
  using enum PayloadProblem;
  CHECK(codec.asked(R"({"command": "stop"})")->command.kind == twin::Command::Kind::command);
  CHECK(codec.asked(R"({"set": "mode", "value": "busy"})")->command.value == 1);
  CHECK(codec.asked(R"({"set": "cool", "value": 25, "expires": 0})")->unix_expires == std::nullopt);
  CHECK(codec.asked("stop").error() == malformed);
  for (const auto* text :
       {"{}", R"({"command": "go"})", R"({"set": "cool"})", R"({"set": "cool", "value": "25"})",
        R"({"set": "cool", "value": 77, "unit": "degF"})", R"({"id": "x", "command": "stop"})"}) {
    INFO(text);
    CHECK(codec.asked(text).error() == wrong_type);
  }
}

TEST_CASE("payloads: what a device does not take is answered where it has an id") {
  const JsonCodec codec(pump(), plain_mapping("pump"));
  const auto refused = [&](const char* payload) { return codec.asked(payload)->refused; };
  CHECK(refused(R"({"id": "1", "command": "explode"})") == twin::Outcome::unknown_command);
  CHECK(refused(R"({"id": "1", "set": "heat", "value": 3})") == twin::Outcome::unknown_command);
  CHECK(refused(R"({"id": "1", "set": "mode", "value": "asleep"})") == twin::Outcome::refused_range);
  CHECK(refused(R"({"id": "1", "set": "cool", "value": 20, "unit": "degF"})") ==
        twin::Outcome::refused_range);
  CHECK(refused(R"({"id": "1", "set": "cool"})") == twin::Outcome::refused_range);
  CHECK_FALSE(refused(R"({"id": "1", "command": "stop"})").has_value());
  for (const auto* none : {R"({"id": "1"})", R"({"id": "1", "command": "stop", "expires": "soon"})"})
    CHECK(codec.asked(none).error() == PayloadProblem::wrong_type);
}
