// Whether a state's rate has gone through infinity between two looks: 1/x, once x has changed its sign. A
// solver may step over such a place and go on with what no equation says. What passes through 0, or jumps, is
// none.
#pragma once

#include <array>
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
  static constexpr size_t kParts = 4;
  static constexpr double kPart = 1.0 / kParts;
  /// From the last look to this one.
  struct Line {
    double t;
    std::span<const double> y;
  };
  /// Two places on a line, in parts of it, between which a rate changes its sign.
  struct Turn {
    double low, high;
    double before, after;  ///< the rate
  };
  void find_turned(const Line& line);
  void rates_at(double part, const Line& line, std::span<double> out);
  bool is_infinite_on(const Line& line, size_t state);
  bool leads_to_infinity(const Line& line, size_t state, Turn turn, double least);

  EquationSolver::Rates rates_;
  std::vector<size_t> watched_;  ///< states whose rates divide by what moves
  std::vector<double> tolerances_;
  double time_ = 0;
  std::vector<double> y_;                              ///< at the last look
  std::array<std::vector<double>, kParts + 1> looks_;  ///< rates there, at parts of the line, and at its end
  std::vector<size_t> turned_;                         ///< of watched_: whose rates have changed their sign
  std::vector<double> trial_, rates_there_;
};

}  // namespace looptwin::sim
