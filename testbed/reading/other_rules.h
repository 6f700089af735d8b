// Other rules on the same scenario: what `looptwin replay --rules` puts in place of the rules that a run was
// recorded with. Models, fleet, feeds and people stay, because they are what the recording is of.
#pragma once

#include <filesystem>
#include <vector>

#include "testbed/reading/files.h"
#include "testbed/reading/keys.h"
#include "testbed/scenario.h"

namespace looptwin::testbed {

/// Takes events, rules, alarms, derived and machines out of the files, and those of the other file or
/// scenario in; then applies its settings, which may lead into these sections only. What speaks of rules by
/// name (tests, requirements, script) is taken out.
void replace_rules(const OtherRules& other, const SectionInfo& root_section, Files& files,
                   Diagnostics& problems);

}  // namespace looptwin::testbed
