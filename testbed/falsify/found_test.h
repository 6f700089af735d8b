// A violation as a test of tests.yaml: it fails until the rules are mended, and then stays to see that they
// stay so.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "testbed/testing/test_config.h"

namespace looptwin::testbed {

struct FoundTest {
  std::string name, requirement;
  std::vector<Setting> settings;  ///< all that differs from the scenario
};

/// The entry of the list `tests:`, its lines indented by so many spaces.
std::string test_text(const FoundTest& test, size_t indent);

/// Adds tests to a file, which is made where there is none; names that it has already get a number. Returns
/// their names. On an error the file stays as it was.
Result<std::vector<std::string>> add_tests(const std::filesystem::path& file, std::vector<FoundTest> tests);

}  // namespace looptwin::testbed
