#include "sim/plants/equations_poles.h"

#include <fmt/format.h>
#include <algorithm>
#include <cmath>

namespace looptwin::sim {
namespace {

using lang::NodeId;
using lang::Op;

// By so many halvings a rate that passes through 0 has come nearer to it, one through infinity is far from
// all that it was. This is what a rate on both sides of its pole is at least of what it was.
constexpr int kSoon = 8;
constexpr double kSoonAtLeast = 16;
constexpr double kPole = 1e6;

/// The states whose rates divide by something that changes with states or time.
std::vector<size_t> with_poles(const EquationSystem& system) {
  // Arguments stand before what uses them.
  std::vector<char> moves(system.graph.size()), may_be_infinite(system.graph.size());
  const auto is_state = [&](ColumnId column) {
    return std::any_of(system.states.begin(), system.states.end(),
                       [&](const auto& state) { return state.column == column; });
  };
  for (size_t i = 0; i < system.graph.size(); ++i) {
    const lang::Node& node = system.graph[NodeId(i)];
    moves[i] = node.op == Op::column && (node.column == system.time || is_state(node.column));
    for (const NodeId arg : node.args) {
      moves[i] |= moves[arg.index()];
      may_be_infinite[i] |= may_be_infinite[arg.index()];
    }
    const bool divides = (node.op == Op::divide && moves[node.args[1].index()]) ||
                         ((node.op == Op::power || node.op == Op::tangent) && moves[i]);
    may_be_infinite[i] |= divides;
  }
  std::vector<size_t> found;
  for (size_t s = 0; s < system.states.size(); ++s)
    if (may_be_infinite[system.states[s].rate.index()]) found.push_back(s);
  return found;
}

}  // namespace

PoleWatch::PoleWatch(const EquationSystem& system, EquationSolver::Rates rates)
    : rates_(std::move(rates)), watched_(with_poles(system)) {
  if (watched_.empty()) return;
  for (auto* values : {&y_, &before_, &after_, &trial_, &trial_rates_}) values->resize(system.states.size());
}

void PoleWatch::start(double t, std::span<const double> y) {
  if (watched_.empty()) return;
  time_ = t;
  std::copy(y.begin(), y.end(), y_.begin());
  rates_(t, y, before_);
}

std::optional<SolverFailure> PoleWatch::pass(double t, std::span<const double> y) {
  if (watched_.empty()) return std::nullopt;
  rates_(t, y, after_);
  for (const size_t state : watched_) {
    if (!(before_[state] * after_[state] < 0) || !is_between(state, t, y)) continue;
    return SolverFailure{
        state,
        fmt::format("its rate goes through infinity, from {:.3g} to {:.3g} (SI) a second", before_[state],
                    after_[state]),
        "it divides by what becomes 0: bound it by max() or if(), or let an event act before"};
  }
  time_ = t;
  std::copy(y.begin(), y.end(), y_.begin());
  std::swap(before_, after_);
  return std::nullopt;
}

/// Toward where the rate changes its sign, by halves: there it is 0, or jumps, or is infinite.
bool PoleWatch::is_between(size_t state, double t, std::span<const double> y) {
  const double least = std::min(std::abs(before_[state]), std::abs(after_[state]));
  double low = 0, high = 1, at_low = before_[state], at_high = after_[state];
  for (int n = 1;; ++n) {
    const double middle = low + (high - low) / 2;
    if (middle <= low || middle >= high) break;
    for (size_t i = 0; i < y.size(); ++i) trial_[i] = y_[i] + middle * (y[i] - y_[i]);
    rates_(time_ + middle * (t - time_), trial_, trial_rates_);
    const double rate = trial_rates_[state];
    if (std::isinf(rate)) return true;
    if (std::isnan(rate)) break;
    const bool is_before = rate * at_low > 0;
    (is_before ? low : high) = middle;
    (is_before ? at_low : at_high) = rate;
    if (n == kSoon && std::min(std::abs(at_low), std::abs(at_high)) < kSoonAtLeast * least) return false;
  }
  return std::min(std::abs(at_low), std::abs(at_high)) > kPole * least;
}

}  // namespace looptwin::sim
