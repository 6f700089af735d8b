// What is written of a sequence that was carried out: for CI (JUnit XML), for programs (JSON,
// docs/formats/sequence.md), for people (one HTML page that needs nothing else, and rows of the summary).
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "testbed/sequence/sequence_result.h"

namespace looptwin::testbed {

using Facts = std::vector<std::pair<std::string, std::string>>;  ///< (what, its value), for people

/// What is known of the run and its devices, besides what the sequence has seen.
struct SequenceFacts {
  Facts run;  ///< versions, scenario, seed …
  /// By device: who it is, as far as anybody has said: serial numbers, firmware.
  std::map<std::string, Facts> devices;
  std::string pace;  ///< pace.json of a rig; empty: none
};

std::string sequence_json(const SequenceResult& result, const SequenceFacts& facts);
std::string sequence_junit(const SequenceResult& result, const SequenceFacts& facts);
std::string sequence_html(const SequenceResult& result, const SequenceFacts& facts);
/// sequence.json, sequence.xml and sequence.html in the run folder.
Result<void> write_reports(const std::filesystem::path& folder, const SequenceResult& result,
                           const SequenceFacts& facts);
void print_sequence(const SequenceResult& result);

// Shared by them.
/// "2.31 m", "unknown".
std::string shown_number(double value, const std::string& unit);
/// "0.5 m to 2 m", "at least 3 s"; empty where there is none.
std::string shown_limits(const StepResult& step);

}  // namespace looptwin::testbed
