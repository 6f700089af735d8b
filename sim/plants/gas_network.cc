#include "sim/plants/gas_network.h"

#include <fmt/format.h>
#include <algorithm>
#include <cmath>

namespace looptwin::sim {

namespace {

// A known withdrawal falls off below this pressure, as a demand does, Pa.
constexpr double kLeastWithdrawal = 1e5;
// Pa: what is left where takers would leave nothing.
constexpr double kVacuum = 1;
// Pa: no network holds it, nor does the wave of a supply's greatest pressure come back with it.
constexpr double kBurst = 10 * kMostPressure;
// As often outflows are cut by shares; then wholly, which ends.
constexpr int kCuts = 20;
// Nor does it take more than this part of a cell in a step.
constexpr double kMostWithdrawal = 0.01;

double below(double bound) { return std::nextafter(bound, 0); }

}  // namespace

void GasNetwork::advance(Time to) {
  LT_CHECK(to >= now_, "time goes forward");
  const int64_t before = steps_;
  while (breakdown_.empty()) {
    const Time start = kStart + step_ * steps_;
    if (!latched_) {
      if (start >= to) break;
      latch_inputs();
      latched_ = true;
    }
    if (start + step_ > to) break;
    take_step();
    ++steps_;
    latched_ = false;
    if (!is_sound()) break;
  }
  now_ = to;
  if (steps_ != before && breakdown_.empty()) publish();
}

void GasNetwork::take_step() {
  set_links(seconds_);
  set_boundaries();
  grid_.move_fluxes();
  grid_.move_densities();
  open_leaks();
  gather_inflows();
  for (GasFlowSystem& cluster : clusters_) solve_cluster(cluster);
  settle_nodes();
  copy_ends();
}

void GasNetwork::set_links(double step) {
  for (Station& station : stations_) {
    GasLink& link = links_[station.link];
    GasStation::Command command;
    const double mode = acting_[station.mode];
    command.mode = mode < 0.5   ? CompressorMode::ratio
                   : mode < 1.5 ? CompressorMode::discharge_pressure
                                : CompressorMode::flow;
    command.target =
        command.mode == CompressorMode::ratio
            ? std::max(acting_[station.ratio], 1.0)
            : std::max(acting_[command.mode == CompressorMode::flow ? station.flow_wanted
                                                                    : station.discharge_pressure],
                       0.0);
    command.running = acting_[station.running] > 0.5;
    station.machine.prepare(gas_, command, step, nodes_.pressure[link.from], nodes_.pressure[link.to],
                            flows_[station.link], link);
  }
  for (Valve& valve : valves_) {
    if (!valve.is_moved) continue;
    valve.position = moved(valve.position, std::clamp(acting_[valve.command], 0.0, 1.0), valve.travel, step);
    links_[valve.link].open = valve.position;
  }
  for (size_t i = 0; i < short_pipes_.size(); ++i) {
    const GasPipeConfig& pipe = short_pipes_[i];
    const double area = M_PI / 4 * pipe.diameter * pipe.diameter;
    const double flow = std::abs(flows_[first_short_link_ + i]);
    const double factor = friction_factor(pipe, flow / area * pipe.diameter / gas_.viscosity());
    links_[first_short_link_ + i].resistance =
        factor * pipe.length * gas_.a_squared() / (2 * pipe.diameter * area * area);
  }
}

void GasNetwork::set_boundaries() {
  for (const Supply& supply : supplies_) {
    if (supply.is_pressure)
      nodes_.pressure[supply.node] = std::clamp(acting_[supply.wanted], kLeastPressure, below(kMostPressure));
  }
  for (const Demand& demand : demands_)
    nodes_.sinks[demand.sink].flow = std::max(acting_[demand.wanted], 0.0);
}

void GasNetwork::open_leaks() {
  std::fill(nodes_.drain.begin(), nodes_.drain.end(), 0.0);
  for (Leak& leak : leaks_) {
    const double area = std::clamp(acting_[leak.area], 0.0, below(kMostLeakArea)) * leak.discharge;
    const double withdrawal = std::max(acting_[leak.withdrawal], 0.0);
    leak.now = 0;
    for (Outlet& outlet : leak.outlets) {
      outlet.rate = outlet.pulled = 0;
      if (area == 0 && withdrawal == 0) continue;
      const double p =
          outlet.at_node ? nodes_.pressure[outlet.node] : grid_.pressure(outlet.pipe, outlet.point);
      outlet.rate = p > gas_.ambient() ? outlet.part * area * gas_.orifice_flux(p) / p : 0;
      const double wanted = outlet.part * withdrawal * std::min(1.0, p / kLeastWithdrawal);
      if (!outlet.at_node) {
        leak.now += grid_.drain(outlet.pipe, outlet.point, outlet.rate);
        leak.now += grid_.withdraw(outlet.pipe, outlet.point, wanted, kMostWithdrawal);
        continue;
      }
      // At a pipe's end the node gives. What the hole takes is known when the node's pressure is:
      // book_takers.
      nodes_.drain[outlet.node] += outlet.rate;
      outlet.pulled =
          std::min(wanted, kMostWithdrawal * nodes_.before[outlet.node] * nodes_.storage[outlet.node]);
    }
  }
}

void GasNetwork::gather_inflows() {
  for (size_t i = 0; i < nodes_.size(); ++i) nodes_.inflow[i] = 0;
  for (size_t i = 0; i < grid_ends_.size(); ++i) {
    nodes_.inflow[grid_ends_[i].from] -= grid_.flow_in(i);
    nodes_.inflow[grid_ends_[i].to] += grid_.flow_out(i);
  }
  for (const Leak& leak : leaks_)
    for (const Outlet& outlet : leak.outlets)
      if (outlet.at_node) nodes_.inflow[outlet.node] -= outlet.pulled;
  for (Supply& supply : supplies_) {
    if (supply.is_pressure) continue;
    supply.now = std::max(acting_[supply.wanted], 0.0);
    nodes_.inflow[supply.node] += supply.now;
  }
}

void GasNetwork::solve_cluster(GasFlowSystem& cluster) {
  if (cluster.links().empty()) {
    const uint32_t node = cluster.nodes()[0];
    // Without a taker the pressure follows from the mass alone (settle_nodes).
    if (nodes_.first_sink[node] == nodes_.first_sink[node + 1] && nodes_.drain[node] == 0) return;
  }
  if (cluster.solve(gas_, links_, nodes_, flows_)) return;
  // Nothing flows through links in this step.
  for (const uint32_t link : cluster.links()) flows_[link] = 0;
  for (const uint32_t i : cluster.nodes())
    nodes_.pressure[i] = gas_.pressure(nodes_.before[i] + nodes_.inflow[i] / nodes_.storage[i]);
  ++unsettled_;
}

/// What every node gains in this step, but for a supply that holds its pressure, at the pressures of the
/// solution.
void GasNetwork::balance_nodes() {
  for (size_t i = 0; i < nodes_.size(); ++i) balance_[i] = nodes_.inflow[i];
  for (size_t k = 0; k < links_.size(); ++k) {
    balance_[links_[k].from] -= flows_[k];
    balance_[links_[k].to] += flows_[k];
  }
  for (size_t i = 0; i < nodes_.size(); ++i) balance_[i] -= share_[i] * nodes_.taken(i, nodes_.pressure[i]);
}

/// No node gives more than it has: what leaves one that would end in a vacuum, through links and takers, is
/// cut down. The fluxes of pipes leave every node some of its gas, so that this is always possible. Whether
/// something was cut; then others get less. `wholly`: to nothing.
bool GasNetwork::spare_nodes(bool wholly) {
  bool cut = false;
  const double least = gas_.density(kVacuum);
  for (size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_.fixed[i] || nodes_.before[i] + balance_[i] / nodes_.storage[i] >= least) continue;
    const auto outflow = [&](size_t k) {
      return links_[k].from == i ? flows_[k] : links_[k].to == i ? -flows_[k] : 0;
    };
    double lost = share_[i] * nodes_.taken(i, nodes_.pressure[i]);
    for (size_t k = 0; k < links_.size(); ++k) lost += std::max(outflow(k), 0.0);
    if (!(lost > 0)) continue;
    const double there = nodes_.storage[i] * (nodes_.before[i] - least) + balance_[i] + lost;
    const double share = wholly ? 0 : std::clamp(there / lost, 0.0, 1.0);
    share_[i] *= share;
    for (size_t k = 0; k < links_.size(); ++k)
      if (outflow(k) > 0) flows_[k] *= share;
    cut = true;
  }
  return cut;
}

