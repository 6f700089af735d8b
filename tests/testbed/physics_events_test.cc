// Physics with events in whole scenarios, against closed forms; and how a run ends whose events do not.
#include <array>
#include <catch2/catch.hpp>
#include <cmath>

#include "loading.h"
#include "mml/loop.h"
#include "testbed/assembly.h"
#include "testbed/sim_transport.h"

using namespace looptwin;
using namespace looptwin::testbed;
using namespace looptwin::testbed::test;

namespace {

std::string scenario(const std::string& model, const std::string& cycle = "1 s") {
  return "scenario: events\nduration: 10 min\ncycle: " + cycle + "\nmodels:\n" + model +
         "fleet: {thing: {count: 3, id: \"thing-{i}\"}}\n";
}

const char* kThermostat = R"yaml(  thing:
    telemetry:
      temperature: {from: air, unit: degC, every: 1 s, resolution: 0.001}
      heating: {from: heat > 0.5, boolean: true, every: 1 s}
    physics:
      states: {air: 19 degC, heat: 1}
      rates:
        air: (if(heat > 0.5, 30 degC, 5 degC) - air) / 100 s
        heat: 0 Hz
      events:
        warm: {when: air >= 21 degC, reset: {heat: 0}}
        cold: {when: air <= 19 degC, reset: {heat: 1}}
)yaml";

const char* kTank = R"yaml(  thing:
    telemetry:
      level: {from: level, unit: m, every: 1 s, resolution: 0.001}
    physics:
      inputs: {clock: time_of_day()}
      states: {level: 0 m, spilling: 0, spilled: 0 m3}
      rates:
        level: if(spilling > 0.5, 0 m/s, net / 5 m2)
        spilling: 0 Hz
        spilled: if(spilling > 0.5, net, 0 m3/s)
      events:
        brim: {when: level >= 2 m && net > 0 m3/s, reset: {level: 2 m, spilling: 1}}
        ebb: {when: net <= 0 m3/s && spilling > 0.5, reset: {spilling: 0}}
      outputs:
        net: if(clock < 60 s, 0.35 m3/s, -0.1 m3/s)
)yaml";

const char* kBall = R"yaml(  thing:
    telemetry:
      height: {from: height, unit: m, every: 1 s, resolution: 0.001}
    physics:
      states: {height: 10 m, speed: 0 m/s}
      rates: {height: speed, speed: -9.81 m/s2}
      events:
        bounce: {when: height <= 0 m && speed < 0 m/s, reset: {height: 0 m, speed: -0.5 * speed}}
      step: 100 ms
)yaml";

std::unique_ptr<Assembly> assemble(const std::string& text) {
  auto built = Assembly::build(loaded({{"scenario.yaml", text}}));
  INFO((built ? std::string() : render(built.error())));
  REQUIRE(built.has_value());
  return std::move(*built);
}

bool cycle(Assembly& a) { return a.loop().cycle(a.loop().now() + a.scenario().cycle, a.transport()); }

double value(Assembly& a, const std::string& column, size_t row, const std::string& model = "thing") {
  for (size_t t = 0; t < a.schema().tables.size(); ++t) {
    const auto& table = a.schema().tables[t];
    for (size_t c = 0; table.name == model && c < table.columns.size(); ++c)
      if (table.columns[c].name == column) return a.tables().values<double>(TableId(t), ColumnId(c))[row];
  }
  FAIL("no column " << column);
  return 0;
}

std::string refused(const std::string& from, const std::string& to) {
  std::string text = scenario(kThermostat);
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  const Folder folder({{"scenario.yaml", text.replace(at, from.size(), to)}});
  const auto read = load(folder.path());
  if (!read) return in_short(read.error());
  const auto built = Assembly::build(*read);
  return built ? std::string() : in_short(built.error());
}

}  // namespace

TEST_CASE("physics events: a thermostat as two guards switches where its exponentials cross") {
  const auto a = assemble(scenario(kThermostat));
  const double rise = 100 * std::log(11.0 / 9), fall = 100 * std::log(16.0 / 14);
  for (int t = 1; t <= 600; ++t) {
    REQUIRE(cycle(*a));
    const double within = std::fmod(t, rise + fall);
    const double air =
        within < rise ? 30 - 11 * std::exp(-within / 100) : 5 + 16 * std::exp(-(within - rise) / 100);
    INFO(t << " s");
    REQUIRE(value(*a, ".physics.air", 2) == Approx(273.15 + air).margin(1e-6));
    REQUIRE(value(*a, ".physics.heat", 2) == (within < rise ? 1 : 0));
  }
}

