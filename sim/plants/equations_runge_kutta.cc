#include <fmt/format.h>
#include <algorithm>
#include <cmath>

#include "sim/plants/equations_solver.h"

namespace looptwin::sim {
namespace {

class RungeKutta4 final : public EquationSolver {
 public:
  RungeKutta4(size_t states, Rates rates)
      : rates_(std::move(rates)), before_(states), y_(states), stage_(states), sum_(states), k_(states) {}

  void start(double t, std::span<const double> y) override {
    time_ = begin_ = t;
    std::copy(y.begin(), y.end(), y_.begin());
  }

  std::optional<SolverFailure> step(double end) override {
    begin_ = time_;
    before_ = y_;
    at(end, y_);
    time_ = end;
    const auto lost = first_not_finite(y_);
    if (!lost) return std::nullopt;
    return SolverFailure{*lost,
                         fmt::format("it went from {:.6g} to {} in one step", before_[*lost], y_[*lost]),
                         "shorten step:, or solver: cvode; or its rate divides by zero, or takes a root of "
                         "something negative"};
  }

  double time() const override { return time_; }
  std::span<const double> state() const override { return y_; }

  /// A step of another length from the same beginning.
  void at(double t, std::span<double> y) override {
    const double h = t - begin_;
    rates_(begin_, before_, k_);
    sum_ = k_;
    for (const double part : {0.5, 0.5, 1.0}) {
      for (size_t i = 0; i < k_.size(); ++i) stage_[i] = before_[i] + part * h * k_[i];
      rates_(begin_ + part * h, stage_, k_);
      const double weight = part == 1.0 ? 1 : 2;
      for (size_t i = 0; i < k_.size(); ++i) sum_[i] += weight * k_[i];
    }
    for (size_t i = 0; i < k_.size(); ++i) y[i] = before_[i] + h / 6 * sum_[i];
  }

 private:
  Rates rates_;
  double begin_ = 0, time_ = 0;
  std::vector<double> before_, y_, stage_, sum_, k_;
};

}  // namespace

std::unique_ptr<EquationSolver> make_runge_kutta4(size_t states, EquationSolver::Rates rates) {
  return std::make_unique<RungeKutta4>(states, std::move(rates));
}

std::optional<size_t> first_not_finite(std::span<const double> values) {
  const auto lost = std::find_if(values.begin(), values.end(), [](double v) { return !std::isfinite(v); });
  if (lost == values.end()) return std::nullopt;
  return static_cast<size_t>(lost - values.begin());
}

}  // namespace looptwin::sim
