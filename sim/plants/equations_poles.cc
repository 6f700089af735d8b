#include "sim/plants/equations_poles.h"

#include <fmt/format.h>
#include <algorithm>
#include <cmath>

namespace looptwin::sim {
namespace {

using lang::NodeId;
using lang::Op;

// Of a state's absolute tolerance: rates that move it less than this in a step are noise.
constexpr double kMoves = 0.01;
// A step's quarters are looked at first, for all states at once. In the one with a pole a rate is at both
// ends at least twice what it is at one of the step's; one that passes through 0 or jumps is not.
constexpr double kNearer = 1.5;
// By so many halvings a rate that passes through 0 has come nearer to it, one through infinity is far from
// all that it was. This is what a rate on both sides of its pole is at least of what it was.
constexpr int kSoon = 8;
constexpr double kSoonAtLeast = 16;
constexpr double kPole = 1e6;

double least_of(double a, double b) { return std::min(std::abs(a), std::abs(b)); }

/// The states whose rates divide by something that changes with states or time.
std::vector<size_t> with_poles(const EquationSystem& system) {
  std::vector<char> changes(system.schema.table(EquationSystem::kTable).columns.size());  // [column]
  changes[system.time.index()] = 1;
  for (const auto& state : system.states) changes[state.column.index()] = 1;
  // Arguments stand before what uses them.
  std::vector<char> moves(system.graph.size()), may_be_infinite(system.graph.size());
  for (size_t i = 0; i < system.graph.size(); ++i) {
    const lang::Node& node = system.graph[NodeId(i)];
    moves[i] = node.op == Op::column && changes[node.column.index()];
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
  for (const auto& state : system.states) tolerances_.push_back(state.tolerance);
  for (auto* values : {&y_, &trial_, &rates_there_}) values->resize(system.states.size());
  for (auto& rates : looks_) rates.resize(system.states.size());
}

void PoleWatch::start(double t, std::span<const double> y) {
  if (watched_.empty()) return;
  time_ = t;
  std::copy(y.begin(), y.end(), y_.begin());
  rates_(t, y, looks_.front());
}

std::optional<SolverFailure> PoleWatch::pass(double t, std::span<const double> y) {
  if (watched_.empty()) return std::nullopt;
  const Line line{t, y};
  auto& before = looks_.front();
  auto& after = looks_.back();
  rates_(t, y, after);
  find_turned(line);
  if (!turned_.empty())
    for (size_t part = 1; part < kParts; ++part) rates_at(part * kPart, line, looks_[part]);
  for (const size_t state : turned_) {
    if (!is_infinite_on(line, state)) continue;
    return SolverFailure{
        state,
        fmt::format("its rate goes through infinity, from {:.3g} to {:.3g} (SI) a second", before[state],
                    after[state]),
        "it divides by what becomes 0: bound it by max() or if(), or let an event act before"};
  }
  time_ = t;
  std::copy(y.begin(), y.end(), y_.begin());
  std::swap(before, after);
  return std::nullopt;
}

void PoleWatch::find_turned(const Line& line) {
  const auto& before = looks_.front();
  const auto& after = looks_.back();
  turned_.clear();
  for (const size_t state : watched_) {
    if (!(before[state] * after[state] < 0)) continue;
    const double fastest = std::max(std::abs(before[state]), std::abs(after[state]));
    const double moved = std::max(fastest * (line.t - time_), std::abs(line.y[state] - y_[state]));
    if (moved > kMoves * tolerances_[state]) turned_.push_back(state);
  }
}

void PoleWatch::rates_at(double part, const Line& line, std::span<double> out) {
  for (size_t i = 0; i < y_.size(); ++i) trial_[i] = y_[i] + part * (line.y[i] - y_[i]);
  rates_(time_ + part * (line.t - time_), trial_, out);
}

bool PoleWatch::is_infinite_on(const Line& line, size_t state) {
  const double least = least_of(looks_.front()[state], looks_.back()[state]);
  for (size_t part = 0; part < kParts; ++part) {
    const Turn turn{part * kPart, (part + 1) * kPart, looks_[part][state], looks_[part + 1][state]};
    if (std::isinf(turn.after)) return true;
    if (turn.before * turn.after < 0 && least_of(turn.before, turn.after) > kNearer * least &&
        leads_to_infinity(line, state, turn, least))
      return true;
  }
  return false;
}

/// Toward where the rate changes its sign, by halves: there it is 0, or jumps, or is infinite.
bool PoleWatch::leads_to_infinity(const Line& line, size_t state, Turn turn, double least) {
  for (int n = 1;; ++n) {
    const double middle = turn.low + (turn.high - turn.low) / 2;
    if (middle <= turn.low || middle >= turn.high) break;
    rates_at(middle, line, rates_there_);
    const double rate = rates_there_[state];
    if (std::isinf(rate)) return true;
    if (std::isnan(rate)) break;
    const bool is_before = rate * turn.before > 0;
    (is_before ? turn.low : turn.high) = middle;
    (is_before ? turn.before : turn.after) = rate;
    if (n == kSoon && least_of(turn.before, turn.after) < kSoonAtLeast * least) return false;
  }
  return least_of(turn.before, turn.after) > kPole * least;
}

}  // namespace looptwin::sim
