// Names that a run folder has for itself (docs/formats/run.md), which models, fields and derived values of a
// scenario may not have beside them.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace looptwin::testbed {

/// Of logs: groups of a segment, as models are.
inline constexpr std::array<std::string_view, 8> kRunLogs{
    "decisions", "inputs", "operator", "published", "alarms", "alarm_journal", "packets", "packet_samples"};
/// Of a grid beside its variables.
inline constexpr std::array<std::string_view, 4> kGridParts{"time", "device", "phase", "late"};
/// Of a grid of samples, too.
inline constexpr std::string_view kTakenInAfter = "taken_in_after";
/// The table of the whole site's values where a model is called `site`.
inline constexpr std::string_view kWholeSite = "whole_site";
/// Ends the name of the table of those devices of a model whose samples are kept.
inline constexpr std::string_view kKeptEnding = "_kept";

template <typename Names>
bool is_one_of(std::string_view name, const Names& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace looptwin::testbed
