// Descriptions of gas networks that make no sense are refused, and say why.
#include <catch2/catch.hpp>
#include <cmath>
#include <functional>

#include "tests/sim/gas_cases.h"

namespace looptwin::sim::test {
namespace {

std::string refusal(const std::function<void(GasNetworkConfig&)>& spoil) {
  GasNetworkConfig config = eight_nodes(ideal_gas(288.706, 0.6));
  config.valves = {{.name = "v", .from = "2", .to = "3", .diameter = 0.5, .opening = 0}};
  config.leaks = {{.name = "l", .pipe = "2", .position = 20000}};
  spoil(config);
  const auto made = GasNetwork::make(config);
  return made ? "" : render(made.error());
}

}  // namespace

TEST_CASE("gas: nonsense in a description is refused with what is wrong") {
  using Config = GasNetworkConfig;
  struct Case {
    std::function<void(Config&)> spoil;
    const char* message;
  };
  const Case cases[] = {
      {[](Config&) {}, ""},
      {[](Config& c) { c.pipes[1].length = 0; }, "pipe '2': its length must be positive, not 0"},
      {[](Config& c) { c.pipes[1].length = std::nan(""); }, "pipe '2': its length must be positive, not nan"},
      {[](Config& c) { c.pipes[1].diameter = -1; }, "pipe '2': its diameter must lie between 0 and 10 m"},
      {[](Config& c) { c.pipes[1].friction = 0; }, "pipe '2': its friction factor must lie in (0, 1)"},
      {[](Config& c) { c.pipes[1].law = FrictionLaw::hofer, c.pipes[1].roughness = 1; },
       "its roughness must"},
      {[](Config& c) { c.pipes[1].to = "33"; }, "pipe '2': there is no node '33'"},
      {[](Config& c) { c.pipes[1].to = "7"; }, "pipe '2': both ends are node '7'"},
      {[](Config& c) { c.pipes[2].name = "2"; }, "there are two pipes '2'"},
      {[](Config& c) { c.nodes[2].name = ""; }, "a node has no name"},
      {[](Config& c) { c.nodes[1].height = 9999, c.pipes[0].length = 5000; }, "pipe '1': it cannot rise"},
      {[](Config& c) { c.nodes.push_back({.name = "alone"}); },
       "node 'alone' and what is connected with it have no supply that gives a pressure"},
      {[](Config& c) { c.supplies.clear(); }, "have no supply that gives a pressure"},
      {[](Config& c) { c.supplies[0].kind = GasSupplyConfig::Kind::flow; },
       "no supply that gives a pressure"},
      {[](Config& c) { c.supplies.push_back({.name = "second", .node = "1", .value = 30e5}); },
       "supply 'second': supply '1' gives node '1' its pressure already"},
      {[](Config& c) { c.supplies[0].value = -5; }, "supply '1': it needs a pressure between"},
      {[](Config& c) { c.demands[0].flow = -5; }, "demand '3': its flow must not be negative"},
      {[](Config& c) { c.demands[0].least_pressure = 0; }, "its least pressure must be positive"},
      {[](Config& c) { c.compressors[0].ratio = 0.5; }, "compressor '1': its ratio must lie between"},
      {[](Config& c) { c.compressors[0].most_ratio = 1; }, "its largest ratio must lie in (1, 100]"},
      {[](Config& c) { c.compressors[0].efficiency = 0; }, "its efficiency must lie in (0, 1]"},
      {[](Config& c) { c.compressors[0].mode = CompressorMode::discharge_pressure; },
       "its discharge pressure"},
      {[](Config& c) { c.valves[0].opening = 2; }, "valve 'v': its opening must lie in [0, 1]"},
      {[](Config& c) { c.valves[0].diameter = 0; }, "valve 'v': its diameter must lie"},
      {[](Config& c) { c.leaks[0].position = 70001; },
       "leak 'l': its position must lie on pipe '2', 0 … 70000 m, not 70001"},
      {[](Config& c) { c.leaks[0].pipe = "9"; }, "leak 'l': there is no pipe '9'"},
      {[](Config& c) { c.leaks[0].area = -1; }, "leak 'l': its area"},
      {[](Config& c) { c.gas.a_squared = 0; }, "gas: a² = Z R T / M must lie between"},
      {[](Config& c) { c.gas.temperature = 15; }, "gas: the temperature must lie between 100 K and 1000 K"},
      {[](Config& c) { c.pipes[1].length = 1e300; }, "pipe '2': its length must not exceed 100 000 km"},
      {[](Config& c) { c.pipes[1].length = 9e7, c.cell = 1; }, "pipe '2': with it the network has 9"},
      {[](Config& c) {
         c.valves[0] = {.name = "v", .from = "2", .to = "1", .kind = GasValveKind::short_pipe};
         c.supplies.push_back({.name = "two", .node = "2", .value = 30e5});
       },
       "valve 'v': a short pipe resists nothing, and joins the pressures that supplies"},
      {[](Config& c) { c.gas.b2 = -1e-9; }, "gas: b2 must not be negative"},
      {[](Config& c) { c.cell = 0; }, "the cell length must lie in"},
      {[](Config& c) { c.courant = 1; }, "the Courant number must lie in (0, 1)"},
  };
  for (const Case& c : cases) {
    INFO(c.message);
    const std::string message = refusal(c.spoil);
    if (*c.message == '\0') CHECK(message == "");
    CHECK(message.find(c.message) != std::string::npos);
  }
}

TEST_CASE("gas: what is fed in and cannot leave is said at the start, and later ends the run") {
  const auto trap = [](GasNetworkConfig& c) {
    c.nodes.push_back({.name = "shut"});
    c.valves.push_back({.name = "out", .from = "shut", .to = "2", .diameter = 0.3, .opening = 0});
    c.supplies.push_back({.name = "field", .node = "shut", .kind = GasSupplyConfig::Kind::flow, .value = 3});
  };
  CHECK(
      refusal(trap).find("no steady state: of the 3 kg/s that supply 'field' feeds in at node 'shut', 3 kg/s "
                         "cannot leave") != std::string::npos);
  GasNetworkConfig config = eight_nodes(ideal_gas(288.706, 0.6));
  trap(config);
  config.valves[0].opening = 1;
  GasRun run(config);
  run["valve.out.command"] = 0;
  run.to(3600);
  const std::string why = render(run.network->breakdown());
  CHECK(why.find(" the gas network cannot go on: the pressure at 'node.shut' is") != std::string::npos);
  CHECK(why.find("'supply.field' feeds in 3 kg/s that cannot leave") != std::string::npos);
}

TEST_CASE("gas: all that is wrong with a description is said at once") {
  const std::string message = refusal([](GasNetworkConfig& c) {
    c.pipes[0].length = 0;
    c.demands[0].flow = -1;
    c.cell = -1;
  });
  CHECK(message.find("pipe '1'") != std::string::npos);
  CHECK(message.find("demand '3'") != std::string::npos);
  CHECK(message.find("cell length") != std::string::npos);
}

TEST_CASE("gas: what a network cannot carry is not delivered") {
  // 400 kg/s over 100 km wants more than 65 bar; the customer gets what arrives at the least pressure.
  GasNetworkConfig config = one_pipe(100e3, 1000, 1000);
  config.demands[0].least_pressure = 10e5;
  GasRun run(config);
  const double delivered = run["demand.out.flow"], p = run["node.out.pressure"];
  CHECK(delivered < 450);
  CHECK(delivered == Approx(1000 * p / 10e5).epsilon(1e-6));
  CHECK(run["supply.in.flow"] == Approx(delivered).epsilon(1e-6));
  run.to(600);
  CHECK(run["demand.out.flow"] == Approx(delivered).epsilon(1e-6));
}

TEST_CASE("gas: parts that are shut off at the start stand still, and those behind an open valve do not") {
  GasNetworkConfig config = one_pipe(20000, 50, 1000);
  config.nodes.push_back({.name = "side"});
  config.nodes.push_back({.name = "end"});
  config.valves = {{.name = "v", .from = "out", .to = "side", .diameter = 0.5, .opening = 0}};
  config.pipes.push_back({.name = "side", .from = "side", .to = "end", .length = 5000, .diameter = 0.5});
  GasRun run(config);
  CHECK(run["node.end.pressure"] == Approx(65e5));
  config.demands.push_back({.name = "end", .node = "end", .flow = 10});
  GasRun dry(config);
  CHECK(dry["demand.end.flow"] < 1e-3);
  dry["valve.v.command"] = 1;
  dry.to(4 * 3600);
  CHECK(dry["demand.end.flow"] == 10);
  CHECK(dry["valve.v.flow"] == Approx(10).epsilon(1e-3));
  CHECK(dry["network.unsettled_steps"] == 0);
}

TEST_CASE("gas: a mesh of short pipes in which nothing is on the grid is solved as one") {
  // 12 × 12 streets of 90 m: 264 links, far more than are eliminated in a square array.
  GasNetworkConfig config;
  config.gas = ideal_gas(288.706, 0.6);
  constexpr int n = 12;
  const auto name = [](int i, int j) { return std::to_string(i) + "-" + std::to_string(j); };
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < n; ++j) {
      config.nodes.push_back({.name = name(i, j)});
      config.demands.push_back({.name = name(i, j), .node = name(i, j), .flow = 0.002});
      const auto pipe = [&](int k, int l) {
        config.pipes.push_back({.name = name(i, j) + ">" + name(k, l),
                                .from = name(i, j),
                                .to = name(k, l),
                                .length = 90,
                                .diameter = 0.1,
                                .law = FrictionLaw::hofer,
                                .roughness = 1e-4});
      };
      if (i + 1 < n) pipe(i + 1, j);
      if (j + 1 < n) pipe(i, j + 1);
    }
  config.supplies = {{.name = "gate", .node = "0-0", .value = 4e5}};
  GasRun run(config);
  CHECK(run["supply.gate.flow"] == Approx(n * n * 0.002).epsilon(1e-6));
  CHECK(run["node.3-8.pressure"] == Approx(run["node.8-3.pressure"]).epsilon(1e-9));
  CHECK(run["node.11-11.pressure"] < run["node.1-1.pressure"]);
  const double before = run["node.11-11.pressure"];
  run["demand.11-11.flow_wanted"] = 0.05;
  run.to(600);
  CHECK(run["node.11-11.pressure"] < before);
  CHECK(run["network.unsettled_steps"] == 0);
}

}  // namespace looptwin::sim::test
