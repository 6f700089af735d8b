// What requirements came to, for people and for programs: rows of a run's summary, and requirements.json of
// its folder (docs/formats/run.md).
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "testbed/requirements/requirements.h"

namespace looptwin::testbed {

/// The results of one requirement, counted.
struct RequirementTally {
  size_t held = 0, violated = 0, undecided = 0;
  const RequirementResult* worst =
      nullptr;               ///< of the verdict that the requirement has; null: it is of no device
  Time open_since = kNever;  ///< the earliest of all devices
  Verdict verdict() const {
    return violated > 0 ? Verdict::violated : undecided > 0 ? Verdict::undecided : Verdict::held;
  }
};
/// One for each of `requirements`, in order.
std::vector<RequirementTally> tallies(const std::vector<Requirement>& requirements,
                                      const std::vector<RequirementResult>& results);

/// A line for each requirement. `end`: of the run.
std::vector<std::string> lines(const std::vector<Requirement>& requirements,
                               const std::vector<RequirementResult>& results, Time end);

std::string requirements_json(const std::vector<Requirement>& requirements,
                              const std::vector<RequirementResult>& results);

}  // namespace looptwin::testbed
