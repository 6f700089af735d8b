// What must hold on any gas network: the balance of mass, saving and restoring, the elements' behaviour.
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <vector>

#include "sim/plants/gas_properties.h"
#include "tests/sim/gas_cases.h"

namespace looptwin::sim::test {
namespace {

/// A loop with every kind of element, slopes, short pipes and re-dependent friction.
GasNetworkConfig everything() {
  GasNetworkConfig c;
  c.gas = cnga_gas(283, 0.62);
  c.cell = 800;
  for (const char* name : {"well", "a", "b", "c", "d", "e", "f", "g", "store"})
    c.nodes.push_back({.name = name});
  c.nodes[2].height = 120;
  c.nodes[4].height = -40;
  const auto pipe = [&](const char* name, const char* from, const char* to, double length, FrictionLaw law) {
    c.pipes.push_back({name, from, to, length, 0.5, law, 0.011, 2e-5});
  };
  pipe("ab", "a", "b", 12000, FrictionLaw::hofer);
  pipe("bc", "b", "c", 9000, FrictionLaw::chen);
  pipe("ad", "a", "d", 15500, FrictionLaw::fixed);
  pipe("dc", "d", "c", 300, FrictionLaw::nikuradse);  // shorter than a cell
  pipe("ef", "e", "f", 7000, FrictionLaw::swamee_jain);
  c.compressors = {{.name = "k",
                    .from = "well",
                    .to = "a",
                    .ratio = 1.3,
                    .most_power = 3e6,
                    .surge_flow = 0.4,
                    .surge_slope = 2e-6}};
  c.valves = {
      {.name = "v", .from = "c", .to = "e", .diameter = 0.4, .travel = seconds(40)},
      {.name = "check", .from = "store", .to = "f", .kind = GasValveKind::check_valve, .diameter = 0.3},
      {.name = "short", .from = "f", .to = "g", .kind = GasValveKind::short_pipe}};
  c.supplies = {{.name = "well", .node = "well", .value = 45e5},
                {.name = "store", .node = "store", .value = 30e5},
                {.name = "field", .node = "d", .kind = GasSupplyConfig::Kind::flow, .value = 6}};
  c.demands = {{.name = "town", .node = "c", .flow = 20, .least_pressure = 20e5},
               {.name = "mill", .node = "g", .flow = 25, .least_pressure = 25e5},
               {.name = "farm", .node = "g", .flow = 2}};
  c.leaks = {{.name = "mid", .pipe = "ab", .position = 5130},
             {.name = "end", .pipe = "ef", .position = 7000},
             {.name = "short", .pipe = "dc", .position = 100}};
  c.gauges = {{"m", "ab", 6000}, {"s", "dc", 150}};
  return c;
}

/// Things happen at odd times.
void disturb(GasRun& run, int second) {
  if (second == 100) run["leak.mid.area"] = 0.002;
  if (second == 200) run["valve.v.command"] = 0.0;
  if (second == 320) run["compressor.k.running"] = 0.0;
  if (second == 400) run["leak.end.area"] = 0.01, run["leak.short.withdrawal"] = 3;
  if (second == 500) run["valve.v.command"] = 1.0, run["compressor.k.running"] = 1.0;
  if (second == 600) run["demand.mill.flow_wanted"] = 60, run["leak.mid.area"] = 0;
  if (second == 700) run["supply.well.pressure_wanted"] = 40e5, run["supply.store.pressure_wanted"] = 34e5;
  if (second == 800) run["compressor.k.mode"] = 1, run["compressor.k.discharge_pressure_wanted"] = 50e5;
  if (second == 900) run["compressor.k.mode"] = 2, run["compressor.k.flow_wanted"] = 18;
}

bool same(std::span<const double> a, std::span<const double> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

/// The largest disturbance of the balance, relative to the gas in the network.
double imbalance(GasRun& run, double mass_at_start) {
  const double expected =
      mass_at_start + run["network.supplied"] - run["network.delivered"] - run["network.leaked"];
  return std::abs(run["network.linepack"] / expected - 1);
}

}  // namespace

TEST_CASE("gas: mass is neither made nor lost, whatever moves") {
  GasRun run(everything());
  const double mass = run["network.linepack"];
  for (int second = 1; second <= 1500; ++second) {
    disturb(run, second);
    run.to(second);
    REQUIRE(imbalance(run, mass) < 1e-12);
  }
  CHECK(run["network.leaked"] > 1000);
  CHECK(run["network.unsettled_steps"] == 0);
  // Each step as well: d(mass)/dt = supplies - demands - leaks of that step.
  const double dt = run.network->step().seconds();
  double before = run["network.linepack"];
  const auto first = static_cast<int64_t>(1500 / dt) + 2;
  run.to(static_cast<double>(first - 1) * dt);
  before = run["network.linepack"];
  for (int64_t k = first; k < first + 50; ++k) {
    run.network->advance(kStart + run.network->step() * k);
    const double now = run["network.linepack"];
    const double net = run["supply.well.flow"] + run["supply.store.flow"] + run["supply.field.flow"] -
                       run["demand.town.flow"] - run["demand.mill.flow"] - run["demand.farm.flow"] -
                       run["leak.mid.flow"] - run["leak.end.flow"] - run["leak.short.flow"];
    CHECK(now - before == Approx(net * dt).margin(1e-9 * now));
    before = now;
  }
}

TEST_CASE("gas: the pipes' and nodes' gas is the network's") {
  GasNetworkConfig config = everything();
  for (auto& node : config.nodes) node.volume = 1e-9;
  GasRun run(config);
  double sum = 0;
  for (const char* name : {"ab", "bc", "ad", "dc", "ef"})
    sum += run[std::string("pipe.") + name + ".linepack"];
  CHECK(sum == Approx(run["network.linepack"]).epsilon(1e-9));
}

TEST_CASE("gas: what flows into a pipe, less what flows out and leaks, is what its gas grows by") {
  GasNetworkConfig config = everything();
  config.leaks.push_back({.name = "start", .pipe = "ad", .position = 0});
  GasRun run(config);
  const double dt = run.network->step().seconds();
  const std::pair<const char*, std::vector<const char*>> pipes[] = {
      {"ab", {"mid"}}, {"bc", {}}, {"ad", {"start"}}, {"dc", {"short"}}, {"ef", {"end"}}};
  double most = 0;
  for (int64_t k = 1; k < 500; ++k) {
    std::vector<double> before;
    for (const auto& [pipe, leaks] : pipes) before.push_back(run[std::string("pipe.") + pipe + ".linepack"]);
    for (int second = static_cast<int>(dt * static_cast<double>(k - 1)) + 1;
         second <= dt * static_cast<double>(k); ++second)
      disturb(run, second);
    if (k == 300) run["leak.start.area"] = 0.005;
    run.network->advance(kStart + run.network->step() * k);
    for (size_t i = 0; i < before.size(); ++i) {
      const auto& [pipe, leaks] = pipes[i];
      const std::string name = std::string("pipe.") + pipe;
      INFO(name << " step " << k);
      double net = run[name + ".flow_in"] - run[name + ".flow_out"];
      for (const char* leak : leaks) net -= run[std::string("leak.") + leak + ".flow"];
      const double grown = (run[name + ".linepack"] - before[i]) / dt;
      REQUIRE(net == Approx(grown).margin(1e-12 * before[i] / dt).epsilon(1e-9));
      most = std::max(most, std::abs(net));
    }
  }
  CHECK(most > 10);
}

TEST_CASE("gas: the steady start stays as it is, with slopes, loops and a real gas") {
  GasRun run(everything());
  const std::vector<double> start(run.network->values().begin(), run.network->values().end());
  run.to(6 * 3600);
  const auto ports = run.network->ports();
  for (size_t i = 0; i < ports.size(); ++i) {
    if (ports[i].element == "network") continue;
    INFO(ports[i].name());
    CHECK(run.network->values()[i] == Approx(start[i]).epsilon(1e-6).margin(1e-4));
  }
}

TEST_CASE("gas: after every step a saved network goes on bit for bit") {
  GasRun run(everything());
  const Duration step = run.network->step();
  for (int k = 1; k <= 700; ++k) {
    disturb(run, k);
    // Between grid points, too: the inputs of the step under way are part of the state.
    run.network->advance(kStart + step * k + Duration{step.ns * (k % 3) / 3});
    if (k % 7 != 0) continue;
    ArchiveWriter writer;
    run.network->save(writer);
    GasRun copy(everything());
    ArchiveReader reader(writer.bytes());
    copy.network->restore(reader);
    REQUIRE(reader.ok());
    REQUIRE(reader.at_end());
    REQUIRE(same(copy.network->values(), run.network->values()));
    // The copy takes over; what it lost would show.
    const Time ahead = kStart + step * k + step * 9;
    GasRun other(everything());
    ArchiveReader again(writer.bytes());
    other.network->restore(again);
    copy.network->advance(ahead);
    other.network->advance(ahead);
    REQUIRE(same(copy.network->values(), other.network->values()));
    if (k == 350)
      run.network.swap(other.network), run.network->restore(again = ArchiveReader(writer.bytes()));
  }
}

TEST_CASE("gas: an archive of another network is refused") {
  GasRun run(everything());
  ArchiveWriter writer;
  run.network->save(writer);
  GasRun other(one_pipe(20000, 100, 1000));
  ArchiveReader reader(writer.bytes());
  other.network->restore(reader);
  CHECK_FALSE(reader.ok());
}

TEST_CASE("gas: advancing in parts equals advancing at once, and inputs act at the next grid point") {
  GasRun whole(everything()), parts(everything());
  for (int second = 50; second <= 1000; second += 50) {
    disturb(whole, second);
    disturb(parts, second);
    whole.to(second + 50);
    for (int i = 1; i <= 13; ++i) parts.to(second + 50.0 * i / 13);
    REQUIRE(same(whole.network->values(), parts.network->values()));
  }
  // Two inputs within one step act at the same grid point.
  GasRun early(one_pipe(20000, 100, 1000)), late(one_pipe(20000, 100, 1000));
  const double dt = early.network->step().seconds();
  early.to(10.1 * dt);
  early["demand.out.flow_wanted"] = 200;
  late.to(10.9 * dt);
  late["demand.out.flow_wanted"] = 200;
  early.to(11.5 * dt);
  CHECK(early["demand.out.flow"] == 100);
  early.to(20 * dt);
  late.to(20 * dt);
  CHECK(same(early.network->values(), late.network->values()));
  CHECK(early["demand.out.flow"] == 200);
}

TEST_CASE("gas: a front runs at the speed of sound and jumps by c Δq / A") {
  // Hardly any friction: Joukowsky's Δp = c Δφ.
  GasNetworkConfig config = one_pipe(50e3, 100, 100);
  config.pipes[0].friction = 1e-6;
  config.gauges = {{"near", "pipe", 49e3}, {"far", "pipe", 20e3}};
  GasRun run(config);
  const double c = std::sqrt(config.gas.a_squared), area = M_PI / 4 * 0.9144 * 0.9144;
  const double at_rest = run["gauge.far.pressure"];
  run["demand.out.flow_wanted"] = 0;
  // Behind the front a step rings on the grid, about the right value.
  double sum = 0, flow = 0;
  for (int i = 1; i <= 400; ++i) {
    run.to(10 + 0.1 * i);
    sum += (run["gauge.near.pressure"] - at_rest) / 400;
    flow += run["gauge.near.flow"] / 400;
  }
  CHECK(sum == Approx(c * 100 / area).epsilon(0.01));
  CHECK(std::abs(flow) < 1);
  double arrival = 0;
  for (double t = 70; t < 95 && arrival == 0; t += 0.25) {
    run.to(t);
    if (run["gauge.far.pressure"] > at_rest + c * 50 / area) arrival = t;
  }
  CHECK(arrival == Approx(30e3 / c).margin(1));
}

TEST_CASE("gas: a valve closes in its travel time, stops the flow, and the pressures part") {
  GasNetworkConfig config = one_pipe(20000, 60, 500);
  config.nodes.push_back({.name = "up"});
  config.nodes.push_back({.name = "down"});
  config.pipes[0].to = "up";
  config.pipes.push_back(
      {.name = "behind", .from = "down", .to = "out", .length = 20000, .diameter = 0.9144});
  config.valves = {{.name = "v", .from = "up", .to = "down", .diameter = 0.8, .travel = seconds(100)}};
  GasRun run(config);
  CHECK(run["valve.v.flow"] == Approx(60).epsilon(1e-6));
  run["valve.v.command"] = 0;
  run.to(50);
  CHECK(run["valve.v.opening"] == Approx(0.5).margin(0.03));
  CHECK(run["valve.v.flow"] > 40);
  run.to(105);
  CHECK(run["valve.v.opening"] == 0);
  CHECK(run["valve.v.flow"] == 0);
  run.to(1800);
  CHECK(run["node.up.pressure"] > 64e5);
  CHECK(run["node.down.pressure"] < 62e5);
  CHECK(run["demand.out.flow"] == 60);
  // Shut in, the customer empties the pipe and then gets less, but never suction.
  run.to(3 * 86400);
  CHECK(run["demand.out.flow"] < 1);
  CHECK(run["node.out.pressure"] > 0);
  CHECK(run["node.out.pressure"] < 1e5);
  CHECK(run["network.unsettled_steps"] == 0);
}

TEST_CASE("gas: flow turns round when the pressures do") {
  GasNetworkConfig config = one_pipe(30000, 0, 1000);
  config.demands.clear();
  config.supplies.push_back({.name = "out", .node = "out", .value = 64e5});
  GasRun run(config);
  const double forward = run["pipe.pipe.flow_in"];
  CHECK(forward > 50);
  CHECK(run["supply.out.flow"] == Approx(-forward));
  run["supply.in.pressure_wanted"] = 64e5;
  run["supply.out.pressure_wanted"] = 65e5;
  run.to(7200);
  CHECK(run["pipe.pipe.flow_in"] == Approx(-forward).epsilon(1e-6));
  CHECK(run["pipe.pipe.flow_out"] == Approx(-forward).epsilon(1e-6));
}

TEST_CASE("gas: a check valve passes one way only, and a tripped station is one") {
  GasNetworkConfig config = one_pipe(10000, 0, 1000);
  config.nodes.push_back({.name = "far"});
  config.demands.clear();
  config.valves = {
      {.name = "c", .from = "out", .to = "far", .kind = GasValveKind::check_valve, .diameter = 0.5}};
  config.supplies.push_back({.name = "far", .node = "far", .value = 64e5});
  GasRun run(config);
  CHECK(run["valve.c.flow"] > 10);
  run["supply.far.pressure_wanted"] = 70e5;
  run.to(3600);
  CHECK(run["valve.c.flow"] == 0);
  CHECK(run["node.out.pressure"] == Approx(65e5).epsilon(1e-3));

  GasNetworkConfig station = config;
  station.valves.clear();
  station.compressors = {{.name = "k", .from = "out", .to = "far", .ratio = 1.2, .most_ratio = 1.5}};
  station.supplies[1].value = 70e5;
  GasRun boosted(station);
  CHECK(boosted["compressor.k.flow"] > 50);
  CHECK(boosted["compressor.k.ratio"] == Approx(1.2).epsilon(1e-6));
  boosted["compressor.k.running"] = 0;
  boosted.to(60);
  CHECK(boosted["compressor.k.flow"] == 0);
  CHECK(boosted["compressor.k.power"] == 0);
  boosted["supply.far.pressure_wanted"] = 60e5;
  boosted.to(3600);
  CHECK(boosted["compressor.k.flow"] > 50);
  CHECK(boosted["compressor.k.ratio"] == Approx(1).epsilon(1e-5));
}

namespace {

GasNetworkConfig with_station(double flow) {
  GasNetworkConfig config = one_pipe(30000, flow, 1000);
  config.nodes.push_back({.name = "suction"});
  config.supplies[0] = {.name = "in", .node = "suction", .value = 50e5};
  config.compressors = {{.name = "k", .from = "suction", .to = "in", .ratio = 1.3}};
  return config;
}

}  // namespace

TEST_CASE("gas: a station holds what it is told to, within its driver's power") {
  GasRun run(with_station(150));
  const double cp_t = 1.3 / 0.3 * ideal_gas(288.706, 0.6).a_squared;
  const double power = 150 * cp_t / 0.8 * (std::pow(1.3, 0.3 / 1.3) - 1);
  CHECK(run["compressor.k.power"] == Approx(power).epsilon(1e-6));
  run["compressor.k.mode"] = 1;
  run["compressor.k.discharge_pressure_wanted"] = 70e5;
  run.to(3600);
  CHECK(run["node.in.pressure"] == Approx(70e5).epsilon(1e-6));
  run["compressor.k.mode"] = 2;
  run["compressor.k.flow_wanted"] = 155;
  run.to(3700);
  CHECK(run["compressor.k.flow"] == Approx(155).epsilon(1e-6));

  GasNetworkConfig weak = with_station(150);
  weak.compressors[0].most_power = power / 2;
  GasRun limited(weak);
  CHECK(limited["compressor.k.power"] == Approx(power / 2).epsilon(1e-6));
  const double ratio = std::pow(1 + power / 2 * 0.8 / (150 * cp_t), 1.3 / 0.3);
  CHECK(limited["compressor.k.ratio"] == Approx(ratio).epsilon(1e-6));
  limited.to(600);
  CHECK(limited["compressor.k.power"] == Approx(power / 2).epsilon(1e-4));
  // A demand that rises makes the flow rise and the ratio fall at full power, in every step.
  limited["demand.out.flow_wanted"] = 220;
  for (int t = 610; t <= 4000; t += 10) {
    limited.to(t);
    REQUIRE(limited["compressor.k.power"] == Approx(power / 2).epsilon(1e-4));
  }
  CHECK(limited["compressor.k.ratio"] < ratio - 0.03);
}

TEST_CASE("gas: near surge a station recycles, or trips after its delay and stays so until it is stopped") {
  GasNetworkConfig config = with_station(20);
  config.compressors[0].surge_flow = 1;  // m³/s: some 36 kg/s at 50 bar
  GasRun run(config);
  CHECK(run["compressor.k.surge_margin"] == Approx(0).margin(1e-9));
  const double cp_t = 1.3 / 0.3 * ideal_gas(288.706, 0.6).a_squared;
  const double through = 50e5 / ideal_gas(288.706, 0.6).a_squared;
  CHECK(run["compressor.k.power"] ==
        Approx(through * cp_t / 0.8 * (std::pow(1.3, 0.3 / 1.3) - 1)).epsilon(1e-5));

  config.compressors[0].recycles = false;
  config.compressors[0].trip_delay = seconds(30);
  config.demands[0].flow = 60;
  GasRun trips(config);
  CHECK(trips["compressor.k.surge_margin"] > 0.5);
  trips["demand.out.flow_wanted"] = 5;
  trips.to(90);
  CHECK(trips["compressor.k.tripped"] == 0);  // the linepack takes up the difference for a while
  trips.to(4 * 3600);
  CHECK(trips["compressor.k.tripped"] == 1);
  CHECK(trips["compressor.k.flow"] < 10);
  trips["demand.out.flow_wanted"] = 100;
  trips.to(12 * 3600);
  CHECK(trips["compressor.k.tripped"] == 1);
  trips["compressor.k.running"] = 0;
  trips.to(12 * 3600 + 60);
  trips["compressor.k.running"] = 1;
  trips.to(13 * 3600);
  CHECK(trips["compressor.k.tripped"] == 0);
  CHECK(trips["compressor.k.ratio"] == Approx(1.3).epsilon(1e-6));
}

TEST_CASE("gas: a hole blows as an orifice does, choked and not") {
  GasConfig config = ideal_gas(288.706, 0.6);
  const Gas gas(config);
  // 0.66726 p / a: 10772 kg/s/m² at 60 bar with γ = 1.3.
  CHECK(gas.orifice_flux(60e5) == Approx(10772).epsilon(1e-4));
  CHECK(gas.orifice_flux(config.ambient) == 0);
  CHECK(gas.orifice_flux(0.5 * config.ambient) == 0);
  // Both formulas meet at the critical pressure, and the incompressible one is near at small differences.
  const double critical = config.ambient / std::pow(2 / 2.3, 1.3 / 0.3);
  CHECK(gas.orifice_flux(critical * 0.999999) == Approx(gas.orifice_flux(critical * 1.000001)).epsilon(1e-5));
  const double p = config.ambient * 1.01, rho = p / config.a_squared;
  CHECK(gas.orifice_flux(p) == Approx(std::sqrt(2 * rho * 0.01 * config.ambient)).epsilon(0.01));

  GasNetworkConfig network = one_pipe(20000, 50, 500);
  network.leaks = {{.name = "hole", .pipe = "pipe", .position = 10250, .discharge = 0.85}};
  network.gauges = {{"there", "pipe", 10250}};
  GasRun run(network);
  run["leak.hole.area"] = 1e-3;
  run.to(7200);
  CHECK(run["leak.hole.flow"] ==
        Approx(0.85e-3 * gas.orifice_flux(run["gauge.there.pressure"])).epsilon(1e-3));
  CHECK(run["supply.in.flow"] == Approx(50 + run["leak.hole.flow"]).epsilon(1e-4));
}

TEST_CASE("gas: a line that breaks at full bore empties to the ambient and no further") {
  GasNetworkConfig config = one_pipe(20000, 50, 250);
  config.demands[0].least_pressure = 10e5;
  config.valves = {{.name = "v", .from = "in", .to = "start", .diameter = 0.8, .travel = seconds(60)}};
  config.nodes.push_back({.name = "start"});
  config.pipes[0].from = "start";
  config.leaks = {{.name = "break", .pipe = "pipe", .position = 8000, .discharge = 1}};
  GasRun run(config);
  const double mass = run["network.linepack"];
  run["leak.break.area"] = 2 * M_PI / 4 * 0.9144 * 0.9144;
  run.to(1);
  CHECK(run["leak.break.flow"] > 2000);
  run.to(30);
  run["valve.v.command"] = 0;
  run["demand.out.flow_wanted"] = 0;
  run.to(3 * 3600);
  CHECK(run["node.start.pressure"] == Approx(101325).epsilon(0.03));
  CHECK(run["node.out.pressure"] == Approx(101325).epsilon(0.03));
  CHECK(run["leak.break.flow"] >= 0);
  CHECK(imbalance(run, mass) < 1e-10);
  CHECK(run["network.unsettled_steps"] == 0);
}

TEST_CASE("gas: gas in a column weighs what the barometric formula says") {
  GasNetworkConfig config = one_pipe(20000, 0, 500);
  config.nodes[1].height = 1500;
  config.demands[0].flow = 0;
  GasRun run(config);
  const double expected = 65e5 * std::exp(-9.80665 * 1500 / config.gas.a_squared);
  CHECK(run["node.out.pressure"] == Approx(expected).epsilon(1e-6));
  run.to(3600);
  CHECK(run["node.out.pressure"] == Approx(expected).epsilon(1e-6));
  CHECK(std::abs(run["supply.in.flow"]) < 1e-3);
}

TEST_CASE("gas: an input that is no number changes nothing, one out of range counts as the nearest in it") {
  GasRun run(one_pipe(20000, 100, 1000)), plain(one_pipe(20000, 100, 1000));
  run["demand.out.flow_wanted"] = std::nan("");
  run["supply.in.pressure_wanted"] = INFINITY;
  run.to(600);
  plain.to(600);
  CHECK(run["node.out.pressure"] == plain["node.out.pressure"]);
  run["demand.out.flow_wanted"] = -100;
  run.to(1200);
  CHECK(run["demand.out.flow"] == 0);
}

TEST_CASE("gas: a finer grid comes to the same, and step lengths are those of the cells") {
  double last = 0;
  for (const double cell : {2000.0, 1000.0, 500.0}) {
    GasRun run(eight_nodes(cnga_gas(288.706, 0.6), cell));
    CHECK(run.network->step().seconds() == Approx(0.9 * cell / 371.67).epsilon(2e-3));
    run["demand.5.flow_wanted"] = 150;
    run.to(3600);
    if (last != 0) CHECK(run["node.5.pressure"] == Approx(last).epsilon(3e-4));
    last = run["node.5.pressure"];
  }
}

}  // namespace looptwin::sim::test
