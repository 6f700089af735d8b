// Feeds whose signals are written down in the scenario: what is wrong with them, and what physics sees.
#include <algorithm>
#include <catch2/catch.hpp>

#include "loading.h"
#include "mml/loop.h"
#include "sim/fleet.h"
#include "testbed/assembly.h"
#include "testbed/sim_transport.h"
#include "twin/registry.h"

namespace looptwin::testbed::test {
namespace {

/// A counter of what its input has been, and a device that reports it.
std::string scenario(const std::string& signals) {
  return R"(scenario: thing
duration: 20 s
feeds:
  driver:
    signals:
)" + signals +
         R"(models:
  thing:
    telemetry: {mass: {from: mass, unit: kg, every: 1 s, resolution: 0.001}}
    physics:
      inputs: {flow: driver.flow}
      states: {mass: 0 kg}
      rates: {mass: flow}
fleet: {thing: {count: 1}}
)";
}

std::string said(const std::string& signals) { return problems({{"scenario.yaml", scenario(signals)}}); }

std::vector<double> masses(const std::string& signals, const std::vector<Setting>& settings = {}) {
  auto built = Assembly::build(loaded({{"scenario.yaml", scenario(signals)}}, settings));
  INFO((built ? std::string() : render(built.error())));
  REQUIRE(built.has_value());
  auto& a = **built;
  const auto& columns = a.schema().tables[0].columns;
  size_t mass = 0;
  while (columns[mass].name != ".physics.mass") ++mass;
  std::vector<double> seen;
  while (a.loop().now() < kStart + a.scenario().duration) {
    REQUIRE(a.loop().cycle(a.loop().now() + seconds(1), a.transport()));
    a.fleet().settle(0, a.loop().now());
    seen.push_back(a.tables().values<double>(TableId(0), ColumnId(mass))[0]);
  }
  return seen;
}

}  // namespace

TEST_CASE(
    "signals: each value holds from its time on, in the step that begins there, and the last to the end") {
  const auto every = masses("      flow: {unit: kg/s, every: 5 s, values: [1, 3]}\n");
  const auto at = masses("      flow: {unit: kg/s, at: [0 s, 5 s], values: [1, 3000 g/s]}\n");
  REQUIRE(every.size() == 20);
  CHECK(every == at);
  for (size_t i = 0; i < every.size(); ++i) {
    const double t = static_cast<double>(i + 1);
    CHECK(every[i] == Approx(t <= 5 ? t : 5 + 3 * (t - 5)));
  }
  const auto one = masses("      flow: {unit: kg/s, values: [2]}\n");
  CHECK(one.back() == Approx(40));
}

TEST_CASE("signals: one value is set by its path, and one that is not set stays") {
  const std::string signals = "      flow: {unit: kg/s, every: 5 s, values: [1, 3]}\n";
  const auto set = masses(signals, {{"feeds.driver.signals.flow.values.0", "2 kg/s"}});
  CHECK(set[4] == Approx(10));
  CHECK(set[9] == Approx(25));
}

TEST_CASE("signals: several of a feed, each with times of its own") {
  const auto two = masses(R"(      level: {unit: m, at: [0 s, 3 s, 4 s], values: [1, 2, 3]}
      flow: {unit: kg/s, every: 10 s, values: [1, 0]}
)");
  CHECK(two[8] == Approx(9));
  CHECK(two[19] == Approx(10));
}

TEST_CASE("signals: a device gives them to a plant by equations, one exchange later") {
  auto built = Assembly::build(loaded({{"scenario.yaml", R"(scenario: basin
duration: 20 s
feeds:
  driver:
    signals:
      flow: {unit: m3/s, every: 5 s, values: [1, 3, 0]}
plants:
  basin:
    exchange: 100 ms
    equations:
      solver: dormand_prince5
      elements:
        pool:
          inputs: {inflow: 0 m3/s}
          states: {filled: 0 m3}
          rates: {filled: inflow}
models:
  pump:
    relations: {into: {to: basin_pool, inverse: pumps}}
    telemetry: {filled: {from: seen, unit: m3, every: 1 s, resolution: 0.001}}
    physics:
      step: 100 ms
      inputs: {flow: driver.flow, seen: into.filled}
      drives: {into: {inflow: flow}}
fleet: {pump: {per: basin_pool}}
)"}}));
  INFO((built ? std::string() : render(built.error())));
  REQUIRE(built.has_value());
  auto& a = **built;
  const auto pump = *a.registry().find_model("pump");
  for (int t = 1; t <= 20; ++t) {
    REQUIRE(a.loop().cycle(kStart + seconds(t), a.transport()));
    const auto shards = a.tables().shards();
    for (size_t s = 0; s < shards.size(); ++s)
      if (shards[s].table == pump) a.fleet().settle(s, a.loop().now());
    const double filled = a.tables().values<double>(pump, a.fleet().truth(pump, 0))[0];
    CAPTURE(t);
    // The plant sees what was driven just before an exchange: all is 100 ms late.
    CHECK(filled == Approx(t <= 5 ? t - 0.1 : std::min(5 + 3 * (t - 5.1), 20.0)));
  }
}

TEST_CASE("signals: what does not go together is shown where it stands") {
  const auto flow = [](const std::string& rest) { return said("      flow: {unit: kg/s, " + rest + "}\n"); };
  CHECK(
      flow("values: [1, 2]") ==
      "scenario.yaml:6:7: the signal 'flow' does not say when its values hold [write every: 5 s, or at: with "
      "the time of each]\n");
  CHECK(flow("every: 1 s, at: [0 s, 1 s], values: [1, 2]") ==
        "scenario.yaml:6:7: the signal 'flow' has both every: and at: [remove one of them]\n");
  CHECK(flow("at: [0 s, 1 s], values: [1]") ==
        "scenario.yaml:6:50: 1 value for 2 times [write one for each]\n");
  CHECK(flow("at: [1 s, 2 s], values: [1, 2]") ==
        "scenario.yaml:6:31: the first value holds from 1 s on; before, nothing is known [begin with 0 s]\n");
  CHECK(flow("at: [0 s, 2 s, 2 s], values: [1, 2, 3]") ==
        "scenario.yaml:6:41: 2 s is not after the time before it [write the times in rising order]\n");
  CHECK(flow("values: []") == "scenario.yaml:6:34: the signal 'flow' has no value [write values: [50]]\n");
  CHECK(
      flow("values: [1 m]") ==
      "scenario.yaml:6:35: 1 m is in m; a value in kg/s stands here [write it in kg/s, or in another unit of "
      "kg·s⁻¹]\n");
  CHECK(flow("values: 3") ==
        "scenario.yaml:6:34: 'values' is a list [write values: [ ... ], or an item a line "
        "behind '- ']\n");
  CHECK_THAT(flow("holds: 1 s, values: [1]"), Catch::Contains("a signal has no key 'holds'"));
  CHECK_THAT(said("      flow: {unit: kg/s, values: [1]}\n    file: flow.csv\n"),
             Catch::Contains("the feed 'driver' has both a file and signals [make two feeds of it]"));
  CHECK_THAT(said("      flow: {unit: kg/s, values: [1]}\n    longest_gap: 1 h\n"),
             Catch::Contains("the feed 'driver' has no holes: its signals are written down"));
  CHECK_THAT(said("      flow: {unit: kg/s, values: [1]}\n    direction: out\n"),
             Catch::Contains("the outbound feed 'driver' has no signals"));
}

}  // namespace looptwin::testbed::test
