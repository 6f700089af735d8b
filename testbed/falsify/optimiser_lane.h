// NLopt turned around: it calls for a value where a search has to ask for a point, give values when they are
// there, and stop in the middle. It runs in a thread of its own that is only ever awake while it is asked.
#pragma once

#include <nlopt.h>

#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace looptwin::testbed {

class OptimiserLane {
 public:
  /// Minimises over the unit box from `start`, beginning with steps of `step`; all it draws comes from
  /// `seed`.
  OptimiserLane(nlopt_algorithm algorithm, std::vector<double> start, double step, unsigned long seed);
  ~OptimiserLane();
  OptimiserLane(const OptimiserLane&) = delete;
  OptimiserLane& operator=(const OptimiserLane&) = delete;

  /// The next point that it wants to know of; nothing when it has found its minimum.
  std::optional<std::vector<double>> ask();
  /// The value at the point that was asked for last.
  void tell(double value);

 private:
  static double evaluate(unsigned n, const double* x, double* gradient, void* lane);
  void work(nlopt_algorithm algorithm, double step, unsigned long seed);

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<double> point_;
  bool asked_ = false;  ///< the point waits for its value
  bool told_ = false;   ///< the value is there
  bool ended_ = false;
  bool stop_ = false;
  double value_ = 0;
  nlopt_opt optimiser_ = nullptr;
  std::thread thread_;
};

}  // namespace looptwin::testbed