TEST_CASE(
    "physics events: a tank spills from the instant at which it is full, and no longer than more flows in") {
  const auto a = assemble(scenario(kTank));
  const double full = 2 / 0.07;
  for (int t = 1; t <= 100; ++t) {
    REQUIRE(cycle(*a));
    INFO(t << " s");
    // Inputs of an instant act in the step after it.
    const double level = t <= 60 ? std::min(2.0, 0.07 * t) : 2 - 0.02 * (t - 60);
    REQUIRE(value(*a, ".physics.level", 0) == Approx(level).margin(1e-7));
    REQUIRE(value(*a, ".physics.spilled", 0) ==
            Approx(t < full ? 0 : 0.35 * (std::min(t, 60) - full)).margin(1e-7));
  }
}

TEST_CASE("physics events: a device's own and a plant's of equations happen at the same instants") {
  // Guards that others' resets open again, within steps far longer than from one to the next.
  const char* both = R"yaml(scenario: events
duration: 20 min
cycle: 100 s
plants:
  q:
    exchange: 100 s
    equations:
      solver: runge_kutta4
      elements:
        o:
          states: {x: 0, wraps: 0, lows: 0}
          rates: {x: 0.013 Hz, wraps: 0 Hz, lows: 0 Hz}
          events:
            wrap: {when: x >= 1, reset: {x: x - 1, wraps: wraps + 1}}
            low: {when: x < 0.5, reset: {lows: lows + 1}}
models:
  thing:
    relations: {o: {to: q_o, inverse: things}}
    telemetry: {wraps: {from: wraps, unit: "1", every: 100 s, resolution: 1}}
    physics:
      states: {x: 0, wraps: 0, lows: 0}
      rates: {x: 0.013 Hz, wraps: 0 Hz, lows: 0 Hz}
      events:
        wrap: {when: x >= 1, reset: {x: x - 1, wraps: wraps + 1}}
        low: {when: x < 0.5, reset: {lows: lows + 1}}
      step: 100 s
fleet: {thing: {o: q/o, id: thing}}
)yaml";
  const auto a = assemble(both);
  for (int k = 1; k <= 9; ++k) {
    REQUIRE(cycle(*a));
    for (const char* name : {"wraps", "lows"}) {
      CAPTURE(k, name);
      CHECK(value(*a, std::string(".physics.") + name, 0) ==
            value(*a, std::string(".port.") + name, 0, "q_o"));
    }
  }
  // 11.7 rounds in 900 s, and the start.
  CHECK(value(*a, ".physics.lows", 0) == 12);
}

TEST_CASE("physics events: the same at any cycle, and from any saved state") {
  const auto fine = assemble(scenario(kThermostat)), coarse = assemble(scenario(kThermostat, "7 s"));
  for (int t = 0; t < 210; ++t) REQUIRE(cycle(*fine));
  for (int t = 0; t < 30; ++t) REQUIRE(cycle(*coarse));
  CHECK(value(*fine, ".physics.air", 1) == value(*coarse, ".physics.air", 1));
  ArchiveWriter writer;
  fine->save(writer);
  const auto branch = assemble(scenario(kThermostat));
  ArchiveReader reader(writer.bytes());
  branch->restore(reader);
  for (int t = 0; t < 100; ++t) {
    REQUIRE(cycle(*fine));
    REQUIRE(cycle(*branch));
    REQUIRE(value(*fine, ".physics.air", 1) == value(*branch, ".physics.air", 1));
  }
}

TEST_CASE("physics events: a run whose events do not end is over, with the device, the event and the time") {
  const auto a = assemble(scenario(kBall));
  int cycles = 0;
  while (cycles < 60 && cycle(*a)) ++cycles;
  // It comes to rest after √(2h/g)·(1 + 0.5)/(1 − 0.5) = 4.28 s.
  CHECK(cycles == 5);
  REQUIRE(a->transport().breakdown().size() == 1);
  CHECK(a->transport().breakdown()[0].message ==
        "the event 'bounce' of 'thing-1' happens without end in the step from 00:00:04.2");
  const auto& place = a->transport().breakdown()[0].span;
  REQUIRE(place.source);
  CHECK(place.source->text.substr(place.begin, place.end - place.begin) == "bounce");
}

TEST_CASE("physics events: what cannot be is refused with its place and what to write") {
  using Catch::Contains;
  CHECK_THAT(refused("reset: {heat: 0}", "reset: {haet: 0}"), Contains("there is no state 'haet' to reset"));
  CHECK_THAT(refused("when: air >= 21 degC", "when: air - 21 degC"), Contains("condition"));
  CHECK_THAT(refused("reset: {heat: 0}", "reset: {heat: 3 kW}"), Contains("kW"));
  CHECK_THAT(refused("      events:\n", "      integrator: exact\n      events:\n"),
             Contains("events need steps of any length"));
  CHECK_THAT(refused("when: air >= 21 degC", "when: \"held(air >= 21 degC, 1 min)\""), Contains("physics"));
}
