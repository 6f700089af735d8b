// What a test found about the alarm system: a table for people, failures, and JSON.
#pragma once

#include <string>
#include <vector>

#include "base/json_tree.h"
#include "testbed/testing/test_runner.h"

namespace looptwin::testbed {

/// A line a figure, and what came most often.
std::vector<std::string> alarm_table(const AlarmFindings& findings);

/// One for each limit that is not kept, or not shown to be. `command(seed)` runs the scenario as the test
/// does; empty: nothing does.
std::vector<TestFailure> alarm_failures(const AlarmFindings& findings,
                                        const std::function<std::string(uint64_t seed)>& command);

Json alarm_json(const AlarmFindings& findings);

}  // namespace looptwin::testbed
