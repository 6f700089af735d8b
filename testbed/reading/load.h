// The top of a scenario file as a table of keys, and what else is read by such tables: scenarios that stand
// in no file, and what people do while a run is under way. load() itself is declared in testbed/scenario.h.
#pragma once

#include "testbed/reading/resolve.h"

namespace looptwin::testbed {

const Section<Draft>& scenario_section();

/// load() of a text that stands in no file; its source's name is shown in messages. What it uses is looked
/// for from `folder`.
Result<Scenario> load_text(const SourcePtr& text, const std::filesystem::path& folder,
                           const std::vector<Setting>& settings = {});

/// One entry of a script as YAML, `{by: anna, set: {most: 40 kW}}`, checked against a loaded scenario.
/// Without `after` it is done at the start.
Result<std::vector<ScriptConfig>> read_act(const Scenario& scenario, const lang::Units& units,
                                           const SourcePtr& text);

}  // namespace looptwin::testbed
