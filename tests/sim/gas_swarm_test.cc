// Networks drawn from seeds: whatever they are, they come to rest, keep their mass, and go on from an
// archive.
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <vector>

#include "base/simd.h"
#include "sim/plants/gas_kernels.h"
#include "tests/sim/gas_cases.h"

namespace looptwin::sim::test {
namespace {

/// A stream of draws, SplitMix64.
class Draws {
 public:
  explicit Draws(uint64_t seed) : state_(seed) {}
  uint64_t next() {
    uint64_t x = state_ += 0x9e3779b97f4a7c15;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
  }
  size_t below(size_t n) { return next() % n; }
  double between(double low, double high) {
    return low + (high - low) * static_cast<double>(next() >> 11) * 0x1p-53;
  }

 private:
  uint64_t state_;
};

/// A tree of all kinds of elements with chords.
GasNetworkConfig network_of(Draws& draw) {
  GasNetworkConfig c;
  c.gas = draw.below(2) ? cnga_gas(draw.between(270, 310), draw.between(0.55, 0.7))
                        : ideal_gas(draw.between(270, 310), 0.6);
  c.cell = draw.between(200, 3000);
  const size_t n = 3 + draw.below(20);
  const auto join = [&](size_t from, size_t to) {
    const std::string a = std::to_string(from), b = std::to_string(to);
    const size_t kind = draw.below(10);
    if (kind == 0) {
      c.compressors.push_back({.name = std::to_string(c.compressors.size()), .from = a, .to = b});
      auto& station = c.compressors.back();
      station.mode = static_cast<CompressorMode>(draw.below(3));
      station.ratio = draw.between(1, 1.6);
      station.discharge_pressure = draw.between(30e5, 80e5);
      station.flow = draw.between(0, 60);
      station.most_power = draw.between(1e5, 2e7);
      station.surge_flow = draw.below(2) ? draw.between(0, 1) : 0;
      station.surge_slope = draw.below(2) ? 1e-5 : 0;
      station.recycles = draw.below(2) == 0;
      station.ramp = seconds(static_cast<int64_t>(draw.below(60)));
    } else if (kind == 1) {
      c.valves.push_back({.name = std::to_string(c.valves.size()),
                          .from = a,
                          .to = b,
                          .kind = static_cast<GasValveKind>(draw.below(3)),
                          .diameter = draw.between(0.2, 0.9),
                          .opening = draw.between(0, 1),
                          .travel = seconds(static_cast<int64_t>(draw.below(100)))});
    } else {
      const double length = draw.below(3) ? draw.between(2000, 40e3) : draw.between(5, 800);
      c.pipes.push_back({std::to_string(c.pipes.size()), a, b, length, draw.between(0.2, 1),
                         static_cast<FrictionLaw>(draw.below(6)), draw.between(0.008, 0.02),
                         draw.between(1e-6, 1e-4)});
      if (draw.below(3) == 0)
        c.leaks.push_back({.name = std::to_string(c.leaks.size()),
                           .pipe = c.pipes.back().name,
                           .position = draw.between(0, length)});
    }
  };
  for (size_t i = 0; i < n; ++i) {
    // A rise of a metre at most fits every pipe.
    c.nodes.push_back({.name = std::to_string(i), .height = draw.between(0, 2)});
    if (i > 0) join(draw.below(i), i);
    if (draw.below(3) == 0)
      c.demands.push_back({.name = std::to_string(c.demands.size()),
                           .node = std::to_string(i),
                           .flow = draw.between(0, 30),
                           .least_pressure = draw.between(1e5, 40e5)});
  }
  for (size_t k = draw.below(n); k > 0; --k) {
    const size_t a = draw.below(n), b = draw.below(n);
    if (a != b) join(a, b);
  }
  c.supplies.push_back({.name = "first", .node = "0", .value = draw.between(40e5, 80e5)});
  if (draw.below(2)) c.supplies.push_back({.name = "last", .node = std::to_string(n - 1), .value = 45e5});
  if (draw.below(2))
    c.supplies.push_back({.name = "field",
                          .node = std::to_string(draw.below(n)),
                          .kind = GasSupplyConfig::Kind::flow,
                          .value = draw.between(0, 5)});
  return c;
}

/// Turns something.
void disturb(GasRun& run, Draws& draw) {
  const auto ports = run.network->ports();
  const size_t i = draw.below(ports.size());
  if (ports[i].direction == PortDirection::out) return;
  double& value = run.network->values()[i];
  const std::string& quantity = ports[i].quantity;
  if (quantity == "area") value = draw.below(2) ? draw.between(0, 0.02) : 0;
  if (quantity == "withdrawal") value = draw.between(0, 5);
  if (quantity == "command") value = draw.below(3) == 0 ? draw.between(0, 1) : draw.below(2);
  if (quantity == "running") value = draw.below(2);
  if (quantity == "mode") value = draw.below(3);
  if (quantity == "flow_wanted") value = draw.between(0, 40);
  if (quantity == "pressure_wanted") value = draw.between(30e5, 80e5);
  if (quantity == "discharge_pressure_wanted") value = draw.between(20e5, 90e5);
}

}  // namespace

TEST_CASE("gas swarm: networks come to rest, keep their mass, and go on from an archive") {
  int restless = 0, networks = 0;
  double steps = 0, unsettled = 0;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    INFO("seed " << seed);
    Draws draw(seed);
    const GasNetworkConfig config = network_of(draw);
    if (const auto made = GasNetwork::make(config); !made) {
      // A solver's limit, never a mistake in the description.
      CHECK(render(made.error()).find("no steady state") != std::string::npos);
      ++restless;
      continue;
    }
    GasRun run(config);
    const double mass = run["network.linepack"];
    for (int i = 1; i <= 60; ++i) {
      for (int k = 0; k < 5; ++k) disturb(run, draw);
      run.to(20.0 * i);
    }
    const double booked = mass + run["network.supplied"] - run["network.delivered"] - run["network.leaked"];
    CHECK(run["network.linepack"] == Approx(booked).epsilon(1e-9));
    steps += 1200 / run.network->step().seconds();
    unsettled += run["network.unsettled_steps"];
    if (run["network.unsettled_steps"] > 0) ++networks;
    for (const GasNodeConfig& node : config.nodes) {
      CHECK(run["node." + node.name + ".pressure"] > 0);
      CHECK(run["node." + node.name + ".pressure"] < 1e9);
    }
    ArchiveWriter writer;
    run.network->save(writer);
    GasRun copy(config);
    ArchiveReader reader(writer.bytes());
    copy.network->restore(reader);
    REQUIRE(reader.ok());
    run.to(1300);
    copy.to(1300);
    const auto a = run.network->values(), b = copy.network->values();
    CHECK(std::memcmp(a.data(), b.data(), a.size_bytes()) == 0);
  }
  // Extreme draws (stations into dead ends of 0.1 m³, check valves against each other) may find Newton's
  // method at a loss; docs/plants.md says so. More of them than today is a step back.
  CHECK(restless <= 5);
  CHECK(networks <= 6);
  CHECK(unsettled <= 0.004 * steps);
}

