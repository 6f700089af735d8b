// looptwin falsify: the page that teaches it, run as it stands; what a search does, and what it refuses.
#include <algorithm>
#include <catch2/catch.hpp>

#include "loading.h"
#include "testbed/falsify/campaign_report.h"
#include "testbed/falsify/found_test.h"
#include "testbed/testing/test_reports.h"
#include "testbed/testing/test_runner.h"

using namespace looptwin;
using namespace looptwin::testbed;
using namespace looptwin::testbed::test;

namespace {

std::string page() { return read_text(LT_SOURCE_DIR "/docs/falsification.md"); }

std::string block(const std::string& name) {
  const auto text = page();
  const std::string mark = "```yaml\n# " + name + "\n";
  const size_t at = text.find(mark);
  REQUIRE(at != std::string::npos);
  return text.substr(at + 8, text.find("```", at + 8) - at - 8);
}

FileTexts pump() {
  FileTexts files;
  for (const auto* name : {"scenario.yaml", "rules.yaml", "requirements.yaml", "search.yaml"})
    files[name] = block(name);
  return files;
}

std::string said(const Campaign& campaign) {
  std::string text;
  for (const auto& result : campaign.results) text += falsified_lines(campaign, result);
  return text;
}

Campaign searched(const Folder& folder, CampaignRequest request = {}) {
  request.scenario = folder.path();
  auto campaign = falsify(request);
  INFO((campaign ? std::string() : render(campaign.error())));
  REQUIRE(campaign.has_value());
  return std::move(*campaign);
}

std::string refused(const FileTexts& files, CampaignRequest request = {}) {
  const Folder folder(files);
  request.scenario = folder.path();
  const auto campaign = falsify(request);
  return campaign ? "nothing was refused" : in_short(campaign.error());
}

/// A tank whose level is its inflow's integral; full at 10 m.
FileTexts tank(const std::string& search) {
  return {
      {"scenario.yaml",
       "scenario: tank\nduration: 100 s\nmodels:\n  tank:\n    parameters: {leak: {default: 0 m/s}}\n"
       "    telemetry: {level: {from: level, unit: m, every: 1 s, range: [-100, 100]}}\n"
       "    physics:\n      inputs: {inflow: valve.inflow}\n      states: {level: 0 m}\n"
       "      rates: {level: inflow * 1 m/s - leak}\n"
       "feeds: {valve: {signals: {inflow: {unit: 1, every: 10 s, values: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0]}}}}\n"
       "fleet: {tank: {count: 1, id: tank}}\n"
       "requirements:\n  - {name: it does not flow over, each: tank, always: truth(level) < 95 m}\n" +
           search}};
}

}  // namespace

TEST_CASE(
    "falsification.md: the planted fault is found, cut to three faults, and stays as a test until it is "
    "mended") {
  auto files = pump();
  const Folder folder(files);
  const auto campaign = searched(folder);
  const auto text = said(campaign);
  INFO(text);
  REQUIRE(campaign.results.size() == 1);
  REQUIRE(campaign.results[0].shrunk.has_value());
  const auto settings = campaign.results[0].shrunk->violation.settings(campaign.space);
  CHECK(std::count_if(settings.begin(), settings.end(),
                      [](const auto& s) { return s.path.starts_with("faults."); }) <= 3);
  // What the page shows is what comes out.
  const auto shown = page();
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = text.find('\n', begin);
    CHECK(shown.find(text.substr(begin, end - begin)) != std::string::npos);
    begin = end + 1;
  }
  const auto tests = folder.path() / "tests.yaml";
  const auto& name = campaign.results[0].requirement;
  const auto added = add_tests(tests, {{name + ", which falsify broke", name, settings}});
  REQUIRE(added.has_value());
  CHECK("# tests.yaml\n" + read_text(tests) == block("tests.yaml"));

  TestRequest request;
  request.paths = {folder.path()};
  const auto before = run_tests(request);
  CHECK_FALSE(before.passed());
  CHECK(before.problems.empty());
  auto& rules = files["rules.yaml"];
  rules.replace(rules.find("lows == 1"), 9, "lows >= 1");
  folder.write("rules.yaml", rules);
  const auto after = run_tests(request);
  CHECK(after.passed());
  CHECK_FALSE(searched(folder).results[0].violated());
}

TEST_CASE("falsify: equal seeds find the same violation in the same run, with any number of jobs") {
  const Folder folder(pump());
  CampaignRequest request;
  request.jobs = 1;
  const auto one = said(searched(folder, request));
  for (const int jobs : {2, 5}) {
    request.jobs = jobs;
    CHECK(said(searched(folder, request)) == one);
  }
  request.settings = {{"seed", "2"}};
  CHECK(said(searched(folder, request)) != one);
}

TEST_CASE(
    "falsify: a violation that only one corner of ten values has is found, and the values are made plain") {
  const Folder folder(tank("search: {values: {feeds.valve.signals.inflow.values: -1 to 1}}\n"));
  const auto campaign = searched(folder);
  INFO(said(campaign));
  REQUIRE(campaign.results[0].shrunk.has_value());
  const auto& violation = campaign.results[0].shrunk->violation;
  CHECK(violation.result.violated);
  // At 95 m after 100 s all of ten values are near 1.
  for (const auto& [path, value] : violation.settings(campaign.space)) {
    INFO(path << " = " << value);
    if (path.find("values") != std::string::npos) CHECK(std::stod(value) > 0.5);
  }
  CampaignRequest uniform;
  uniform.method = SearchMethod::uniform;
  CHECK_FALSE(searched(folder, uniform).results[0].violated());
}