void GasNetwork::settle_nodes() {
  last_density_ = nodes_.before;
  std::fill(share_.begin(), share_.end(), 1.0);
  balance_nodes();
  for (int round = 0; spare_nodes(round >= kCuts); ++round) balance_nodes();
  for (size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_.fixed[i]) continue;
    nodes_.before[i] += balance_[i] / nodes_.storage[i];
  }
  book();
  for (size_t i = 0; i < nodes_.size(); ++i)
    if (!nodes_.fixed[i]) nodes_.pressure[i] = gas_.pressure(nodes_.before[i]);
}

/// What supplies, demands and leaks have moved in this step.
void GasNetwork::book() {
  for (Demand& demand : demands_) {
    demand.now = share_[demand.node] * nodes_.sinks[demand.sink].at(nodes_.pressure[demand.node]);
    delivered_ += demand.now * seconds_;
  }
  for (Leak& leak : leaks_) {
    for (Outlet& outlet : leak.outlets) {
      if (!outlet.at_node) continue;
      outlet.taken = share_[outlet.node] * outlet.rate * nodes_.pressure[outlet.node] + outlet.pulled;
      leak.now += outlet.taken;
    }
    leaked_ += leak.now * seconds_;
  }
  for (Supply& supply : supplies_) {
    if (supply.is_pressure) {
      const uint32_t i = supply.node;
      const double density = gas_.density(nodes_.pressure[i]);
      supply.now = nodes_.storage[i] * (density - nodes_.before[i]) - balance_[i];
      nodes_.before[i] = density;
    }
    supplied_ += supply.now * seconds_;
  }
}

