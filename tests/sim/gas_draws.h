// Gas networks and disturbances that are drawn from seeds.
#pragma once

#include <string>

#include "sim/plants/gas_network.h"

namespace looptwin::sim::test {

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

/// A tree of all kinds of elements with chords. Two in `kinds` of them are stations and valves.
inline GasNetworkConfig network_of(Draws& draw, size_t kinds = 10) {
  GasNetworkConfig c;
  c.gas = draw.below(2) ? cnga_gas(draw.between(270, 310), draw.between(0.55, 0.7))
                        : ideal_gas(draw.between(270, 310), 0.6);
  c.cell = draw.between(200, 3000);
  const size_t n = 3 + draw.below(20);
  const auto join = [&](size_t from, size_t to) {
    const std::string a = std::to_string(from), b = std::to_string(to);
    const size_t kind = draw.below(kinds);
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
inline void disturb(GasNetwork& network, Draws& draw) {
  const auto ports = network.ports();
  const size_t i = draw.below(ports.size());
  if (ports[i].direction == PortDirection::out) return;
  double& value = network.values()[i];
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

}  // namespace looptwin::sim::test
