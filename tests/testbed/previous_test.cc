// Outputs of controllers that read their own last values: previous(x) of the line itself.
#include <algorithm>
#include <catch2/catch.hpp>

#include "loading.h"
#include "simulating.h"
#include "testbed/assembly.h"
#include "twin/tables.h"

using namespace looptwin;
using namespace looptwin::testbed;
using namespace looptwin::testbed::test;
using Catch::Contains;

namespace {

/// A press that is fed in the seconds 10 to 14, and whose oil is 20 degC + 1 K a second up to 30 s, then
/// back.
std::string press(const std::string& outputs) {
  return R"y(
scenario: press
start: "2024-01-01T00:00:00"
duration: 2 min
models:
  press:
    telemetry:
      fed: {from: feed, boolean: true, every: 1 s, phase: 0 s}
      oil: {from: warmth, unit: degC, every: 1 s, phase: 0 s, resolution: 0.001}
      power: {from: load, unit: kW, every: 1 s, phase: 0 s, resolution: 0.001}
    physics:
      inputs: {clock: time_of_day()}
      outputs:
        feed: clock >= 10 s && clock < 15 s
        warmth: "20 degC + 1 K * if(clock < 30 s, clock, 60 s - clock) / 1 s"
        load: 36 kW
    controller:
      every: 1 s
      outputs:
)y" + outputs +
         "fleet: {press: {}}\n";
}

double at(Simulation& simulation, Duration when, const std::string& output) {
  simulation.advance(kStart + when);
  Assembly& a = simulation.assembly();
  const auto& columns = a.schema().tables[0].columns;
  const auto found = std::find_if(columns.begin(), columns.end(),
                                  [&](const auto& c) { return c.name == ".controller." + output; });
  REQUIRE(found != columns.end());
  const ColumnId id(static_cast<uint32_t>(found - columns.begin()));
  return twin::load(a.tables().column(TableId(0), id), found->storage, 0);
}

std::string refused(const std::string& outputs) {
  const auto built = Assembly::build(loaded({{"scenario.yaml", press(outputs)}}));
  return built ? std::string() : in_short(built.error());
}

}  // namespace

TEST_CASE("controllers: an output reads its own last value, whatever it is of") {
  const auto s = simulated(press(R"y(
        rounds: if(known(previous(rounds)), previous(rounds), 0) + if(fed, 1, 0)
        warmest: if(known(previous(warmest)), max(previous(warmest), oil), oil)
        used: if(known(previous(used)), previous(used), 0 kWh) + power * 1 s
        seen: previous(seen) || fed
)y"));
  const double used = at(*s, seconds(20), "used");
  CHECK(at(*s, seconds(20), "rounds") == 5);
  CHECK(at(*s, seconds(20), "seen") == 1);
  CHECK(at(*s, seconds(60), "rounds") == 5);
  CHECK(at(*s, seconds(60), "warmest") == Approx(273.15 + 50));
  CHECK(at(*s, seconds(60), "used") - used == Approx(40 * 36e3));
}

TEST_CASE(
    "controllers: what is wrong with an output that reads its own last value is told by its nearest type") {
  CHECK_THAT(
      refused("        rounds: if(known(previous(rounds)), previous(rounds), 0) + if(fed, 1 kW, 0 bar)\n"),
      Contains("1 kW") && Contains("0 bar"));
  CHECK_THAT(refused("        used: if(known(previous(used)), previous(used), 0 kWh) + power\n"),
             Contains("power") && Contains("cannot be added"));
  CHECK_THAT(refused("        used: previous(used) + powr\n"), Contains("'powr' is not known here"));
  CHECK_THAT(refused("        used: used + 1\n"), Contains("write previous(used)"));
}
