#include "testbed/falsify/optimiser_lane.h"

#include <algorithm>

namespace looptwin::testbed {

OptimiserLane::OptimiserLane(nlopt_algorithm algorithm, std::vector<double> start, double step,
                             unsigned long seed)
    : point_(std::move(start)), thread_([this, algorithm, step, seed] { work(algorithm, step, seed); }) {}

OptimiserLane::~OptimiserLane() {
  {
    const std::scoped_lock lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

std::optional<std::vector<double>> OptimiserLane::ask() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return asked_ || ended_; });
  if (ended_) return std::nullopt;
  return point_;
}

void OptimiserLane::tell(double value) {
  const std::scoped_lock lock(mutex_);
  value_ = value;
  asked_ = false;
  told_ = true;
  changed_.notify_all();
}

double OptimiserLane::evaluate(unsigned n, const double* x, double* /*gradient*/, void* lane) {
  auto& self = *static_cast<OptimiserLane*>(lane);
  std::unique_lock lock(self.mutex_);
  self.point_.assign(x, x + n);
  self.asked_ = true;
  self.changed_.notify_all();
  self.changed_.wait(lock, [&] { return self.told_ || self.stop_; });
  self.told_ = false;
  if (self.stop_) nlopt_force_stop(self.optimiser_);
  return self.value_;
}

void OptimiserLane::work(nlopt_algorithm algorithm, double step, unsigned long seed) {
  nlopt_srand(seed);  // of this thread: NLopt's draws are thread-local
  std::vector<double> x = point_;
  const auto n = static_cast<unsigned>(x.size());
  optimiser_ = nlopt_create(algorithm, n);
  nlopt_set_lower_bounds1(optimiser_, 0);
  nlopt_set_upper_bounds1(optimiser_, 1);
  nlopt_set_initial_step1(optimiser_, step);
  nlopt_set_xtol_abs1(optimiser_, 1e-3);
  nlopt_set_min_objective(optimiser_, &OptimiserLane::evaluate, this);
  double least = 0;
  nlopt_optimize(optimiser_, x.data(), &least);
  nlopt_destroy(optimiser_);
  const std::scoped_lock lock(mutex_);
  ended_ = true;
  changed_.notify_all();
}

}  // namespace looptwin::testbed
