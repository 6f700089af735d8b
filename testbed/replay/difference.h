// What two logs of decisions differ by: which decisions appeared, vanished or moved, and which was the first.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "testbed/replay/decision_rows.h"

namespace looptwin::testbed {

struct Change {
  /// Moved: the same decision by kind, subject, device, quantity and occurrence (the first with the first,
  /// the second with the second …), at another time, with another value, or for another cause.
  enum class Is : uint8_t { appeared, vanished, moved } is = Is::moved;
  DecisionRow a, b;  ///< a: absent where it appeared; b: absent where it vanished
  Time at() const;   ///< the earlier one's
};
const char* name_of(Change::Is is);

struct Difference {
  struct Counts {
    uint64_t equal = 0, appeared = 0, vanished = 0, moved = 0;
    bool any() const { return appeared + vanished + moved > 0; }
  };
  Counts all;
  std::map<std::string, Counts> by_subject;  ///< those with any change
  std::vector<Change> changes;               ///< by time
  bool reordered = false;                    ///< no change, but within a boundary they come in another order
  bool equal() const { return !all.any() && !reordered; }
};
Difference compare(const DecisionRows& a, const DecisionRows& b, const TextPool& pool);

/// "14:03:20 claimed setback on block-1/home-2: cool 25 degC"
std::string said(const DecisionRow& row, const TextPool& pool);
/// What led to a decision, the nearest first: those rows of its log that its causes name.
std::vector<DecisionRow> causes_of(const DecisionRow& row, const DecisionRows& log, const TextPool& pool);

/// The first thing that was taken in otherwise up to a time: comings and goings, acknowledgements, people's
/// actions and samples, as far as both run folders hold them. In words; empty where nothing differs.
Result<std::string> first_differing_input(const std::filesystem::path& a, const std::filesystem::path& b,
                                          Time after, Time until, const StopAsked& stop = {});

}  // namespace looptwin::testbed
