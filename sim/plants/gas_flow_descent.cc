// The slow and sure way to the solution of a GasFlowSystem, for where Newton's method on pressures and flows
// goes round in circles: check valves, stations at their limits, knots of pipework without pipes.
//
// A link's flow grows with the pressure before it and falls with the one behind it. So what a node misses,
//   G_i(p) = storage (ρ(p_i) - ρ_before) + takers(p_i) + Σ q_out - Σ q_in - inflow,
// grows with the node's own pressure and falls with its neighbours', and a change of one pressure alters the
// node's own G by more than all others' together: an M-function (Rheinboldt 1970). It has one root; setting
// one node after another right comes nearer to it from anywhere, and Σ|G| never grows on that way. A step of
// Newton's is taken where it makes Σ|G| smaller, a sweep over the nodes where it does not.
#include <algorithm>
#include <cmath>

#include "sim/plants/gas_flow_system.h"

namespace looptwin::sim {

namespace {

constexpr double kSmallest = 1;       // Pa: steps count relative to the pressure, and to no less than this
constexpr double kSettled = 1e-10;    // of the pressure
constexpr double kGoodEnough = 1e-3;  // of the pressure
constexpr double kLeastShare = 1e-3;  // of what Newton's method promises, a step has to keep
constexpr int kHalvings = 30;
constexpr int kRounds = 200;

/// The root of an increasing function, from x in steps that grow, then between two sides (Illinois).
template <typename F>
double root(F f, double x) {
  double fx = f(x), other = x, f_other = fx;
  double step = std::max(std::abs(x) * 1e-3, 1.0);
  for (int round = 0; fx != 0 && (f_other < 0) == (fx < 0); ++round, step *= 4) {
    if (round == 40) return x;
    x = other, fx = f_other;
    other = fx < 0 ? x + step : std::max(x - step, x / 10);
    f_other = f(other);
    if (f_other == 0) return other;
  }
  for (int round = 0; fx != 0 && round < 200; ++round) {
    double middle = (x * f_other - other * fx) / (f_other - fx);
    // Every third time by halves: far from a root a secant may creep.
    if (round % 3 == 2) middle = (x + other) / 2;
    if (middle == x || middle == other) break;
    const double f_middle = f(middle);
    if (f_middle == 0) return middle;
    if ((f_middle < 0) == (f_other < 0))
      fx /= 2;
    else
      x = other, fx = f_other;
    other = middle, f_other = f_middle;
  }
  return other;
}

}  // namespace

double GasFlowSystem::flow_of(const Gas& gas, const GasLink& link, const GasNodes& nodes) const {
  return flow_through(gas, link, end(gas, nodes, link.from), end(gas, nodes, link.to));
}

double GasFlowSystem::missing_at(const Gas& gas, std::span<const GasLink> links, const GasNodes& nodes,
                                 size_t i) const {
  const uint32_t node = nodes_[i];
  const double p = nodes.pressure[node];
  double sum =
      nodes.storage[node] * (gas.density(p) - nodes.before[node]) - nodes.inflow[node] + nodes.taken(node, p);
  for (uint32_t k = first_joint_[i]; k < first_joint_[i + 1]; ++k) {
    const double q = flow_of(gas, links[joints_[k].link], nodes);
    sum += joints_[k].leaves ? q : -q;
  }
  return sum;
}

/// Sets all flows and missing_; Σ|G|.
double GasFlowSystem::miss(const Gas& gas, std::span<const GasLink> links, const GasNodes& nodes,
                           std::span<double> flows) {
  for (size_t i = 0; i < nodes_.size(); ++i) {
    const uint32_t node = nodes_[i];
    const double p = nodes.pressure[node];
    missing_[i] = nodes.storage[node] * (gas.density(p) - nodes.before[node]) - nodes.inflow[node] +
                  nodes.taken(node, p);
  }
  for (size_t k = 0; k < links_.size(); ++k) {
    const double q = flows[links_[k]] = flow_of(gas, links[links_[k]], nodes);
    if (unknown_[2 * k] >= 0) missing_[unknown_[2 * k]] += q;
    if (unknown_[2 * k + 1] >= 0) missing_[unknown_[2 * k + 1]] -= q;
  }
  double sum = 0;
  for (const double g : missing_) sum += std::abs(g);
  return sum;
}

void GasFlowSystem::set_right(const Gas& gas, std::span<const GasLink> links, GasNodes& nodes,
                              size_t i) const {
  double& p = nodes.pressure[nodes_[i]];
  const auto g = [&](double candidate) {
    p = candidate;
    return missing_at(gas, links, nodes, i);
  };
  p = root(g, p);
}

/// As much of Newton's step as makes Σ|G| smaller; false where none does. `missed` is Σ|G|, and 0 when all
/// is settled.
bool GasFlowSystem::step_down(const Gas& gas, std::span<const GasLink> links, GasNodes& nodes,
                              std::span<double> flows, double& missed) {
  const size_t n = nodes_.size();
  kind_ = Unknown::pressure;
  set_scales(gas, links, nodes);
  if (!find_step(gas, links, nodes, flows)) return false;
  double most = 0, all = 0;
  for (size_t i = 0; i < n; ++i) {
    old_pressure_[i] = nodes.pressure[nodes_[i]];
    all += std::abs(step_[i]);  // NaN if one is
    most = std::max(most, std::abs(step_[i] * scale_) / (std::abs(old_pressure_[i]) + kSmallest));
  }
  if (!(all < 1e15)) return false;
  double part = 1;
  for (int attempt = 0; attempt < kHalvings; ++attempt, part /= 2) {
    for (size_t i = 0; i < n; ++i)
      nodes.pressure[nodes_[i]] =
          std::max(old_pressure_[i] + part * scale_ * step_[i], old_pressure_[i] / 10);
    const double now = miss(gas, links, nodes, flows);
    if (most <= kSettled) missed = 0;
    if (most <= kSettled) return true;
    if (now > missed * (1 - kLeastShare * part)) continue;
    missed = now;
    return true;
  }
  for (size_t i = 0; i < n; ++i) nodes.pressure[nodes_[i]] = old_pressure_[i];
  return false;
}

bool GasFlowSystem::descend(const Gas& gas, std::span<const GasLink> links, GasNodes& nodes,
                            std::span<double> flows) {
  const size_t n = nodes_.size();
  double missed = miss(gas, links, nodes, flows);
  int sweeps = 0;
  for (int round = 0; round < kRounds && missed > 0; ++round) {
    if (step_down(gas, links, nodes, flows, missed)) continue;
    // Another node comes last each time: what is set right last tells Newton's method which side of an edge
    // it is on.
    for (size_t i = 0; i < n; ++i) set_right(gas, links, nodes, (i + sweeps) % n);
    ++sweeps;
    missed = miss(gas, links, nodes, flows);
  }
  // On an edge the last digits may not settle: what a node misses becomes a difference of its pressure.
  for (size_t i = 0; i < n && missed > 0; ++i) {
    const uint32_t node = nodes_[i];
    const double gas_there = nodes.storage[node] * gas.density(nodes.pressure[node]);
    if (!(std::abs(missing_[i]) <= kGoodEnough * gas_there)) return false;
  }
  return missed >= 0;
}

}  // namespace looptwin::sim
