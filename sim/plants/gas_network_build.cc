// How a gas network comes to be: from a checked description to columns, links and clusters, at rest.
#include <fmt/format.h>
#include <algorithm>
#include <cmath>

#include "sim/plants/gas_network.h"

namespace looptwin::sim {

namespace {

constexpr double kGravity = 9.80665;

double area_of(double diameter) { return M_PI / 4 * diameter * diameter; }

Duration step_of(const GasNetworkConfig& config) {
  const double seconds = config.courant * config.cell / Gas(config.gas).sound();
  return {static_cast<int64_t>(std::floor(seconds * 1e9))};
}

}  // namespace

Result<std::unique_ptr<GasNetwork>> GasNetwork::make(const GasNetworkConfig& config) {
  const auto topology = resolve(config);
  if (!topology) return tl::make_unexpected(topology.error());
  if (step_of(config) < microseconds(1)) return failure("the network's step would be shorter than 1 µs");
  std::unique_ptr<GasNetwork> network(new GasNetwork(config));
  network->build(config, *topology);
  if (auto problems = network->start(config); has_errors(problems))
    return tl::make_unexpected(std::move(problems));
  return network;
}

GasNetwork::GasNetwork(const GasNetworkConfig& config)
    : gas_(config.gas), step_(step_of(config)), seconds_(step_.seconds()), grid_(gas_, seconds_) {}

void GasNetwork::build(const GasNetworkConfig& config, const GasTopology& topology) {
  const size_t n = config.nodes.size();
  nodes_.resize(n);
  balance_.resize(n);
  share_.assign(n, 1);
  for (const GasNodeConfig& node : config.nodes) volume_.push_back(node.volume);

  for (size_t i = 0; i < config.compressors.size(); ++i) {
    GasLink link;
    link.kind = GasLink::Kind::boost;
    link.from = topology.compressors[i].from;
    link.to = topology.compressors[i].to;
    Station station{GasStation(config.compressors[i])};
    station.link = links_.size();
    stations_.push_back(station);
    links_.push_back(link);
  }
  for (size_t i = 0; i < config.valves.size(); ++i) {
    const GasValveConfig& valve = config.valves[i];
    GasLink link;
    link.kind = valve.kind == GasValveKind::check_valve ? GasLink::Kind::one_way : GasLink::Kind::resistance;
    link.from = topology.valves[i].from;
    link.to = topology.valves[i].to;
    const double area = area_of(valve.diameter);
    const bool is_short = valve.kind == GasValveKind::short_pipe;
    // Δp = ζ ρ v² / 2, times a² ρ as a difference of potentials.
    if (!is_short) link.resistance = valve.loss * gas_.a_squared() / (2 * area * area);
    Valve part;
    part.link = links_.size();
    part.travel = valve.travel.seconds();
    part.position = is_short ? 1 : valve.opening;
    part.is_moved = valve.kind == GasValveKind::valve;
    link.open = part.is_moved ? part.position : 1;
    valves_.push_back(part);
    links_.push_back(link);
  }
  first_short_link_ = links_.size();
  for (size_t i = 0; i < config.pipes.size(); ++i) {
    const auto ends = topology.pipes[i];
    build_pipe(config.pipes[i], ends, config.nodes[ends.to].height - config.nodes[ends.from].height,
               config.cell);
  }
  grid_.finish();
  flows_.assign(links_.size(), 0);

  build_takers(config, topology);
  for (size_t i = 0; i < n; ++i) nodes_.storage[i] = volume_[i] / seconds_;
  build_clusters();
  declare_ports(config);
}

void GasNetwork::build_pipe(const GasPipeConfig& pipe, GasTopology::Ends ends, double rise, double cell) {
  Pipe part;
  part.ends = ends;
  const auto cells = static_cast<size_t>(std::floor(pipe.length / cell));
  part.on_grid = cells > 0;
  part.length = pipe.length;
  part.volume = area_of(pipe.diameter) * pipe.length;
  part.half_volume = part.volume / (2 * static_cast<double>(std::max<size_t>(cells, 1)));
  volume_[ends.from] += part.half_volume;
  volume_[ends.to] += part.half_volume;
  if (part.on_grid) {
    part.index = grid_.add(pipe, cells, rise);
    grid_ends_.push_back({ends.from, ends.to, kGravity * rise});
  } else {
    GasLink link;
    link.from = ends.from;
    link.to = ends.to;
    link.rise = kGravity * rise;
    part.index = links_.size();
    links_.push_back(link);
    short_pipes_.push_back(pipe);
  }
  pipes_.push_back(part);
}

void GasNetwork::build_takers(const GasNetworkConfig& config, const GasTopology& topology) {
  for (size_t i = 0; i < config.supplies.size(); ++i) {
    Supply supply;
    supply.node = topology.supplies[i];
    supply.is_pressure = config.supplies[i].kind == GasSupplyConfig::Kind::pressure;
    if (supply.is_pressure) nodes_.fixed[supply.node] = 1;
    supplies_.push_back(supply);
  }
  // Sinks lie by node, so that a node's are together.
  demands_.resize(config.demands.size());
  nodes_.first_sink.assign(1, 0);
  for (uint32_t node = 0; node < config.nodes.size(); ++node) {
    for (size_t i = 0; i < config.demands.size(); ++i) {
      if (topology.demands[i] != node) continue;
      demands_[i].node = node;
      demands_[i].sink = nodes_.sinks.size();
      nodes_.sinks.push_back({config.demands[i].flow, config.demands[i].least_pressure});
    }
    nodes_.first_sink.push_back(static_cast<uint32_t>(nodes_.sinks.size()));
  }
  for (size_t i = 0; i < config.leaks.size(); ++i) build_leak(config.leaks[i], topology.leaks[i]);
  for (size_t i = 0; i < config.gauges.size(); ++i) {
    Gauge gauge;
    gauge.pipe = topology.gauges[i];
    gauge.position = config.gauges[i].position;
    gauges_.push_back(gauge);
  }
}

void GasNetwork::build_leak(const GasLeakConfig& config, size_t pipe_index) {
  const Pipe& pipe = pipes_[pipe_index];
  const size_t cells = pipe.on_grid ? grid_.pipe(pipe.index).cells : 1;
  const double place = config.position / pipe.length * static_cast<double>(cells);
  const size_t first = std::min(static_cast<size_t>(place), cells - 1);
  const double second_part = std::min(place - static_cast<double>(first), 1.0);
  Leak leak;
  leak.discharge = config.discharge;
  leak.pipe = pipe_index;
  // Shared so that the centre of what is taken lies where the leak is.
  for (size_t k = 0; k < 2; ++k) {
    Outlet outlet;
    outlet.part = k == 0 ? 1 - second_part : second_part;
    outlet.point = first + k;
    outlet.pipe = pipe.index;
    outlet.at_node = outlet.point == 0 || outlet.point == cells;
    outlet.node = outlet.point == 0 ? pipe.ends.from : pipe.ends.to;
    if (outlet.part > 0) leak.outlets.push_back(outlet);
  }
  leaks_.push_back(std::move(leak));
}

/// A cluster: nodes without a given pressure that links join, and those links. Nodes with a given pressure
/// part clusters.
void GasNetwork::build_clusters() {
  const size_t n = nodes_.size();
  std::vector<uint32_t> parent(n);
  for (uint32_t i = 0; i < n; ++i) parent[i] = i;
  const auto root = [&](uint32_t i) {
    while (parent[i] != i) i = parent[i] = parent[parent[i]];
    return i;
  };
  for (const GasLink& link : links_) {
    if (nodes_.fixed[link.from] || nodes_.fixed[link.to]) continue;
    const uint32_t a = root(link.from), b = root(link.to);
    parent[std::max(a, b)] = std::min(a, b);
  }
  std::vector<std::vector<uint32_t>> members(n), joined(n);
  for (uint32_t i = 0; i < n; ++i)
    if (!nodes_.fixed[i]) members[root(i)].push_back(i);
  for (uint32_t k = 0; k < links_.size(); ++k) {
    const GasLink& link = links_[k];
    const bool is_from = !nodes_.fixed[link.from], is_to = !nodes_.fixed[link.to];
    if (is_from || is_to)
      joined[root(is_from ? link.from : link.to)].push_back(k);
    else
      clusters_.emplace_back(std::vector<uint32_t>{}, std::vector{k}, nodes_, links_);
  }
  for (uint32_t i = 0; i < n; ++i) {
    if (members[i].empty()) continue;
    clusters_.emplace_back(std::move(members[i]), std::move(joined[i]), nodes_, links_);
  }
}

Diagnostics GasNetwork::start(const GasNetworkConfig& config) {
  latch_inputs();
  for (Demand& demand : demands_) demand.now = 0;
  set_boundaries();
  gather_inflows();
  // Only flow supplies feed nodes here: the pipes are part of the system.
  std::fill(nodes_.inflow.begin(), nodes_.inflow.end(), 0.0);
  for (const Supply& supply : supplies_)
    if (!supply.is_pressure) nodes_.inflow[supply.node] += supply.now;
  if (const auto unrest =
          solve_steady(gas_, nodes_, links_, flows_, grid_, grid_ends_, [this] { set_links(0); }))
    return explain(*unrest, config);

  for (size_t i = 0; i < nodes_.size(); ++i) {
    nodes_.storage[i] = volume_[i] / seconds_;
    nodes_.before[i] = gas_.density(nodes_.pressure[i]);
  }
  copy_ends();
  gather_inflows();
  balance_nodes();
  book();
  last_density_ = nodes_.before;
  supplied_ = delivered_ = leaked_ = 0;
  publish();
  return {};
}

Diagnostics GasNetwork::explain(const GasUnrest& unrest, const GasNetworkConfig& config) const {
  const GasNodeConfig& node = config.nodes[unrest.node];
  const auto problem = [](const Span& span, std::string message, std::string hint) {
    return Diagnostic{Severity::error, span, std::move(message), std::move(hint)};
  };
  if (!unrest.bursts)
    return {problem(node.span,
                    fmt::format("no steady state was found to start from: after {} rounds node '{}' gains "
                                "{:.3g} kg/s, and pressures and friction differ by {:.2g}",
                                unrest.rounds, node.name, unrest.gain, unrest.miss),
                    "start with stations stopped, smaller demands or less fed in, and change that later")};
  const std::string hint =
      "feed in less, or open what shuts it off; check valves and stations pass nothing back";
  // What is fed into the part where the pressure rises.
  Diagnostics problems;
  for (size_t i = 0; i < supplies_.size(); ++i) {
    const GasSupplyConfig& supply = config.supplies[i];
    const bool is_there = nodes_.pressure[supplies_[i].node] > nodes_.pressure[unrest.node] / 2;
    if (supplies_[i].is_pressure || supply.value <= 0 || !is_there) continue;
    problems.push_back(problem(
        supply.span,
        fmt::format("the network has no steady state: of the {:.6g} kg/s that supply '{}' feeds in at "
                    "node '{}', {:.3g} kg/s cannot leave, so that the pressure rises for ever",
                    supply.value, supply.name, supply.node, unrest.gain),
        hint));
  }
  if (problems.empty())
    problems.push_back(problem(node.span,
                               fmt::format("the network has no steady state: {:.3g} kg/s reach node '{}' and "
                                           "cannot leave, so that the pressure rises for ever",
                                           unrest.gain, node.name),
                               hint));
  return problems;
}

}  // namespace looptwin::sim
