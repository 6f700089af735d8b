#include "sim/plants/gas_steady.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace looptwin::sim {

namespace {

constexpr double kFirstFlux = 100;  // kg/m²/s: some metres per second
constexpr double kSettled = 1e-11;  // of the pressure
constexpr double kOfAccount = 1e3;  // Pa: parts that demands have emptied are as good as equal below
constexpr double kVacuum = 1;       // Pa, the least pressure of such a part
// The last digits may not settle; what is left then is a start that moves by as little.
constexpr double kGoodEnough = 1e-7;

// Newton's method: rounds of corrections, and of the method in each. Storage, m³/s per node, is next to
// nothing, yet it gives parts without a supply a pressure.
constexpr double kStorage = 1e-10;
constexpr int kRounds = 40, kNewtonRounds = 40;

// The search through time: the storage that it begins and ends with; how many rounds corrections act in full,
// and after how many a node that goes on to gain is suspected to do so for ever.
constexpr double kFirstStorage = 10, kLastStorage = 1e-3;
constexpr int kSlowRounds = 150, kBoldRounds = 12, kPatience = 30;
constexpr double kNoGain = 1e-9;  // kg/s
// Pa, and times the highest given pressure: what rises past both rises for ever.
constexpr double kMostPressure = 2e8, kMostBoost = 10;

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

/// On the way pipes are links, too; they lie behind the links proper, whose places others know.
class Search {
 public:
  Search(const Gas& gas, GasNodes& nodes, std::vector<GasLink>& links, std::vector<double>& flows,
         GasGrid& grid, std::span<const GasGridEnds> pipes, const std::function<void()>& refresh)
      : gas_(gas),
        nodes_(nodes),
        links_(links),
        flows_(flows),
        grid_(grid),
        pipes_(pipes),
        refresh_(refresh) {
    start_flat();
    std::vector<uint32_t> free_nodes, link_indices(all_.size());
    for (uint32_t i = 0; i < nodes.size(); ++i)
      if (!nodes.fixed[i]) free_nodes.push_back(i);
    for (uint32_t i = 0; i < all_.size(); ++i) link_indices[i] = i;
    system_.emplace(std::move(free_nodes), std::move(link_indices), nodes, all_);
  }

  /// Newton's method from a flat start, which is all that most networks need.
  bool find() {
    double worst = 0;
    for (int round = 0; round < kRounds; ++round) {
      const bool solved =
          system_->newton(gas_, all_, nodes_, all_flows_, GasFlowSystem::Unknown::potential, kNewtonRounds);
      if (!solved) return false;
      worst = correct(1);
      if (worst <= kSettled) return true;
    }
    return worst < kGoodEnough;
  }

  /// Through time, in steps that grow from seconds to hours: a step has a solution whatever the network,
  /// and what settles is at rest. Nothing when it is found.
  std::optional<GasUnrest> relax() {
    start_flat();
    GasUnrest unrest;
    double storage = kFirstStorage;
    for (int round = 0; round < kSlowRounds; ++round) {
      for (size_t i = 0; i < nodes_.size(); ++i) {
        nodes_.storage[i] = storage;
        nodes_.before[i] = gas_.density(nodes_.pressure[i]);
      }
      const bool solved = system_->solve(gas_, all_, nodes_, all_flows_);
      // Where corrections take turns, half of the way does not.
      unrest.miss = correct(round < kBoldRounds ? 1 : 0.4);
      const double before = unrest.gain;
      double gained = 0;
      unrest.gain = 0;
      unrest.rounds = round + 1;
      for (uint32_t i = 0; i < nodes_.size(); ++i) {
        if (nodes_.fixed[i]) continue;
        const double gain = storage * (gas_.density(nodes_.pressure[i]) - nodes_.before[i]);
        if (std::abs(gain) > std::abs(unrest.gain)) unrest.gain = gain, unrest.node = i;
        gained += gain;
      }
      if (nodes_.pressure[unrest.node] > std::max(kMostPressure, kMostBoost * highest_)) {
        unrest.bursts = solved;
        if (solved) unrest.gain = gained;
        return unrest;
      }
      if (!solved) continue;
      const bool stands = std::abs(unrest.gain) < kNoGain;
      if (stands && storage <= kLastStorage && unrest.miss <= kSettled) return std::nullopt;
      // What goes on to gain in such long steps gains for ever; in longer ones that shows.
      const bool gains_on = round > kPatience && !stands && std::abs(unrest.gain / before - 1) < 1e-3;
      if (storage > kLastStorage || gains_on) storage /= 4;
    }
    if (unrest.miss < 10 * kGoodEnough && std::abs(unrest.gain) < 1e3 * kNoGain) return std::nullopt;
    return unrest;
  }

