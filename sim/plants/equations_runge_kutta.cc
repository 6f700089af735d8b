#include <fmt/format.h>
#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "sim/plants/equations_solver.h"

namespace looptwin::sim {
namespace {

/// kᵢ = f(t + cᵢh, y + h·Σaᵢⱼkⱼ), y⁺ = y + h/d·Σbᵢkᵢ: a by rows, of which the first stage has none; cᵢ =
/// Σaᵢⱼ.
struct Tableau {
  std::vector<std::vector<double>> a;
  std::vector<double> c;
  std::vector<double> b;
  double d = 1;
};

const Tableau& tableau_of(EquationMethod method) {
  static const Tableau kRungeKutta4{{{1. / 2}, {0, 1. / 2}, {0, 0, 1}}, {1. / 2, 1. / 2, 1}, {1, 2, 2, 1}, 6};
  // Dormand, Prince: J. Comput. Appl. Math. 6, 1980.
  static const Tableau kDormandPrince5{{{1. / 5},
                                        {3. / 40, 9. / 40},
                                        {44. / 45, -56. / 15, 32. / 9},
                                        {19372. / 6561, -25360. / 2187, 64448. / 6561, -212. / 729},
                                        {9017. / 3168, -355. / 33, 46732. / 5247, 49. / 176, -5103. / 18656}},
                                       {1. / 5, 3. / 10, 4. / 5, 8. / 9, 1},
                                       {35. / 384, 0, 500. / 1113, 125. / 192, -2187. / 6784, 11. / 84}};
  switch (method) {
    case EquationMethod::runge_kutta4:
      return kRungeKutta4;
    case EquationMethod::dormand_prince5:
      return kDormandPrince5;
    case EquationMethod::cvode:
      break;
  }
  LT_CHECK(false, "no explicit method");
}

class RungeKutta final : public EquationSolver {
 public:
  RungeKutta(const Tableau& tableau, size_t states, Rates rates)
      : tableau_(tableau),
        rates_(std::move(rates)),
        before_(states),
        y_(states),
        stage_(states),
        k_(tableau.b.size(), std::vector<double>(states)) {}

  void start(double t, std::span<const double> y) override {
    time_ = begin_ = t;
    std::copy(y.begin(), y.end(), y_.begin());
  }

  std::optional<SolverFailure> step(double end) override {
    begin_ = time_;
    before_ = y_;
    at(end, y_);
    time_ = end;
    auto lost = first_not_finite(y_);
    if (!lost) return std::nullopt;
    // The others may have lost theirs by it: to blame is whose rate was not finite first.
    for (const auto& rates : k_)
      if (const auto first = first_not_finite(rates)) {
        lost = first;
        break;
      }
    return SolverFailure{
        *lost, fmt::format("it went from {:.6g} to {} in one step", before_[*lost], y_[*lost]),
        "shorten step:, or solver: cvode; or it grows without bound: bound it by limits:; or "
        "its rate divides by zero, or takes a root of something negative"};
  }

  double time() const override { return time_; }
  std::span<const double> state() const override { return y_; }

  /// A step of another length from the same beginning.
  void at(double t, std::span<double> y) override {
    const double h = t - begin_;
    rates_(begin_, before_, k_[0]);
    for (size_t s = 0; s < tableau_.a.size(); ++s) {
      const auto& parts = tableau_.a[s];
      for (size_t i = 0; i < stage_.size(); ++i) {
        stage_[i] = before_[i];
        for (size_t j = 0; j < parts.size(); ++j)
          if (parts[j] != 0) stage_[i] += parts[j] * h * k_[j][i];
      }
      rates_(begin_ + tableau_.c[s] * h, stage_, k_[s + 1]);
    }
    for (size_t i = 0; i < stage_.size(); ++i) {
      double sum = 0;
      for (size_t s = 0; s < k_.size(); ++s) sum += tableau_.b[s] * k_[s][i];
      y[i] = before_[i] + h / tableau_.d * sum;
    }
  }

 private:
  const Tableau& tableau_;
  Rates rates_;
  double begin_ = 0, time_ = 0;
  std::vector<double> before_, y_, stage_;
  std::vector<std::vector<double>> k_;
};

}  // namespace

std::unique_ptr<EquationSolver> make_runge_kutta(EquationMethod method, size_t states,
                                                 EquationSolver::Rates rates) {
  return std::make_unique<RungeKutta>(tableau_of(method), states, std::move(rates));
}

std::optional<size_t> first_not_finite(std::span<const double> values) {
  const auto lost = std::find_if(values.begin(), values.end(), [](double v) { return !std::isfinite(v); });
  if (lost == values.end()) return std::nullopt;
  return static_cast<size_t>(lost - values.begin());
}

}  // namespace looptwin::sim