void GasNetwork::copy_ends() {
  for (size_t i = 0; i < grid_ends_.size(); ++i) {
    const auto [from, to, rise] = grid_ends_[i];
    grid_.set_end(i, false, nodes_.before[from], nodes_.pressure[from]);
    grid_.set_end(i, true, nodes_.before[to], nodes_.pressure[to]);
  }
}

/// Whether all pressures at nodes are such as gas can have; what is none within a pipe reaches its ends.
bool GasNetwork::is_sound() {
  for (size_t i = 0; i < nodes_.size(); ++i) {
    const double p = nodes_.pressure[i];
    if (p > 0 && p < kBurst) continue;
    std::string fed;
    for (const Supply& supply : supplies_)
      if (p >= kBurst && !supply.is_pressure && nodes_.pressure[supply.node] > p / 2)
        fed += fmt::format("; '{}' feeds in {:.3g} kg/s that cannot leave", ports_[supply.flow].element,
                           supply.now);
    breakdown_.push_back(
        {Severity::error,
         {},
         fmt::format("at {} the gas network cannot go on: the pressure at '{}' is {:.6g} Pa{}",
                     to_string(step_ * steps_), ports_[node_ports_ + i].element, p, fed),
         fed.empty()
             ? "smaller courant: or cell:, or less sudden changes of what is fed in and taken out"
             : "feed in less, or open what shuts it off; check valves and stations pass nothing back"});
    return false;
  }
  return true;
}

double GasNetwork::mass() const {
  double sum = 0;
  for (size_t i = 0; i < nodes_.size(); ++i) sum += volume_[i] * nodes_.before[i];
  for (size_t i = 0; i < grid_.size(); ++i) sum += grid_.inner_mass(i);
  return sum;
}

}  // namespace looptwin::sim
