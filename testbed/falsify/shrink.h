// A violation made small: entries that are not needed are dropped, values go back to what the scenario says,
// lists become steady, numbers short, times early, fleets few, and the run ends where it is decided; each
// step is kept only if the requirement is still violated.
#pragma once

#include "testbed/falsify/search.h"

namespace looptwin::testbed {

/// A scenario that violates a requirement.
struct Violation {
  SearchPoint point;
  std::vector<bool> untouched;   ///< [variable] of values: as the scenario has it
  std::vector<Setting> further;  ///< of fleets and of the run's length
  TrialResult result;

  /// All that differs from the scenario.
  std::vector<Setting> settings(const SearchSpace& space) const;
};

struct Shrunk {
  Violation violation;
  size_t runs = 0;
};

/// `found`: where it is violated. At most `runs` simulations.
Shrunk shrink(const SearchSpace& space, const TrialRequest& request, const Scenario& scenario,
              const SearchPoint& found, const TrialResult& result, size_t runs, int jobs);

}  // namespace looptwin::testbed
