// search: what `looptwin falsify` may vary.
#pragma once

#include "testbed/reading/keys.h"
#include "testbed/reading/values.h"
#include "testbed/scenario.h"

namespace looptwin::testbed {

const Section<SearchConfig>& search_section();
/// Finds what the paths of `search:` lead to, once settings are applied; those that lead nowhere are reported
/// by a later load that sets them.
void find_searched(const yaml::Node& root, SearchConfig& search);

}  // namespace looptwin::testbed
