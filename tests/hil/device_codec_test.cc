// The device's side of a mapping against the loop's side: what one writes the other reads.
#include "hil/device_codec.h"

#include <catch2/catch.hpp>

#include "hil/json_codec.h"

using namespace looptwin;
using namespace looptwin::hil;

namespace {

const lang::Unit kKilowatt{"kW", lang::Type::number(), 1000, 0};
const lang::Unit kCelsius{"degC", lang::Type::number(), 1, 273.15};

twin::ModelConfig pump() {
  twin::ModelConfig model;
  model.name = "pump";
  model.telemetry = {{.name = "power", .unit = kKilowatt, .every = seconds(1), .resolution = 0.1},
                     {.name = "mode", .words = {"idle", "busy"}, .every = seconds(1)},
                     {.name = "running", .boolean = true, .every = seconds(1)}};
  model.setpoints = {{.name = "cool", .unit = kCelsius}, {.name = "mode", .words = {"idle", "busy"}}};
  model.commands = {{.name = "start"}, {.name = "stop"}};
  return model;
}

TopicTemplate topic(const std::string& text) {
  return *TopicTemplate::parse(
      {std::make_shared<const Source>(Source{"t", text}), 0, static_cast<uint32_t>(text.size())});
}

/// One message of one group.
twin::Frame frame(int32_t power, int32_t mode, int32_t running) {
  twin::Frame frame;
  frame.table = TableId(size_t{0});
  frame.row = {0};
  frame.sequence = {9};
  frame.sampled_at = {0};
  frame.received_at = {0};
  frame.value = {{power}, {mode}, {running}};
  return frame;
}

}  // namespace

TEST_CASE("device codec: the loop reads back what a device says, wherever the mapping puts it") {
  auto mapping = plain_mapping("pump");
  mapping.fields = {{.name = "power", .at = "/ENERGY/Power"}, {.name = "mode", .at = "/state/0"}};
  const DeviceCodec device(pump(), mapping);
  const JsonCodec loop(pump(), mapping);
  std::vector<Publication> out;
  device.telemetry("hall/pump-1", frame(123, 1, 0), 0, 9, 1700000000.5, out);
  REQUIRE(out.size() == 1);
  CHECK(out[0].topic == "looptwin/hall/pump-1/telemetry");
  CHECK_FALSE(out[0].retain);
  const auto samples = loop.telemetry(out[0].payload, {});
  REQUIRE(samples.has_value());
  CHECK(samples->values == std::vector<std::pair<uint16_t, int32_t>>{{0, 123}, {1, 1}, {2, 0}});
  CHECK(samples->sequence == 9u);
  CHECK(samples->unix_seconds == 1700000000.5);
}

TEST_CASE("device codec: a sample that failed is null, and values are as short as their resolution") {
  const DeviceCodec device(pump(), plain_mapping("pump"));
  std::vector<Publication> out;
  device.telemetry("p", frame(3, twin::kMissing, 1), 0, 1, 0, out);
  CHECK(out[0].payload == R"({"mode":null,"n":1,"power":0.3,"running":true,"t":0.0})");
}

TEST_CASE("device codec: where each field has a topic, each is a message of its own") {
  Mapping mapping;
  mapping.telemetry = topic("s/{device}/{field}");
  const DeviceCodec device(pump(), mapping);
  const JsonCodec loop(pump(), mapping);
  std::vector<Publication> out;
  device.telemetry("p", frame(3, 1, 1), 0, 1, 0, out);
  REQUIRE(out.size() == 3);
  CHECK(out[1].topic == "s/p/mode");
  CHECK(out[1].payload == "busy");
  CHECK(loop.telemetry(out[1].payload, "mode")->values == std::vector<std::pair<uint16_t, int32_t>>{{1, 1}});
  CHECK(out[2].payload == "true");
}

TEST_CASE("device codec: a device reads what the loop orders, and the loop what it answers") {
  const DeviceCodec device(pump(), plain_mapping("pump"));
  const JsonCodec loop(pump(), plain_mapping("pump"));
  twin::Command cool{.id = 0xab, .index = 0, .may_refuse = true, .value = 298.65};
  auto order = device.order(loop.command(cool, 1700000060));
  REQUIRE(order.has_value());
  CHECK_FALSE(order->refused);
  CHECK(order->command.id == 0xab);
  CHECK(order->command.kind == twin::Command::Kind::setpoint);
  CHECK(order->command.value == Approx(298.65));
  CHECK(order->command.may_refuse);
  CHECK(order->expires == 1700000060);
  order = device.order(loop.command({.id = 1, .kind = twin::Command::Kind::command, .index = 1}, 0));
  CHECK(order->command.kind == twin::Command::Kind::command);
  CHECK(order->command.index == 1);

  std::vector<Publication> out;
  device.acknowledgement("p", {.id = 0xab, .outcome = twin::Outcome::refused_range}, 12.5, out);
  const auto answer = loop.acknowledgement(out[0].payload);
  REQUIRE(answer.has_value());
  CHECK(answer->id == 0xab);
  CHECK(answer->outcome == twin::Outcome::refused_range);
  CHECK(answer->unix_seconds == 12.5);
}

TEST_CASE("device codec: an order that the model does not know is answered, one that is none is not") {
  const DeviceCodec device(pump(), plain_mapping("pump"));
  const auto refused = [&](const char* payload) { return device.order(payload)->refused; };
  CHECK(refused(R"({"id": "1", "command": "explode"})") == twin::Outcome::unknown_command);
  CHECK(refused(R"({"id": "1", "set": "heat", "value": 3})") == twin::Outcome::unknown_command);
  CHECK(refused(R"({"id": "1", "set": "mode", "value": "asleep"})") == twin::Outcome::refused_range);
  CHECK(refused(R"({"id": "1", "set": "cool", "value": 20, "unit": "degF"})") ==
        twin::Outcome::refused_range);
  CHECK(refused(R"({"id": "1", "set": "cool"})") == twin::Outcome::refused_range);
  CHECK(device.order("[").error() == PayloadProblem::malformed);
  CHECK(device.order("[1]").error() == PayloadProblem::malformed);
  CHECK(device.order(std::string(60000, '[')).error() == PayloadProblem::malformed);
  for (const auto* none : {R"({"command": "stop"})", R"({"id": "xyz", "command": "stop"})", R"({"id": "1"})",
                           R"({"id": "1", "command": "stop", "expires": "soon"})"})
    CHECK(device.order(none).error() == PayloadProblem::wrong_type);
}

TEST_CASE("device codec: presence is retained, in the words of the mapping") {
  Mapping mapping;
  mapping.presence = topic("tele/{device}/LWT");
  mapping.online = "Online";
  const DeviceCodec device(pump(), mapping);
  std::vector<Publication> out;
  device.presence("p", true, out);
  device.presence("p", false, out);
  REQUIRE(out.size() == 2);
  CHECK(out[0].topic == "tele/p/LWT");
  CHECK(out[0].payload == "Online");
  CHECK(out[1].payload == "offline");
  CHECK(out[0].retain);
}
