#include "sim/plants/equations_plant.h"

#include <fmt/format.h>
#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace looptwin::sim {
namespace {

// Of one grid step: more is a ball that comes to rest, with ever more bounces in ever less time.
constexpr uint64_t kMostEvents = 1000;

}  // namespace

EquationPlant::EquationPlant(std::shared_ptr<const EquationSystem> system)
    : system_(std::move(system)), evaluator_(*system_), length_(system_->step.seconds()) {
  const size_t n = system_->states.size();
  std::vector<double> tolerances;
  for (const auto& state : system_->states) {
    y_.push_back(state.initial);
    tolerances.push_back(state.tolerance);
  }
  const auto rates = [this](double within, std::span<const double> y, std::span<double> out) {
    evaluator_.rates(seconds(within), y, out);
  };
  if (n > 0) {
    solver_ = system_->method == EquationMethod::cvode
                  ? make_cvode(n, rates, system_->relative_tolerance, tolerances)
                  : make_runge_kutta(system_->method, n, rates);
    poles_ = std::make_unique<PoleWatch>(*system_, rates);
  }
  values_.resize(system_->ports.size());
  outputs_.resize(system_->outputs.size());
  for (const auto& input : system_->inputs) {
    values_[input.port] = input.initial;
    acting_.push_back(input.initial);
  }
  held_.resize(system_->events.size());
  next_held_ = held_;
  conditions_.resize(held_.size());
  next_.resize(n);
  trial_.resize(n);
  publish();
}

Result<std::unique_ptr<EquationPlant>> EquationPlant::make(std::shared_ptr<const EquationSystem> system) {
  std::unique_ptr<EquationPlant> plant(new EquationPlant(std::move(system)));
  const auto& states = plant->system_->states;
  std::vector<double> rates(states.size());
  plant->evaluator_.rates(0, plant->y_, rates);
  Diagnostics problems;
  for (size_t i = 0; i < states.size(); ++i) {
    if (std::isfinite(rates[i])) continue;
    problems.push_back({Severity::error, states[i].span,
                        fmt::format("the rate of '{}' is {} at the start", states[i].name, rates[i]),
                        "an initial value at which it is a number, or bound it by max() or if()"});
  }
  if (!problems.empty()) return tl::make_unexpected(std::move(problems));
  return plant;
}

/// Since the run's start, of a time within the step under way.
double EquationPlant::seconds(double within) const {
  return (kStart + system_->step * steps_).seconds() + within;
}

void EquationPlant::advance(Time to) {
  LT_CHECK(to >= now_, "time goes forward");
  const int64_t before = steps_;
  while (breakdown_.empty()) {
    const Time start = kStart + system_->step * steps_;
    if (!latched_) {
      if (start >= to) break;
      latch_inputs();
    }
    if (start + system_->step > to || !take_step()) break;
    ++steps_;
    latched_ = false;
  }
  now_ = to;
  if (steps_ != before) publish();
}

void EquationPlant::latch_inputs() {
  for (size_t i = 0; i < acting_.size(); ++i) {
    const double wanted = values_[system_->inputs[i].port];
    if (std::isfinite(wanted)) acting_[i] = wanted;
    evaluator_.set_input(i, acting_[i]);
  }
  latched_ = true;
}

/// To the next grid point; nothing is changed where that fails.
bool EquationPlant::take_step() {
  next_ = y_;
  next_held_ = held_;
  acted_ = 0;
  if (!act(0) || !integrate()) return false;
  evaluator_.clip(next_);
  y_ = next_;
  held_ = next_held_;
  events_ += acted_;
  return true;
}

/// Within the solver's last step.
void EquationPlant::state_at(double within, std::span<double> y) {
  if (within < solver_->time()) return solver_->at(within, y);
  std::copy(solver_->state().begin(), solver_->state().end(), y.begin());
}

/// The solver begins anew where the states are.
void EquationPlant::start(double within) {
  solver_->start(within, next_);
  poles_->start(within, next_);
}

