// The shipped scenarios' alarm systems: good enough as they are, and no more when a delay or a deadband is
// taken away.
#include <catch2/catch.hpp>
#include <filesystem>
#include <sstream>

#include "loading.h"
#include "testbed/testing/test_reports.h"
#include "testbed/testing/test_runner.h"

using namespace looptwin::testbed;
using namespace looptwin::testbed::test;

namespace {

constexpr const char* kFeeder = "a feeder that is nearly full on a hot day does not keep ringing";
constexpr const char* kLeak = "a leak rings no more than a controller can answer";

/// One test of a shipped scenario, with one text of its rules replaced.
TestResult played(const std::string& scenario, const std::string& test, const std::string& from = {},
                  const std::string& to = {}) {
  const Folder folder;
  std::filesystem::copy(std::string(LT_SOURCE_DIR "/scenarios/") + scenario, folder.path(),
                        std::filesystem::copy_options::recursive);
  auto rules = read_text(folder.path() / "rules.yaml");
  const size_t at = rules.find(from);
  REQUIRE(at != std::string::npos);
  folder.write("rules.yaml", rules.replace(at, from.size(), to));
  auto report = run_tests({.paths = {folder.path()}, .filter = test});
  INFO(render(report.problems));
  REQUIRE(report.results.size() == 1);
  return report.results[0];
}

/// A line of what the page prints that is not in this output; empty: there is none.
std::string missing_from_page(const std::string& output) {
  const auto page = read_text(LT_SOURCE_DIR "/docs/testing-rules.md");
  const size_t begin = page.find("        tests.yaml:147:19: per_hour");
  REQUIRE(begin != std::string::npos);
  std::istringstream lines(page.substr(begin, page.find("```", begin) - begin));
  for (std::string line; std::getline(lines, line);)
    if (line.find("...") == std::string::npos && output.find(line + '\n') == std::string::npos) return line;
  return {};
}

bool fails_by(const TestResult& result, const std::string& figure) {
  for (const auto& failure : result.failures)
    if (failure.what.find(figure) == 0) return true;
  return false;
}

}  // namespace

TEST_CASE("smart-meters: a nearly full feeder rings little, and too much without its deadband or its delay") {
  const auto good = played("smart-meters", kFeeder);
  INFO(test_lines(good, false));
  CHECK(good.passed);
  const auto nervous = played("smart-meters", kFeeder, "    deadband: 100 kW\n");
  CHECK(nervous.seeds_failed == 0);
  CHECK(fails_by(nervous, "fleeting is above 0"));
  const auto hasty =
      played("smart-meters", kFeeder, "    on_delay: 2 min\n    priority: high\n", "    priority: high\n");
  CHECK(hasty.seeds_failed == 0);
  CHECK(fails_by(hasty, "per_hour is "));
  const auto text = test_lines(hasty, false);
  INFO(text);
  CHECK(missing_from_page(text) == "");
}

TEST_CASE("gas-pipeline: a leak rings little, and too much without the delay of the meters' alarm") {
  const auto good = played("gas-pipeline", kLeak);
  INFO(test_lines(good, false));
  CHECK(good.passed);
  const auto hasty =
      played("gas-pipeline", kLeak, "    on_delay: 10 min\n    priority: low\n", "    priority: low\n");
  CHECK(hasty.seeds_failed == 0);
  CHECK(fails_by(hasty, "fleeting is above 0"));
}
