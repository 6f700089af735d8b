// For tests of what happens: a simulation of a scenario that stands in a text.
#pragma once

#include <memory>
#include <string>

#include "testbed/simulation.h"

namespace looptwin::testbed::test {

/// On one thread; fails the test with all problems where there is none.
std::unique_ptr<Simulation> simulated(const std::string& text);

}  // namespace looptwin::testbed::test
