// What replays and differences come to, for people and for programs.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "testbed/replay/difference.h"
#include "testbed/replay/replay.h"

namespace looptwin::testbed {

/// "event peak_ahead would have fired 3 times: 14:03:20 on block-1, ..."
std::string firing_lines(const std::vector<Firing>& firings, bool other_rules);
std::string firings_json(const std::vector<Firing>& firings, const Replayed& replayed,
                         const std::string& recorded_fingerprint);

/// What two logs of decisions differ by, with the first difference and what led to it.
struct DifferenceReport {
  std::string a, b;  ///< what they are of
  const DecisionRows& rows_a;
  const DecisionRows& rows_b;
  const Difference& difference;
  std::string input;  ///< the first that differs; empty: none known
  bool one_recording = false;
};
std::string difference_text(const DifferenceReport& report, const TextPool& pool, size_t shown);
std::string difference_json(const DifferenceReport& report, const TextPool& pool);

/// What two run folders differ by, told as text, as JSON, or both. A fork is compared from where it left its
/// trunk. `stop` ends it early.
struct DifferenceForms {
  std::optional<size_t> show;  ///< as text, with so many differences
  bool json = false;
};
struct ToldDifference {
  bool equal = false;
  std::string text, json;
};
Result<ToldDifference> difference_of_runs(const std::filesystem::path& a, const std::filesystem::path& b,
                                          const DifferenceForms& forms, const StopAsked& stop = {});

}  // namespace looptwin::testbed
