// A search for a run that breaks a requirement: asks a searcher, simulates several points at once, and stops
// at the first violation, counted in the searcher's order.
#pragma once

#include <functional>
#include <optional>

#include "testbed/falsify/searcher.h"
#include "testbed/falsify/trial.h"

namespace looptwin::testbed {

struct SearchOutcome {
  size_t runs = 0;  ///< up to the first violation, it included
  std::optional<SearchPoint> found;
  SearchPoint nearest;   ///< the point of the least robustness
  TrialResult result;    ///< at `found`, or at `nearest`
  size_t failed = 0;     ///< runs that could not be simulated
  Diagnostics problems;  ///< of the first of them
};

struct SearchRequest {
  TrialRequest trial;
  SearchMethod method = SearchMethod::guided;
  Duration cycle = seconds(1);  ///< of the scenario
  uint64_t seed = 1;
  size_t runs = 300;  ///< at the most
  int jobs = 1;
  std::function<void(const SearchOutcome& so_far)> progress;  ///< is told between batches of runs
};

/// What has come of it so far, where it is stopped.
SearchOutcome search(const SearchSpace& space, const SearchRequest& request);

/// Several trials on several threads; results in their order. Where it is stopped some are missing.
std::vector<TrialResult> simulate_all(const TrialRequest& request,
                                      const std::vector<std::vector<Setting>>& settings, int jobs);

}  // namespace looptwin::testbed
