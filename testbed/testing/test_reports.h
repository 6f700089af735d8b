// What `looptwin test` says: to people, and to CI as JUnit XML, JSON or GitHub annotations.
#pragma once

#include <string>

#include "testbed/testing/test_runner.h"

namespace looptwin::testbed {

enum class TestFormat : uint8_t { text, junit, json, github };

/// One test for people, its reasons below it where it failed. `file` says whether its file's name goes first.
std::string test_lines(const TestResult& result, bool file);
/// "12 tests, 1 failed, in 0.31 s", and what could not be read.
std::string test_summary(const TestReport& report);
/// What the tests have not seen, and which faults they would not notice.
std::string coverage_lines(const TestReport& report);
std::string mutation_lines(const TestReport& report);

/// 1 where there is nothing.
double share_of(size_t part, size_t all);

std::string junit_xml(const TestReport& report);
std::string test_json(const TestReport& report);
/// `::error file=...,line=...::message`, one for each failure and warning.
std::string github_annotations(const TestReport& report);

}  // namespace looptwin::testbed
