// Why an expectation was not met: the condition that decided, with its values on the device at that time, and
// how the nearest comparison went, as a plot.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "testbed/testing/stage.h"

namespace looptwin::testbed {

/// Makes a stage on which the test begins, as often as it is asked: the test is played again to look closer.
using MakeStage = std::function<std::unique_ptr<Stage>()>;

/// Lines to read below the message; empty where nothing is known.
std::vector<std::string> reasons_of(const Unmet& unmet, const MakeStage& make_stage);
/// The same where tests share their stage.
std::vector<std::string> reasons_of(const Unmet& unmet, Stage& stage, const TestConfig& test);

}  // namespace looptwin::testbed
