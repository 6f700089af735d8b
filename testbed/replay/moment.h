// A moment of a run as it is given on a command line: how long after the run's start, "90 min".
#pragma once

#include <string>

#include "base/result.h"
#include "base/time.h"

namespace looptwin::testbed {

/// `option`: what gave it, for messages.
Result<Time> moment_of(const std::string& option, const std::string& text);

}  // namespace looptwin::testbed
