// Code over columns in the place of expressions: what it computes is what they compute, whoever asks when,
// and its states are kept with the fleet.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

#include "lang/plant.h"
#include "sim/column_code.h"
#include "tests/sim/fleet_world.h"

namespace looptwin::sim::test {
namespace {

using Is = ColumnCode::Is;

/// Columns in SI, so that nothing is rounded.
const lang::Unit kKelvin{"K", lang::Type::point_of(lang::kTemperature), 1, 0};
const lang::Unit kDifference{"K", lang::Type::number(lang::kTemperature), 1, 0};
const lang::Unit kOne{"1", lang::Type::number(lang::kRatio), 1, 0};
const lang::Unit kRate{"K/s", lang::Type::number(lang::kTemperature / lang::kTimeDimension), 1, 0};

class Code : public ColumnCode {
 public:
  Code(std::string name, std::vector<Column> inputs, std::vector<Column> states, std::vector<Column> outputs)
      : ColumnCode(std::move(name), text("here")),
        inputs_(std::move(inputs)),
        states_(std::move(states)),
        outputs_(std::move(outputs)) {}
  std::span<const Column> inputs() const override { return inputs_; }
  std::span<const Column> states() const override { return states_; }
  std::span<const Column> outputs() const override { return outputs_; }

 private:
  std::vector<Column> inputs_, states_, outputs_;
};

/// The thermostat of homes(); beyond `most` runs it has no answer for the second of the rows.
class Thermostat final : public Code {
 public:
  explicit Thermostat(double most = INFINITY)
      : Code(
            "thermostat",
            {{"temperature", Is::number, kKelvin}, {"cool", Is::number, kKelvin}, {"defrost", Is::truth, {}}},
            {{"on", Is::number, kOne}, {"held", Is::number, kOne}, {"runs", Is::number, kOne, 100}},
            {{"compressor", Is::truth, {}}, {"error", Is::number, kDifference}, {"iced", Is::truth, {}}}),
        most_(most) {}
  std::optional<CodeFailure> run(Time, Duration dt, CodeColumns in, CodeColumns states,
                                 CodeColumns out) const override {
    if (dt != seconds(2)) return CodeFailure{"another period"};
    for (size_t row = 0; row < in[0].size(); ++row) {
      const double error = in[0][row] - in[1][row];
      states[0][row] = error > 0.25 ? 1 : error < -0.25 ? 0 : states[0][row];
      states[1][row] = in[0][row] > 273.15 + 24 ? 0 : in[2][row] == 1 ? 1 : states[1][row];
      states[2][row] += row == 1 && states[2][row] > most_ ? NAN : 1;
      out[0][row] = states[0][row] == 1 && states[1][row] == 0;
      out[1][row] = error;
      out[2][row] = states[1][row];
    }
    return std::nullopt;
  }

