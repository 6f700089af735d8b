// One simulation of a search: a scenario as some settings make it, and how near it comes to breaking a
// requirement.
#pragma once

#include <atomic>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "testbed/scenario.h"

namespace looptwin::testbed {

struct TrialResult {
  /// The robustness of the device that is nearest to failing, in the unit of its formula; below zero (or -0)
  /// where it is violated. Infinite where nothing is known. A run that has violated it ends, so that it may
  /// be not the least.
  double robustness = 0;
  bool violated = false;
  std::string line;      ///< of the run's summary: the requirement, and what decided
  Time ended;            ///< of the simulation
  Diagnostics problems;  ///< not empty: it could not be simulated, or not to its end
};

struct TrialRequest {
  std::filesystem::path scenario;
  std::vector<Setting> base;                ///< of all trials
  std::string requirement;                  ///< its name
  const std::atomic<bool>* stop = nullptr;  ///< turns true when no more are wanted
  const Extensions* extensions = nullptr;   ///< null: there are none

  bool stopped() const { return stop != nullptr && stop->load(std::memory_order_relaxed); }
};

TrialResult simulate(const TrialRequest& request, const std::vector<Setting>& settings);

}  // namespace looptwin::testbed
