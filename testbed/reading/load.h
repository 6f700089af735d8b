// The top of a scenario file as a table of keys, and what else is read by such tables: scenarios that stand
// in no file, and what people do while a run is under way. load() itself is declared in testbed/scenario.h.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "testbed/reading/left_out.h"
#include "testbed/reading/resolve.h"

namespace looptwin::testbed {

const Section<Draft>& scenario_section();

struct Reading {
  std::optional<Scenario> scenario;  ///< where it has no error
  Diagnostics problems;
  bool all_read = false;           ///< problems are of what sections say about each other
  std::vector<SourcePtr> sources;  ///< in the order of reading
  yaml::Node root;                 ///< what was read
};
/// load() of what is left without `left_out`, for who looks for what else is wrong: what sections say about
/// each other is only looked at where each is right by itself.
Reading read(const std::filesystem::path& path, const std::vector<Setting>& settings,
             const Extensions* extensions, const LeftOut& left_out);

/// By file in the order of reading, what was given on the command line last, then by place; equal places stay
/// in order.
void sort(Diagnostics& problems, const std::vector<SourcePtr>& sources);

/// load() of a text that stands in no file; its source's name is shown in messages. What it uses is looked
/// for from `folder`.
Result<Scenario> load_text(const SourcePtr& text, const std::filesystem::path& folder,
                           const std::vector<Setting>& settings = {}, const Extensions* extensions = nullptr);

/// What a scenario says at a path, as `--set` names it, with these settings: nothing where the path may be
/// written and is not. `text`: what stands in no file; null: the file or folder
/// `path` is read.
Result<std::optional<yaml::Node>> written_at(const std::string& what, const SourcePtr& text,
                                             const std::filesystem::path& path,
                                             const std::vector<Setting>& settings);

/// One fault as YAML, `{device: home-7, kind: stuck, sensor: temperature}`, checked against a loaded
/// scenario. Without `after` it comes at once.
Result<sim::FaultConfig> read_fault(const Scenario& scenario, const lang::Units& units,
                                    const SourcePtr& text);

/// One entry of a script as YAML, `{by: anna, set: {most: 40 kW}}`, checked against a loaded scenario.
/// Without `after` it is done at the start.
Result<std::vector<ScriptConfig>> read_act(const Scenario& scenario, const lang::Units& units,
                                           const SourcePtr& text);

}  // namespace looptwin::testbed