 private:
  double most_;
};

/// The air of homes(), by Euler's method.
class Air final : public Code {
 public:
  Air()
      : Code("air",
             {{"outdoor", Is::number, kKelvin},
              {"gain", Is::number, kRate},
              {"compressor", Is::truth, {}},
              {"pull", Is::number, kRate}},
             {{"air", Is::number, kKelvin}}, {}) {}
  std::optional<CodeFailure> run(Time, Duration dt, CodeColumns in, CodeColumns states,
                                 CodeColumns) const override {
    for (size_t row = 0; row < in[0].size(); ++row) {
      const double warms = in[0][row] > 273.15 + 28 ? 2 * in[1][row] : in[1][row];
      states[0][row] += dt.seconds() * (warms - (in[2][row] == 1 ? in[3][row] : 0));
    }
    return std::nullopt;
  }
};

Setup by_expressions(const lang::Units& units) {
  auto setup = homes(units, 300);
  setup.devices[0].physics->integrator = lang::Integrator::euler;
  FaultConfig restart{.kind = FaultKind::restart, .device = "home-7"};
  restart.after = Time{} + seconds(700);
  restart.lasts = seconds(5);
  FaultConfig stuck{.kind = FaultKind::actuator_stuck, .device = "home-9", .sensor = "compressor"};
  stuck.after = Time{} + seconds(300);
  stuck.lasts = seconds(200);
  setup.faults = {restart, stuck};
  return setup;
}

Setup by_code(const lang::Units& units, double most = INFINITY) {
  auto setup = by_expressions(units);
  auto& device = setup.devices[0];
  device.physics->integrator.reset();
  device.physics->rates.clear();
  device.physics->code = std::make_shared<Air>();
  device.controller->outputs.clear();
  device.controller->code = std::make_shared<Thermostat>(most);
  return setup;
}

std::vector<Delivery> deliveries() {
  twin::Command defrost{.id = 5};
  defrost.kind = twin::Command::Kind::command;
  defrost.device = {TableId(0), Row(20)};
  defrost.issued = Time{} + seconds(400);
  defrost.expires = Time{} + seconds(460);
  return {{Time{} + seconds(100), set_cool(11, 3, 273.15 + 21, Time{} + seconds(100))},
          {Time{} + seconds(400), defrost}};
}

TEST_CASE("code over columns: devices do what the same expressions make them do, for any cycle") {
  const lang::Units units;
  World expressions(by_expressions(units));
  const auto expected = run(expressions, Time{} + seconds(1500), seconds(1), deliveries());
  REQUIRE(expected.messages.size() > 1000);
  REQUIRE(expected.acknowledgements.size() == 2);
  for (const Duration cycle : {seconds(1), seconds(7), Duration{}}) {
    auto setup = by_code(units);
    setup.cycle = cycle.ns > 0 ? cycle : seconds(1);
    World code(setup);
    const auto got = run(code, Time{} + seconds(1500), cycle, deliveries());
    CHECK((got.messages == expected.messages));
    CHECK((got.acknowledgements == expected.acknowledgements));
    CHECK(code.fleet->breakdown().empty());
  }
}

TEST_CASE("code over columns: states are kept by save and restore, and forgotten by who restarts") {
  const lang::Units units;
  World whole(by_code(units)), first(by_code(units)), second(by_code(units));
  const auto runs = [](World& world) { return world.numbers(".controller.runs"); };
  Received all, part;
  whole.advance(Time{} + seconds(600), all);
  first.advance(Time{} + seconds(600), part);
  const auto bytes = first.save();
  second.restore(bytes);
  Received expected, got;
  whole.advance(Time{} + seconds(1000), expected);
  second.advance(Time{} + seconds(1000), got);
  expected.sort(), got.sort();
  CHECK((got.messages == expected.messages));
  for (World* world : {&whole, &second}) {
    for (size_t s = 0; s < world->shards.size(); ++s) world->fleet->settle(s, Time{} + seconds(1000));
    CHECK(runs(*world)[0] == 100 + 501);
    // Home 7 was without power from 700 s to 705 s, and begins anew at 706 s.
    CHECK(runs(*world)[6] == 100 + 148);
  }
}

TEST_CASE("code over columns: what is no number is said with the time and the device, and nothing runs on") {
  const lang::Units units;
  World world(by_code(units, 150));
  Received received;
  world.advance(Time{} + seconds(300), received);
  REQUIRE_FALSE(world.fleet->breakdown().empty());
  const auto& problem = world.fleet->breakdown().front();
  CHECK(problem.message == "the class 'thermostat' at 00:01:42 for home-2: runs is nan");
  CHECK(problem.hint == "hand out finite numbers");
  CHECK(problem.span.source->name == "test");
  CHECK(world.numbers(".controller.runs")[1] == 151);
}

std::string refused(const Setup& setup) {
  lang::Units units;
  lang::Schema schema;
  lang::Graph graph;
  twin::Tables tables{schema};
  auto registry = twin::Registry::build(setup.models, setup.fleet, setup.seed, schema, tables);
  REQUIRE(registry);
  schema.feeds.push_back(
      {"weather", "temperature", lang::Type::point_of(lang::kTemperature), unit(units, "degC"), false});
  Weather weather;
  const auto built =
      Fleet::build(units, schema, graph, *registry, tables, weather,
                   {setup.devices, setup.links, setup.faults, setup.seed, setup.cycle, {}, {}});
  REQUIRE_FALSE(built);
  return render(built.error());
}

TEST_CASE(
    "code over columns: names that it does not see, and states that are others, are refused at the class") {
  const lang::Units units;
  auto setup = by_code(units);
  struct Reads final : Code {
    using Code::Code;
    std::optional<CodeFailure> run(Time, Duration, CodeColumns, CodeColumns, CodeColumns) const override {
      return std::nullopt;
    }
  };
  const auto reads = [&](const std::string& name, Is is, const lang::Unit& unit) {
    using Columns = std::vector<ColumnCode::Column>;
    setup.devices[0].controller->code = std::make_shared<Reads>(
        "reader", Columns{{name, is, unit}}, Columns{}, Columns{{"compressor", Is::truth, {}}});
    return refused(setup);
  };
  CHECK(reads("temprature", Is::number, kKelvin).find("the class 'reader' reads 'temprature': ") !=
        std::string::npos);
  CHECK(reads("air", Is::number, kKelvin).find("a controller sees its telemetry: write temperature") !=
        std::string::npos);
  CHECK(reads("temperature", Is::number, kRate).find("the class 'reader' reads 'temperature': ") !=
        std::string::npos);
  CHECK(reads("temperature", Is::word, {}).find("it has no words") != std::string::npos);
  setup = by_code(units);
  setup.devices[0].physics->states.push_back(line("more", "1 K"));
  CHECK(refused(setup).find("the state 'more' is none of the class 'air'") != std::string::npos);
}

}  // namespace
}  // namespace looptwin::sim::test