TEST_CASE("falsify: what no run violates is not violated, and the nearest run is told") {
  const Folder folder(tank("search: {values: {feeds.valve.signals.inflow.values: -1 to 0.9}}\n"));
  const auto campaign = searched(folder);
  CHECK_FALSE(campaign.results[0].violated());
  CHECK(campaign.results[0].searches[0].runs == 300);
  CHECK(campaign.results[0].searches[0].result.robustness == Approx(5).margin(0.2));
  CHECK(said(campaign).find("not violated in 300 runs; the nearest") != std::string::npos);
}

TEST_CASE("falsify: a search that is stopped tells what it has seen by then, and begins no other") {
  const Folder folder(
      tank("  - {name: it is there, each: tank, always: level > -99 m}\n"
           "search: {values: {feeds.valve.signals.inflow.values: -1 to 0.9}}\n"));
  std::atomic<bool> stop{false};
  size_t batches = 0;
  CampaignRequest request;
  request.jobs = 1;
  request.stop = &stop;
  request.progress = [&](const std::string& requirement, const SearchOutcome& so_far) {
    CHECK(requirement == "it does not flow over");
    CHECK(so_far.runs > 0);
    stop = ++batches == 2;
  };
  const auto campaign = searched(folder, request);
  CHECK(batches == 2);
  CHECK(campaign.stopped);
  CHECK(campaign.runs() > 0);
  CHECK(campaign.runs() < 300);
  CHECK(campaign.results[1].searches[0].runs == 0);
  CHECK(said(campaign).find("stopped before its first runs had ended") != std::string::npos);
}

TEST_CASE("falsify: choices, steps and entries become what --set makes of them") {
  const Folder folder(tank(
      "search:\n  values:\n    seed: 3 to 9 by 2\n    models.tank.parameters.leak.default: [0 m/s, 1 m/s]\n"
      "    duration: 1 min to 100 s by 10 s\n"
      "  faults:\n    - {kind: bias, device: tank, sensor: level, value: 0 m to 5 m, after: 10 s, up_to: "
      "2}\n"));
  const auto scenario = load(folder.path());
  REQUIRE(scenario.has_value());
  const SearchSpace space(*scenario->search);
  REQUIRE(space.size() == 3 + 2 * 2);
  const auto all = [&](double x) {
    std::string text;
    for (const auto& [path, value] : space.settings(SearchPoint(space.size(), x)))
      text += path + "=" + value + "\n";
    return text;
  };
  CHECK(all(0) == "seed=3\nmodels.tank.parameters.leak.default=0 m/s\nduration=60 s\n");
  CHECK(all(1) ==
        "seed=9\nmodels.tank.parameters.leak.default=1 m/s\nduration=100 s\n"
        "faults.0={kind: bias, device: tank, sensor: level, value: 5 m, after: 10 s}\n"
        "faults.1={kind: bias, device: tank, sensor: level, value: 5 m, after: 10 s}\n");
  CHECK(space.text(3 + 1, 0.123456789) == "0.6173 m");
}

TEST_CASE("falsify: refusals name the place and what to write") {
  CHECK(refused(tank("")) ==
        "tank does not say what may vary [write search: {values: {…}, faults: […]} "
        "(docs/falsification.md)]\n");
  CHECK(refused(tank("search: {values: {duration: 5 s to 1 s}}\n"))
            .starts_with("scenario.yaml:15:29: '5 s to 1 s' does not go upwards"));
  CHECK(refused(tank("search: {values: {duration: 5 s to 1 m}}\n")).find("are not of one kind") !=
        std::string::npos);
  CHECK(refused(tank("search: {values: {duratoin: 1 s to 5 s}}\n")).find("did you mean duration?") !=
        std::string::npos);
  CHECK(refused(tank("search: {faults: [{kind: biass, device: tank, after: 1 s to 5 s}]}\n"))
            .starts_with("scenario.yaml:15:19: "));
  CampaignRequest request;
  request.requirements = {"flows"};
  CHECK(refused(tank("search: {values: {duration: 1 s to 5 s}}\n"), request) ==
        "no requirement is called 'flows' [there are: it does not flow over]\n");
}

TEST_CASE("falsify: tests are added to what a file has, and a file that cannot take them stays as it is") {
  const Folder folder;
  const auto file = folder.path() / "tests.yaml";
  const FoundTest test{"a fault", "it holds", {{"duration", "5 s"}, {"faults.0", "{kind: bias}"}}};
  folder.write("tests.yaml", "# ours\ntests:\n    - name: a fault\n      given: {x: 1}\nfeeds: {}\n");
  REQUIRE(add_tests(file, {test}).value() == std::vector<std::string>{"a fault (2)"});
  CHECK(read_text(file) ==
        "# ours\ntests:\n    - name: a fault\n      given: {x: 1}\n"
        "    - name: \"a fault (2)\"\n      set:\n        faults.0: {kind: bias}\n      lasts: 5 s\n"
        "      requirements: [\"it holds\"]\nfeeds: {}\n");
  const std::string flow = "tests: [{name: a, given: {x: 1}}]\n";
  folder.write("tests.yaml", flow);
  CHECK(in_short(add_tests(file, {test}).error()).find("written on one line") != std::string::npos);
  CHECK(read_text(file) == flow);
}
