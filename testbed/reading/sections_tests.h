// tests: what is given to the rules, and what is expected of them.
#pragma once

#include <string>
#include <vector>

#include "testbed/reading/keys.h"
#include "testbed/reading/sections_people.h"
#include "testbed/testing/test_config.h"

namespace looptwin::testbed {

/// A test whose script waits until people, inputs and alarms are known.
struct TestDraft : TestConfig {
  std::vector<ScriptDraft> acts;
};

const Section<TestDraft>& test_section();
const Section<AlarmLimitsConfig>& alarm_limits_section();

}  // namespace looptwin::testbed
