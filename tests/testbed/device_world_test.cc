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

}  // namespace

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
