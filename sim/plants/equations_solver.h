// How a plant of equations is integrated: step by step over y' = f(t, y), each step with its own interpolant,
// so that events are found the same way whatever the method.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sim/plants/equations_config.h"

namespace looptwin::sim {

/// Why a solver cannot go on.
struct SolverFailure {
  size_t state = 0;  ///< which is to blame most
  std::string why;   ///< "its error stays at 3.2 times the tolerance however short the step"
  std::string hint;
};

class EquationSolver {
 public:
  /// f: fills the rates at (t, y).
  using Rates = std::function<void(double t, std::span<const double> y, std::span<double> rates)>;

  virtual ~EquationSolver() = default;
  /// Begins anew at (t, y), forgetting all: the same steps follow from the same (t, y).
  virtual void start(double t, std::span<const double> y) = 0;
  /// One step, of a length that the method chooses, not beyond `end`. After a failure only start() may
  /// follow.
  virtual std::optional<SolverFailure> step(double end) = 0;
  virtual double time() const = 0;
  virtual std::span<const double> state() const = 0;
  /// The state at a time within the last step.
  virtual void at(double t, std::span<double> y) = 0;
};

/// An explicit method, always to the end in one step: runge_kutta4 or dormand_prince5.
std::unique_ptr<EquationSolver> make_runge_kutta(EquationMethod method, size_t states,
                                                 EquationSolver::Rates rates);

/// SUNDIALS CVODE: backward differentiation formulas of order 1 to 5, Newton's method with a dense Jacobian
/// from differences. The local error of state i stays below relative·|y_i| + absolute[i]. Bits are the same
/// on one kind of machine.
std::unique_ptr<EquationSolver> make_cvode(size_t states, EquationSolver::Rates rates, double relative,
                                           std::span<const double> absolute);

/// The first that is not finite.
std::optional<size_t> first_not_finite(std::span<const double> values);

}  // namespace looptwin::sim