 private:
  void start_flat() {
    double sum = 0, count = 0;
    for (size_t i = 0; i < nodes_.size(); ++i) {
      if (!nodes_.fixed[i]) continue;
      highest_ = std::max(highest_, nodes_.pressure[i]);
      sum += nodes_.pressure[i];
      count += 1;
    }
    LT_CHECK(count > 0);
    for (size_t i = 0; i < nodes_.size(); ++i) {
      if (!nodes_.fixed[i]) nodes_.pressure[i] = sum / count;
      nodes_.storage[i] = kStorage;
      nodes_.before[i] = gas_.density(sum / count);
    }
    std::fill(flows_.begin(), flows_.end(), 0.0);
    refresh_();
    all_ = links_;
    all_flows_ = flows_;
    for (size_t i = 0; i < pipes_.size(); ++i) {
      GasLink link;
      link.from = pipes_[i].from;
      link.to = pipes_[i].to;
      link.rise = pipes_[i].rise;
      link.resistance = resistance(gas_, grid_.pipe(i));
      all_.push_back(link);
      all_flows_.push_back(kFirstFlux * grid_.pipe(i).area);
    }
  }

  /// Brings the links' equations towards the state as it is now, by `share` of the way, and lays the
  /// profiles; how far they were from it, relative.
  double correct(double share) {
    const size_t count = links_.size();
    std::copy_n(all_flows_.begin(), count, flows_.begin());
    refresh_();
    double worst = 0;
    const auto approach = [share](double& value, double wanted) { value = std::lerp(value, wanted, share); };
    for (size_t i = 0; i < count; ++i) {
      GasLink& link = all_[i];
      const double resistance = link.resistance, recycled = link.recycled_to;
      link = links_[i];
      if (link.resistance != resistance) worst = std::max(worst, std::abs(link.resistance / resistance - 1));
      if (link.recycled_to != recycled)
        worst = std::max(worst, std::abs(link.recycled_to - recycled) / std::max(link.recycled_to, recycled));
      link.resistance = resistance, link.recycled_to = recycled;
      approach(link.resistance, links_[i].resistance);
      approach(link.recycled_to, links_[i].recycled_to);
    }
    for (size_t i = 0; i < pipes_.size(); ++i) {
      GasLink& link = all_[count + i];
      const double from = std::max(nodes_.pressure[pipes_[i].from], kVacuum);
      const double to = std::max(nodes_.pressure[pipes_[i].to], kVacuum);
      const double flow = all_flows_[count + i];
      const double end = grid_.set_steady(i, from, flow);
      approach(link.resistance, resistance(gas_, grid_.pipe(i)));
      worst = std::max(worst, std::abs(end - to) / std::max(to, kOfAccount));
      approach(link.correction, correction(gas_, link, from, end, flow));
    }
    return worst;
  }

  const Gas& gas_;
  GasNodes& nodes_;
  std::vector<GasLink>& links_;
  std::vector<double>& flows_;
  GasGrid& grid_;
  std::span<const GasGridEnds> pipes_;
  const std::function<void()>& refresh_;

  std::vector<GasLink> all_;
  std::vector<double> all_flows_;
  std::optional<GasFlowSystem> system_;
  double highest_ = 0;  ///< of the given pressures
};

}  // namespace

std::optional<GasUnrest> solve_steady(const Gas& gas, GasNodes& nodes, std::vector<GasLink>& links,
                                      std::vector<double>& flows, GasGrid& grid,
                                      std::span<const GasGridEnds> pipes,
                                      const std::function<void()>& refresh) {
  Search search(gas, nodes, links, flows, grid, pipes, refresh);
  std::optional<GasUnrest> unrest;
  if (!search.find()) unrest = search.relax();
  for (double& p : nodes.pressure) p = std::max(p, kVacuum);
  return unrest;
}

}  // namespace looptwin::sim
