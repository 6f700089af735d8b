// The devices of a scenario beside a rig: alone, told what to do, and taking over from real ones.
#include "testbed/rig/device_world.h"

#include <catch2/catch.hpp>

#include "tests/testbed/loading.h"

using namespace looptwin;
using namespace looptwin::testbed;

namespace {

const char* const kTanks = R"(
scenario: tanks
about: A tank.
duration: 1 h
models:
  tank:
    telemetry:
      level: {from: height, unit: cm, every: 1 s, phase: 0 s, resolution: 1}
      twice: {from: height * 2, unit: cm, every: 1 s, phase: 0 s, resolution: 1}
    setpoints: {inflow: {unit: m/s, default: 0 m/s}}
    physics: {states: {height: 1 m}, rates: {height: held}}
    controller: {outputs: {held: inflow}}
fleet: {tank: {count: 3, id: "tank-{i}"}}
)";

/// What a tank's level was in the last sample of the last advance, cm.
int32_t level(const DeviceWorld& world, uint32_t row) {
  for (const auto& arrivals : world.arrivals())
    for (const auto& frame : arrivals.frames)
      for (size_t i = frame.size(); i-- > 0;)
        if (frame.row[i] == row) return frame.value[0][i];
  return -1;
}

const char* const kMixers = R"(
scenario: mixers
about: A mixer that remembers what it is at.
duration: 1 h
models:
  mixer:
    telemetry:
      at: {from: step, enum: [idle, filling, mixing], every: 1 s, phase: 0 s}
      running: {from: turning, boolean: true, every: 1 s, phase: 0 s}
      cooled: {from: cooling, boolean: true, every: 1 s, phase: 0 s}
      opening: {from: stem, unit: 1, every: 1 s, phase: 0 s, resolution: 0.01}
      stirred: {from: stirs, boolean: true, every: 1 s, phase: 0 s}
      heat: {from: warmth, unit: K, every: 1 s, phase: 0 s, resolution: 1}
    commands: {start: {}, stop: {}}
    physics: {states: {warmth: 5 K}, rates: {warmth: 0 K/s}}
    controller:
      machines:
        step:
          states: [idle, filling, mixing]
          transitions:
            - {from: idle, to: filling, when: start}
            - {from: filling, to: mixing, after: 3 s}
            - {from: mixing, to: idle, when: stop}
      outputs:
        turning: latch(start, stop)
        cooling: hysteresis(heat, on=8 K, off=2 K)
        stem: ramp(1, up=0.01 Hz, down=0.01 Hz)
        stirs: step == "mixing"
fleet: {mixer: {count: 2, id: "mixer-{i}"}}
)";

/// The last samples of the last advance, by field.
std::vector<int32_t> said(const DeviceWorld& world, uint32_t row) {
  const auto& model = world.registry().models()[0].config;
  std::vector<int32_t> values(model.telemetry.size(), -1);
  const auto groups = twin::report_groups(model);
  for (const auto& arrivals : world.arrivals())
    for (const auto& frame : arrivals.frames)
      for (size_t i = 0; i < frame.size(); ++i)
        for (size_t k = 0; frame.row[i] == row && k < frame.value.size(); ++k)
          values[groups[frame.group].fields[k]] = frame.value[k][i];
  return values;
}

}  // namespace

TEST_CASE("device world: what a controller remembers is taken over where a field shows it") {
  const auto scenario = test::loaded({{"scenario.yaml", kMixers}});
  auto world = DeviceWorld::build(scenario);
  REQUIRE(world.has_value());
  REQUIRE((*world)->advance(kStart + milliseconds(1500)));
  CHECK(said(**world, 1) == std::vector<int32_t>{0, 0, 0, 100, 0, 5});
  const twin::DeviceRef second{TableId(size_t{0}), Row(size_t{1})};
  CHECK((*world)->set_state(second, 0, 1));
  CHECK((*world)->set_state(second, 1, 1));
  CHECK((*world)->set_state(second, 2, 1));
  CHECK((*world)->set_state(second, 3, 0.5));
  CHECK_FALSE((*world)->set_state(second, 4, 1));  // it follows from the machine
  CHECK_FALSE((*world)->set_state(second, 0, 3));  // no such state
  // What it remembers goes on: filling lasts its 3 s from the takeover, the others stay as they are.
  REQUIRE((*world)->advance(kStart + milliseconds(3500)));
  CHECK(said(**world, 1) == std::vector<int32_t>{1, 1, 1, 52, 0, 5});
  REQUIRE((*world)->advance(kStart + milliseconds(6500)));
  CHECK(said(**world, 1)[0] == 2);
  CHECK(said(**world, 1)[4] == 1);
  CHECK(said(**world, 0)[0] == 0);
  CHECK(said(**world, 0)[1] == 0);
  // It obeys as if it had come there by itself.
  (*world)->deliver(
      {.id = 7, .device = second, .kind = twin::Command::Kind::command, .index = 1, .expires = kNever});
  REQUIRE((*world)->advance(kStart + milliseconds(9500)));
  CHECK(said(**world, 1)[0] == 0);
  CHECK(said(**world, 1)[1] == 0);
}

TEST_CASE("device world: a state that a field shows is taken over, one that is worked out is not") {
  const auto scenario = test::loaded({{"scenario.yaml", kTanks}});
  auto world = DeviceWorld::build(scenario);
  REQUIRE(world.has_value());
  REQUIRE((*world)->advance(kStart + milliseconds(1500)));
  CHECK(level(**world, 0) == 100);
  const twin::DeviceRef second{TableId(size_t{0}), Row(size_t{1})};
  CHECK((*world)->set_state(second, 0, 3.5));
  CHECK_FALSE((*world)->set_state(second, 1, 3.5));
  (*world)->hold(second, 0, 0.25);
  REQUIRE((*world)->advance(kStart + milliseconds(5500)));
  CHECK(level(**world, 0) == 100);
  CHECK(level(**world, 1) > 400);
  CHECK(level(**world, 1) <= 450);
}

TEST_CASE("device world: a command acts on its device alone, and is answered once it has") {
  const auto scenario = test::loaded({{"scenario.yaml", kTanks}});
  auto world = DeviceWorld::build(scenario);
  REQUIRE(world.has_value());
  REQUIRE((*world)->advance(kStart + milliseconds(1500)));
  (*world)->deliver({.id = 5, .device = {TableId(size_t{0}), Row(size_t{2})}, .value = 1, .expires = kNever});
  REQUIRE((*world)->advance(kStart + milliseconds(10500)));
  CHECK(level(**world, 2) > 700);
  CHECK(level(**world, 1) == 100);
  size_t answers = 0;
  for (const auto& arrivals : (*world)->arrivals()) answers += arrivals.acknowledgements.size();
  CHECK(answers == 1);
}
