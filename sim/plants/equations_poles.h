// Whether a state's rate has gone through infinity between two looks: 1/x, once x has changed its sign. A
// solver may step over such a place and go on with what no equation says. What passes through 0, or jumps, is
// none.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "sim/plants/equations_solver.h"
#include "sim/plants/equations_system.h"

namespace looptwin::sim {

class PoleWatch {
 public:
  PoleWatch(const EquationSystem& system, EquationSolver::Rates rates);

  /// Begins anew at (t, y).
  void start(double t, std::span<const double> y);
  /// On to (t, y): why it cannot be, where a rate has gone through infinity on the straight line to there.
  std::optional<SolverFailure> pass(double t, std::span<const double> y);

 private:
  bool is_between(size_t state, double t, std::span<const double> y);

  EquationSolver::Rates rates_;
  std::vector<size_t> watched_;  ///< states whose rates divide by what moves
  double time_ = 0;
  std::vector<double> y_, before_, after_;  ///< the states at `time_`, their rates, those of the next look
  std::vector<double> trial_, trial_rates_;
};

}  // namespace looptwin::sim
