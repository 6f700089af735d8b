#include "sim/plants/gas_steady.h"

#include <fmt/format.h>
#include <algorithm>
#include <cmath>

namespace looptwin::sim {

namespace {

// m³/s per node: next to nothing, yet it gives parts without a supply a pressure.
constexpr double kStorage = 1e-10;
constexpr double kFirstFlux = 100;  // kg/m²/s: some metres per second
constexpr double kSettled = 1e-11;  // of the pressure
constexpr double kOfAccount = 1e3;  // Pa: parts that demands have emptied are as good as equal below
constexpr double kVacuum = 1;       // Pa, the least pressure of such a part
constexpr int kRounds = 40;         // of corrections
constexpr int kNewtonRounds = 100;

double resistance(const Gas& gas, const GasGrid::Pipe& pipe) {
  return pipe.friction * pipe.config.length * gas.a_squared() /
         (2 * pipe.config.diameter * pipe.area * pipe.area);
}

/// What makes the pipe's equation hold between a state at its start and the marched one at its end.
double correction(const Gas& gas, const GasLink& link, double from, double to, double flow) {
  GasLink plain = link;
  plain.correction = 0;
  const GasLinkEnd ends[] = {{gas.potential(from), from, gas.density(from)},
                             {gas.potential(to), to, gas.density(to)}};
  return evaluate(gas, plain, ends[0], ends[1], flow).f;
}

void start_flat(const Gas& gas, GasNodes& nodes) {
  double sum = 0, count = 0;
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (!nodes.fixed[i]) continue;
    sum += nodes.pressure[i];
    count += 1;
  }
  LT_CHECK(count > 0);
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (!nodes.fixed[i]) nodes.pressure[i] = sum / count;
    nodes.storage[i] = kStorage;
    nodes.before[i] = gas.density(sum / count);
  }
}

}  // namespace

Diagnostics solve_steady(const Gas& gas, GasNodes& nodes, std::vector<GasLink>& links,
                         std::vector<double>& flows, GasGrid& grid, std::span<const GasGridEnds> pipes,
                         const std::function<void()>& refresh) {
  start_flat(gas, nodes);
  const size_t link_count = links.size();
  std::fill(flows.begin(), flows.end(), 0.0);
  refresh();
  // For now pipes are links, too; they go behind the links proper, whose places others know.
  std::vector<GasLink> all = links;
  std::vector<double> all_flows = flows;
  for (size_t i = 0; i < pipes.size(); ++i) {
    GasLink link;
    link.from = pipes[i].from;
    link.to = pipes[i].to;
    link.rise = pipes[i].rise;
    link.resistance = resistance(gas, grid.pipe(i));
    all.push_back(link);
    all_flows.push_back(kFirstFlux * grid.pipe(i).area);
  }
  std::vector<uint32_t> free_nodes, link_indices(all.size());
  for (uint32_t i = 0; i < nodes.size(); ++i)
    if (!nodes.fixed[i]) free_nodes.push_back(i);
  for (uint32_t i = 0; i < all.size(); ++i) link_indices[i] = i;
  GasFlowSystem system(std::move(free_nodes), std::move(link_indices), nodes, all);

  bool settled = false;
  double worst = 0;
  for (int round = 0; round < kRounds && !settled; ++round) {
    const bool solved =
        system.solve(gas, all, nodes, all_flows, GasFlowSystem::Unknown::potential, kNewtonRounds);
    std::copy_n(all_flows.begin(), link_count, flows.begin());
    const std::vector<GasLink> previous = links;
    refresh();
    worst = 0;
    for (size_t i = 0; i < link_count; ++i) {
      if (links[i].resistance != previous[i].resistance)
        worst = std::max(worst, std::abs(links[i].resistance / previous[i].resistance - 1));
      if (links[i].recycled_to != previous[i].recycled_to)
        worst = std::max(worst, std::abs(links[i].recycled_to - previous[i].recycled_to) /
                                    std::max(links[i].recycled_to, previous[i].recycled_to));
      all[i] = links[i];
    }
    for (size_t i = 0; i < pipes.size(); ++i) {
      GasLink& link = all[link_count + i];
      const double from = std::max(nodes.pressure[pipes[i].from], kVacuum);
      const double to = std::max(nodes.pressure[pipes[i].to], kVacuum);
      const double flow = all_flows[link_count + i];
      const double end = grid.set_steady(i, from, flow);
      link.resistance = resistance(gas, grid.pipe(i));
      worst = std::max(worst, std::abs(end - to) / std::max(to, kOfAccount));
      link.correction = correction(gas, link, from, end, flow);
    }
    settled = solved && worst <= kSettled;
  }
  for (double& p : nodes.pressure) p = std::max(p, kVacuum);
  // The last digits may not settle; what is left then is a start that moves by as little.
  if (settled || worst < 1e-7) return {};
  return {{Severity::error, Span{}, "the network has no steady state that could be found",
           "make demands smaller, or pressures and diameters larger: friction may take more than there is"}};
}

}  // namespace looptwin::sim
