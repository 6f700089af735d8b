// Decisions as lines of text: what `looptwin test --show` prints, and golden files hold.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "mml/records.h"
#include "testbed/assembly.h"

namespace looptwin::testbed {

/// "00:05:00  claimed  setback: cool = 27 degC  block-1/home-1", one a record.
std::vector<std::string> decision_lines(std::span<const mml::Record> records, Assembly& assembly);

}  // namespace looptwin::testbed
