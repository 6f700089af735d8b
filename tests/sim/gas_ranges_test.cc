// Inputs of a gas network that are far beyond their ranges.
#include <catch2/catch.hpp>
#include <cmath>

#include "tests/sim/gas_cases.h"

namespace looptwin::sim::test {

TEST_CASE("gas: a pressure beyond its range is held to it, whatever the network makes of that") {
  const double most = std::nextafter(1e9, 0);
  GasRun within(one_pipe(20000, 100, 1000)), above(one_pipe(20000, 100, 1000)),
      below(one_pipe(20000, 100, 1000));
  for (auto* run : {&within, &above, &below}) run->to(300);
  within["supply.in.pressure_wanted"] = most;
  above["supply.in.pressure_wanted"] = 1e300;
  below["supply.in.pressure_wanted"] = -1e300;
  for (auto* run : {&within, &above, &below}) {
    run->to(3600);
    CHECK(run->network->breakdown().empty());
  }
  CHECK(above["node.in.pressure"] == most);
  CHECK(below["node.in.pressure"] == 1e3);
  for (const char* port : {"node.out.pressure", "supply.in.flow", "network.linepack"})
    CHECK(above[port] == within[port]);
}

TEST_CASE("gas: a leak's area beyond its range is held to it") {
  auto config = one_pipe(20000, 100, 1000);
  config.leaks = {{.name = "hole", .pipe = config.pipes[0].name, .position = 5130}};
  GasRun within(config), above(config);
  within["leak.hole.area"] = std::nextafter(100, 0);
  above["leak.hole.area"] = 1e300;
  for (auto* run : {&within, &above}) {
    run->to(1800);
    CHECK(run->network->breakdown().empty());
  }
  CHECK(above["leak.hole.flow"] > 0);
  CHECK(above["leak.hole.flow"] == within["leak.hole.flow"]);
  CHECK(above["node.out.pressure"] == within["node.out.pressure"]);
}

}  // namespace looptwin::sim::test
