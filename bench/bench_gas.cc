// Gas networks as coupled plants. Workload: a day of the 8-node network of Gyrya and Zlotnik (2019; 240 km of
// pipe, three stations, GasTranSim.jl's example) with cells of 1 km and of 250 m; a day of a 400 km line in
// 40 pipes of a real gas. Outputs are published every second. Reference: the goals of 2 s and 10 s of one
// thread.
#include "base/check.h"
#include "bench/bench.h"
#include "sim/plants/gas_network.h"

namespace looptwin::bench {
namespace {

using sim::GasNetworkConfig;

GasNetworkConfig eight_nodes(double cell) {
  GasNetworkConfig c;
  c.gas = sim::ideal_gas(288.706, 0.6);
  c.cell = cell;
  for (int i = 1; i <= 8; ++i) c.nodes.push_back({.name = std::to_string(i)});
  const auto pipe = [&](const char* from, const char* to, double diameter, double km, double friction) {
    c.pipes.push_back({.name = std::to_string(c.pipes.size() + 1),
                       .from = from,
                       .to = to,
                       .length = km * 1000,
                       .diameter = diameter,
                       .friction = friction});
  };
  pipe("6", "2", 0.9144, 20, 0.01);
  pipe("7", "3", 0.9144, 70, 0.01);
  pipe("3", "4", 0.9144, 10, 0.01);
  pipe("2", "4", 0.635, 60, 0.015);
  pipe("8", "5", 0.9144, 80, 0.01);
  c.compressors = {{.name = "1", .from = "1", .to = "6", .ratio = 1.258},
                   {.name = "2", .from = "2", .to = "7", .ratio = 1.272},
                   {.name = "3", .from = "4", .to = "8", .ratio = 1.219}};
  c.supplies = {{.name = "1", .node = "1", .value = 34.47e5}};
  c.demands = {{.name = "3", .node = "3", .flow = 150}, {.name = "5", .node = "5", .flow = 125}};
  return c;
}

GasNetworkConfig line() {
  GasNetworkConfig c;
  c.gas = sim::cnga_gas(288.706, 0.6);
  c.cell = 1000;
  c.nodes.push_back({.name = "0"});
  for (int i = 1; i <= 40; ++i) {
    const std::string from = std::to_string(i - 1), to = std::to_string(i);
    c.nodes.push_back({.name = to});
    c.pipes.push_back({.name = to, .from = from, .to = to, .length = 10e3, .diameter = 1.2});
  }
  c.supplies = {{.name = "in", .node = "0", .value = 80e5}};
  c.demands = {{.name = "out", .node = "40", .flow = 200}};
  return c;
}

/// CPU seconds of `until` of the plant's time, in advances of one second.
double run(const GasNetworkConfig& config, Duration until) {
  auto made = sim::GasNetwork::make(config);
  LT_CHECK(made.has_value());
  sim::CoupledPlant& plant = **made;
  return time_of([&] {
    for (Time t = kStart; t <= kStart + until; t = t + seconds(1)) plant.advance(t);
    keep(plant.values().back());
  });
}

}  // namespace
}  // namespace looptwin::bench

int main(int argc, char** argv) {
  using namespace looptwin;
  using namespace looptwin::bench;
  const Options options = parse(argc, argv);
  Report report(options);
  const Duration until = options.quick ? minutes(5) : days(1);
  // The goals are for a day.
  const double part = until.seconds() / days(1).seconds();
  const auto row = [&](const std::string& name, const GasNetworkConfig& config, double goal) {
    if (report.wants(name)) report.row(name, run(config, until), "s", goal * part, Better::lower);
  };
  row("8 nodes, cells of 1 km", eight_nodes(1000), 2);
  row("8 nodes, cells of 250 m", eight_nodes(250), 2);
  row("400 km in 40 pipes, cells of 1 km", line(), 10);
  return 0;
}
