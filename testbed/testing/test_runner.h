// Finds the tests of scenarios and runs them, several at once.
#pragma once

#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "testbed/testing/alarm_gate.h"
#include "testbed/testing/coverage.h"
#include "testbed/testing/judge.h"

namespace looptwin::testbed {

class Extensions;

/// An expectation that was not met, with what there is to know about it.
struct TestFailure {
  Span span;
  std::string what;
  std::vector<std::string> why;
};

struct TestResult {
  std::string file;  ///< as it was named on the command line, or found below
  Span span;
  std::string name;
  uint64_t seeds_run = 0, seeds_failed = 0;
  uint64_t seed = 0;  ///< of a simulated one: the first that failed
  bool passed = true;
  std::vector<TestFailure> failures;
  Diagnostics problems;  ///< it could not be run at all
  std::vector<std::string> warnings;
  std::set<Subject> happened;
  CoverageItems coverage;               ///< where it was asked for
  std::vector<AlarmSample> alarm_runs;  ///< one a seed, of tests with `alarms`
  std::optional<AlarmFindings> alarms;  ///< of them together
  std::vector<std::string> log;         ///< its decisions, where they were asked for; of the first seed
  uint64_t decisions = 0;
  std::string fingerprint;
  double seconds = 0;
};

/// A scenario with its tests, as found.
struct Suite {
  std::filesystem::path scenario;  ///< its folder or file
  std::filesystem::path tests;     ///< beside scenario.yaml; empty where the scenario's files hold them
};

struct TestRequest {
  std::vector<std::filesystem::path> paths;
  std::string filter;   ///< part of a name, or a pattern; empty: all
  int jobs = 0;         ///< 0: as many as the machine has cores
  uint64_t seeds = 0;   ///< of simulated tests; 0: as each says
  bool show = false;    ///< TestResult::log is filled
  bool update = false;  ///< files of decisions are written, not compared
  bool coverage = false;
  bool mutation = false;
  const Extensions* extensions = nullptr;  ///< null: there are none
};

/// How many small faults in a suite's rules its tests have noticed.
struct MutationReport {
  std::string file;
  size_t killed = 0;
  struct Survivor {
    Span span;
    std::string what, hint;
  };
  std::vector<Survivor> survivors;
  double seconds = 0;
  size_t all() const { return killed + survivors.size(); }
};

struct SuiteCoverage {
  std::string file;
  CoverageItems items;
};

struct TestReport {
  std::vector<TestResult> results;  ///< in the order of files and tests, whatever the jobs did
  Diagnostics problems;             ///< files that cannot be read
  double seconds = 0;
  std::vector<SuiteCoverage> coverage;   ///< one a suite with tests, where it was asked for
  std::vector<MutationReport> mutation;  ///< likewise; only of suites whose tests pass
  bool passed() const;
};

/// Scenario folders at or below the paths, each with its tests.yaml; or files. Paths with none are problems.
std::vector<Suite> find_suites(const std::vector<std::filesystem::path>& paths, Diagnostics& problems);

/// `done` is called for each result in order, as soon as it and all before it are there.
TestReport run_tests(const TestRequest& request, const std::function<void(const TestResult&)>& done = {});

}  // namespace looptwin::testbed
