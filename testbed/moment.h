// A moment of a run as it is given on a command line: how long after the run's start, "90 min"; or as runs
// print times, "14:03:20" and "1d 02:00:00".
#pragma once

#include <string>

#include "base/result.h"
#include "base/time.h"

namespace looptwin::testbed {

/// `option`: what gave it, for messages.
Result<Time> moment_of(const std::string& option, const std::string& text);

}  // namespace looptwin::testbed