TEST_CASE("gas swarm: the pipes' loops give equal bits at every vector width") {
  constexpr size_t n = 1003;
  Draws draw(7);
  std::vector<double> drive(n), friction(n), slope(n), limit(n), gain(n), p(n + 1), rho(n + 1), flux(n);
  for (size_t i = 0; i < n; ++i) {
    drive[i] = draw.between(0, 1e-2), friction[i] = draw.between(0, 0.02), slope[i] = draw.between(-1, 1);
    limit[i] = draw.between(100, 300), gain[i] = draw.between(0, 1e-2);
    flux[i] = draw.between(-300, 300);
  }
  for (size_t i = 0; i <= n; ++i) p[i] = draw.between(1e5, 8e6), rho[i] = draw.between(1, 60);
  std::vector<std::vector<double>> results;
  for (const Simd width : {Simd::v2, Simd::v3, Simd::v4}) {
    if (width > simd()) continue;
    auto f = flux, d = rho, q = p;
    const GasKernels& kernels = gas_kernels(width);
    const GasFaces faces{drive.data(), friction.data(), slope.data(), limit.data()};
    kernels.flux(faces, 3.6e-6, 1e-13, q.data(), d.data(), f.data(), n);
    kernels.density(gain.data(), f.data(), 138138, 1.003, 3e-8, d.data(), q.data(), n);
    kernels.density(gain.data(), f.data(), 138138, 1, 0, d.data(), q.data(), n);
    f.insert(f.end(), d.begin(), d.end());
    f.insert(f.end(), q.begin(), q.end());
    results.push_back(f);
    CHECK(std::memcmp(f.data(), results[0].data(), f.size() * sizeof(double)) == 0);
  }
}

}  // namespace looptwin::sim::test