bool EquationPlant::integrate() {
  if (!solver_) return true;
  double begin = 0;
  start(begin);
  while (begin < length_) {
    if (auto failed = solver_->step(length_)) return fail(solver_->time(), std::move(*failed));
    const double end = solver_->time();
    const bool acts = any_risen(end, solver_->state());
    const double when = acts ? locate(begin, end) : end;
    // An event that acts where a rate becomes infinite is in time.
    const double looked_at = acts ? std::nextafter(when, begin) : end;
    state_at(looked_at, trial_);
    if (auto failed = poles_->pass(looked_at, trial_)) return fail(begin, std::move(*failed));
    state_at(when, next_);
    begin = when;
    if (!acts) {
      for (size_t e = 0; e < next_held_.size(); ++e) next_held_[e] = conditions_[e] == 1;
      continue;
    }
    evaluator_.clip(next_);
    if (!act(when)) return false;
    start(begin);
  }
  return true;
}

/// Whether a condition holds that did not when last looked at; conditions_ are then those of this instant.
bool EquationPlant::any_risen(double within, std::span<const double> y) {
  if (held_.empty()) return false;
  evaluator_.conditions(seconds(within), y, conditions_);
  for (size_t e = 0; e < next_held_.size(); ++e)
    if (conditions_[e] == 1 && !next_held_[e]) return true;
  return false;
}

/// The first instant, to the last bit, at which a condition has risen: by halves, since conditions are true
/// or false and nothing between.
double EquationPlant::locate(double low, double high) {
  for (;;) {
    const double middle = low + (high - low) / 2;
    if (middle <= low || middle >= high) return high;
    solver_->at(middle, trial_);
    (any_risen(middle, trial_) ? high : low) = middle;
  }
}

/// Events whose conditions have risen act in their written order, each on what those before it left; then
/// those that rose by it, until none does.
bool EquationPlant::act(double within) {
  while (any_risen(within, next_)) {
    const auto now = conditions_;
    for (size_t e = 0; e < now.size(); ++e) {
      const bool rises = now[e] == 1 && !next_held_[e];
      next_held_[e] = now[e] == 1;
      if (!rises) continue;
      const auto& event = system_->events[e];
      if (++acted_ > kMostEvents) {
        fail(within, event.span, event.name,
             fmt::format("more than {} events within one grid step", kMostEvents),
             "let it come to rest: a reset that leaves the condition false for a while, or a condition that "
             "stays false below some speed or height");
        return false;
      }
      evaluator_.reset(e, seconds(within), next_);
      if (const auto lost = first_not_finite(next_)) {
        fail(within, event.span, system_->states[*lost].name,
             fmt::format("'{}' resets it to {}", event.name, next_[*lost]),
             "a reset that is a number whatever the state");
        return false;
      }
    }
  }
  for (size_t e = 0; e < next_held_.size(); ++e) next_held_[e] = conditions_[e] == 1;
  return true;
}

bool EquationPlant::fail(double within, SolverFailure failure) {
  const auto& state = system_->states[failure.state];
  fail(within, state.span, state.name, std::move(failure.why), std::move(failure.hint));
  return false;
}

void EquationPlant::fail(double within, const Span& span, const std::string& name, std::string why,
                         std::string hint) {
  const Time at = kStart + system_->step * steps_ + nanoseconds(std::llround(within * 1e9));
  breakdown_.push_back({Severity::error, span,
                        fmt::format("at {} '{}' cannot go on: {}", to_string(at - kStart), name, why),
                        std::move(hint)});
}

void EquationPlant::publish() {
  for (size_t i = 0; i < y_.size(); ++i) values_[system_->states[i].port] = y_[i];
  evaluator_.outputs(seconds(0), y_, outputs_);
  for (size_t i = 0; i < outputs_.size(); ++i) values_[system_->outputs[i].port] = outputs_[i];
}

void EquationPlant::save(ArchiveWriter& writer) const {
  writer.section("equations", 1);
  writer.put(now_);
  writer.put(steps_);
  writer.put(latched_);
  writer.put(events_);
  writer.put_vector(values_);
  writer.put_vector(acting_);
  writer.put_vector(y_);
  writer.put_vector(held_);
}

void EquationPlant::restore(ArchiveReader& reader) {
  reader.section("equations", 1);
  now_ = reader.get<Time>();
  steps_ = reader.get<int64_t>();
  latched_ = reader.get<bool>();
  events_ = reader.get<uint64_t>();
  for (auto* values : {&values_, &acting_, &y_}) reader.get_span(std::span(*values));
  reader.get_span(std::span(held_));
  for (size_t i = 0; i < acting_.size(); ++i) evaluator_.set_input(i, acting_[i]);
  breakdown_.clear();
}

}  // namespace looptwin::sim
