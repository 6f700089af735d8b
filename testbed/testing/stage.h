// Where tests are played: one assembly of a scenario as some settings make it, which begins anew for each
// test. Building it is what takes long, so tests with equal settings share one.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "testbed/assembly.h"
#include "testbed/sim_transport.h"
#include "testbed/testing/courses.h"
#include "testbed/testing/judge.h"
#include "testbed/testing/series_fleet.h"

namespace looptwin::testbed {

class Stage {
 public:
  /// With devices that report what is written. The scenario's own faults, restarts and script do not happen.
  static Result<std::unique_ptr<Stage>> written(Scenario scenario, bool coverage = false);
  /// With the scenario's plants and devices, for one run. Without `seed` it is the scenario's.
  static Result<std::unique_ptr<Stage>> simulated(Scenario scenario, const TestConfig& test,
                                                  std::optional<uint64_t> seed);

  /// Back to the start, with what the test gives: its names and values are checked for this fleet.
  Result<void> begin(const TestConfig& test);
  /// Boundaries up to `until`, or to the end of the test. `each` is called after every one. False when the
  /// plant could not go on (assembly().transport().breakdown() says why).
  bool play(Time until, const std::function<void(Time)>& each = {});
  Time end() const { return end_; }

  Assembly& assembly() { return *assembly_; }
  std::span<const mml::Record> records() const { return log_.records(); }

 private:
  Stage() = default;
  Time end_of(const TestConfig& test) const;
  bool simulate(Time until, const std::function<void(Time)>& each);

  DecisionLog log_;
  std::unique_ptr<Assembly> assembly_;
  SeriesFleet* fleet_ = nullptr;  ///< the assembly's; null where it is simulated
  std::vector<std::byte> start_;  ///< the assembly as it begins
  Courses courses_;
  std::vector<size_t> replaced_;  ///< signals of feeds
  Time end_;
};

}  // namespace looptwin::testbed
