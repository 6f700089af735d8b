// States with limits in a scenario: what is wrong with them, and that devices have their own.
#include <catch2/catch.hpp>

#include "loading.h"
#include "mml/loop.h"
#include "sim/fleet.h"
#include "testbed/assembly.h"
#include "testbed/sim_transport.h"
#include "twin/registry.h"

namespace looptwin::testbed::test {
namespace {

std::string scenario(const std::string& limits, const std::string& plant_limits = {}) {
  return R"(scenario: tanks
duration: 20 s
models:
  tank:
    parameters: {full: {default: 3 m}}
    telemetry: {level: {from: level, unit: m, every: 1 s, resolution: 0.001}}
    physics:
      states: {level: 1 m}
      rates: {level: 0.5 m/s}
      limits: )" +
         limits + R"(
fleet: {tank: {count: 2, full: [2 m, 0.5 m]}}
plants:
  basin:
    equations:
      solver: dormand_prince5
      elements:
        pool:
          each: {one: {}, other: {level: 2 m}}
          parameters: {full: 3 m}
          states: {level: 1 m}
          rates: {level: 0.5 m/s}
)" + (plant_limits.empty() ? "" : "          limits: " + plant_limits + "\n");
}

std::string said(const std::string& limits, const std::string& plant_limits = {}) {
  const Folder folder({{"scenario.yaml", scenario(limits, plant_limits)}});
  const auto read = load(folder.path());
  if (!read) return in_short(read.error());
  const auto built = Assembly::build(*read);
  return built ? std::string() : in_short(built.error());
}

}  // namespace

TEST_CASE("limits: each device has its own, and one that would begin outside begins at its limit") {
  auto built = Assembly::build(loaded({{"scenario.yaml", scenario("{level: {high: full}}")}}));
  REQUIRE(built.has_value());
  auto& a = **built;
  const auto table = *a.registry().find_model("tank");
  const auto& columns = a.schema().tables[table.index()].columns;
  size_t level = 0;
  while (columns[level].name != ".physics.level") ++level;
  for (size_t s = 0; s < a.tables().shards().size(); ++s)
    REQUIRE(a.loop().cycle(kStart + seconds(static_cast<int64_t>(s) + 1), a.transport()));
  while (a.loop().now() < kStart + seconds(10))
    REQUIRE(a.loop().cycle(a.loop().now() + seconds(1), a.transport()));
  for (size_t s = 0; s < a.tables().shards().size(); ++s)
    if (a.tables().shards()[s].table == table) a.fleet().settle(s, a.loop().now());
  const auto values = a.tables().values<double>(table, ColumnId(level));
  CHECK(values[0] == 2);
  CHECK(values[1] == 0.5);
}

TEST_CASE("limits: what is wrong with them is shown where it stands") {
  CHECK(said("{level: {low: 0 m, high: full}}", "{level: {low: 0 m, high: full}}").empty());
  CHECK(said("{levl: {low: 0 m}}") ==
        "scenario.yaml:10:16: there is no state 'levl' to limit [declare it under states, with its initial "
        "value]\n");
  CHECK(said("{level: {}}") ==
        "scenario.yaml:10:16: the limits of 'level' are none [write low:, high:, or both]\n");
  CHECK(said("{level: {low: 3 m, high: 2 m}}") ==
        "scenario.yaml:10:16: the low limit of 'level' is not below its high one [write the lower one at "
        "low:]\n");
  CHECK(said("{level: {low: 2 m}}") ==
        "scenario.yaml:10:16: 'level' begins outside its limits [write a value at its start within them]\n");
  CHECK_THAT(said("{level: {low: 0 s}}"), Catch::Contains("a value in m"));
  CHECK_THAT(said("{level: {low: level}}"),
             Catch::Contains("'level' is not visible here") || Catch::Contains("'level' is not known here"));
  CHECK_THAT(said("{level: {least: 0 m}}"), Catch::Contains("a limit has no key 'least'"));
  CHECK_THAT(said("{level: {low: 0 m}}\n      integrator: exact"),
             Catch::Contains("the state 'level' has limits, which no exact step knows"));
}

TEST_CASE("limits: what is wrong with those of a plant by equations is shown where it stands") {
  const std::string sound = "{level: {low: 0 m}}";
  CHECK_THAT(said(sound, "{levl: {low: 0 m}}"), Catch::Contains("'pool' has no state 'levl' to limit") &&
                                                    Catch::Contains("did you mean 'level'?"));
  CHECK_THAT(said(sound, "{level: {}}"), Catch::Contains("the limits of 'level' are none"));
  CHECK_THAT(said(sound, "{level: {low: 3 m, high: 2 m}}"),
             Catch::Contains("the low limit of 'pool.one.level' is not below its high one"));
  CHECK_THAT(said(sound, "{level: {high: 1.5 m}}"),
             Catch::Contains("'pool.other.level' begins outside its limits"));
  CHECK_THAT(said(sound, "{level: {low: 3 s}}"), Catch::Contains("a value in m"));
}

}  // namespace looptwin::testbed::test
