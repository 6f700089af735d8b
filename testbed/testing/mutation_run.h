// Plays the tests of a suite on each of its rules' mutants, until one notices.
#pragma once

#include <vector>

#include "testbed/testing/test_runner.h"

namespace looptwin::testbed {

class Extensions;

/// Tests that are given what happens; simulated ones would take long. All of them pass on the rules as they
/// are.
MutationReport mutate(const Suite& suite, const std::vector<TestConfig>& tests, int threads,
                      const Extensions* extensions = nullptr);

}  // namespace looptwin::testbed
