// Runs whose physics diverges, divides by 0 or steps too far: they end, and say where.
#include <catch2/catch.hpp>

#include "loading.h"
#include "testbed/simulation.h"

using namespace looptwin;
using namespace looptwin::testbed;
using namespace looptwin::testbed::test;
using Catch::Contains;

namespace {

/// What the run of homes with this physics ended with; empty where it reached its end.
std::string ended_with(const std::string& rate, const std::string& more = "",
                       const std::string& cycle = "1 s", const std::string& duration = "10 min") {
  const std::atomic<bool> stop = false;
  const std::string text =
      "scenario: homes\nduration: " + duration + "\ncycle: " + cycle + R"(
models:
  home:
    parameters: {UA: {default: 180 W/K}}
    telemetry: {air: {from: air, unit: degC, every: 10 s, range: [-40, 60], resolution: 0.1}}
    physics:
)" + more +
      R"(      states: {air: 23 degC}
      rates: {air: ")" +
      rate + "\"}\nfleet: {home: {count: 3, UA: [170 W/K, 180 W/K, 190 W/K], id: \"home-{i}\"}}\n";
  auto made = Simulation::make({loaded({{"scenario.yaml", text}}), {}, {}}, {}, stop);
  INFO((made ? std::string() : render(made.error())));
  REQUIRE(made.has_value());
  auto& simulation = **made;
  const auto ending = simulation.finish(simulation.advance(simulation.end()), 0);
  CHECK((ending.end == mml::RunEnd::failed) == !ending.problems.empty());
  return in_short(ending.problems);
}

}  // namespace

TEST_CASE("divergence: a run ends with the device, the state and the time of what is not finite") {
  CHECK(ended_with("(20 degC - air) * 1 Hz") == "");
  // 1 / 0 for the second home only.
  CHECK(ended_with("(20 degC - air) * 1 Hz / (UA / 1 W/K - 180)") ==
        "scenario.yaml:9:16: by 00:00:01 'home-2' cannot go on: its state 'air' is no number [look for a "
        "division "
        "by 0, an unknown input and a rate that grows without bound]\n");
  CHECK_THAT(ended_with("(air - 20 degC) * 1e3 Hz"), Contains("'home-1' cannot go on: its state 'air' is"));
  CHECK_THAT(ended_with("(20 degC - air) * 100 Hz", "      integrator: runge_kutta4\n"),
             Contains("'home-1' cannot go on") && Contains("the step of 1 s is too long for the rates"));
}

TEST_CASE("divergence: that of the last cycle is told as well") {
  CHECK_THAT(ended_with("(air - 20 degC) * 1e3 Hz", "", "1 min", "1 min"), Contains("'home-1' cannot go on"));
}
