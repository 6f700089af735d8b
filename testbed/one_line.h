// What a span of a file says, on one line: for messages that quote expressions.
#pragma once

#include <string>

#include "base/result.h"

namespace looptwin::testbed {

/// Runs of spaces and line ends become one space; empty where the span points nowhere.
std::string in_one_line(const Span& span);

}  // namespace looptwin::testbed
