// Networks that several tests of the gas plant use, and a way to read and write its ports by name.
#pragma once

#include <catch2/catch.hpp>
#include <cmath>
#include <string>

#include "sim/plants/gas_network.h"

namespace looptwin::sim::test {

/// A plant with its ports by name; a wrong name is a failed test.
class GasRun {
 public:
  explicit GasRun(const GasNetworkConfig& config) {
    auto made = GasNetwork::make(config);
    if (!made) FAIL(render(made.error()));
    network = std::move(*made);
  }
  double& operator[](const std::string& port) {
    const auto found = find_port(*network, port);
    if (!found) FAIL(render(found.error()));
    return network->values()[*found];
  }
  void to(double seconds_from_start) { network->advance({std::llround(seconds_from_start * 1e9)}); }
  std::unique_ptr<GasNetwork> network;
};

/// The 8-node network of Gyrya and Zlotnik (2019) as GasTranSim.jl's examples have it (MIT licence), with
/// the compressor ratios of the steady case of GasSteadySim.jl.
inline GasNetworkConfig eight_nodes(const GasConfig& gas, double cell = 1000) {
  GasNetworkConfig c;
  c.gas = gas;
  c.cell = cell;
  for (int i = 1; i <= 8; ++i) c.nodes.push_back({.name = std::to_string(i)});
  const auto pipe = [&](const char* name, const char* from, const char* to, double d, double km, double f) {
    c.pipes.push_back(
        {.name = name, .from = from, .to = to, .length = km * 1000, .diameter = d, .friction = f});
  };
  pipe("1", "6", "2", 0.9144, 20, 0.01);
  pipe("2", "7", "3", 0.9144, 70, 0.01);
  pipe("3", "3", "4", 0.9144, 10, 0.01);
  pipe("4", "2", "4", 0.635, 60, 0.015);
  pipe("5", "8", "5", 0.9144, 80, 0.01);
  const auto station = [&](const char* name, const char* from, const char* to, double ratio) {
    c.compressors.push_back({.name = name, .from = from, .to = to, .ratio = ratio});
  };
  station("1", "1", "6", 4336678.178773767 / 3447378.4395202203);
  station("2", "2", "7", 4674232.346893129 / 3675365.138494121);
  station("3", "4", "8", 3659254.49637917 / 3001178.6872863104);
  c.supplies.push_back({.name = "1", .node = "1", .value = 3447378.4395202203});
  c.demands.push_back({.name = "3", .node = "3", .flow = 150});
  c.demands.push_back({.name = "5", .node = "5", .flow = 124.9999828});
  return c;
}

/// One level pipe of 0.9144 m with λ = 0.01 from a supply at 65 bar to a demand: "in", "pipe", "out".
inline GasNetworkConfig one_pipe(double length, double flow, double cell) {
  GasNetworkConfig c;
  c.gas = ideal_gas(288.706, 0.6);
  c.cell = cell;
  c.nodes = {{.name = "in"}, {.name = "out"}};
  c.pipes = {{.name = "pipe", .from = "in", .to = "out", .length = length, .diameter = 0.9144}};
  c.supplies = {{.name = "in", .node = "in", .value = 65e5}};
  c.demands = {{.name = "out", .node = "out", .flow = flow}};
  return c;
}

}  // namespace looptwin::sim::test
