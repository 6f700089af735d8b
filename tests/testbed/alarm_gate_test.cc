// Alarm figures as gates: what is held, violated, undecided or set aside; that the figures of a test are
// those of the run; what tests refuse, and what they say.
#include "testbed/testing/alarm_gate.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <random>

#include "base/json_tree.h"
#include "loading.h"
#include "mml/alarms.h"
#include "mml/loop.h"
#include "testbed/sim_transport.h"
#include "testbed/testing/alarm_text.h"
#include "testbed/testing/test_reports.h"

using namespace looptwin;
using namespace looptwin::testbed;
using namespace looptwin::testbed::test;

namespace {

using enum AlarmFigure;
using Judged = AlarmFinding::Verdict;

/// A day with so many alarms of two kinds.
AlarmSample day(uint64_t seed, uint64_t pumps, uint64_t valves = 0) {
  AlarmSample sample{.seed = seed, .possible = 1000};
  sample.report.length = days(1);
  sample.report.annunciated = pumps + valves;
  sample.report.by_priority = {pumps, 0, valves, 0};
  sample.report.periods = 144;
  sample.report.hours = 24;
  sample.report.peak = std::min<uint64_t>(pumps, 3);
  sample.report.top_share = 1;
  if (pumps > 0) sample.alarms.push_back({"dry on pump-1", pumps});
  if (valves > 0) sample.alarms.push_back({"stuck on valve-1", valves});
  return sample;
}

AlarmLimitsConfig limited(AlarmFigure figure, std::optional<double> most, bool of_standard = false) {
  AlarmLimitsConfig config;
  config.standard = of_standard ? "isa-18.2" : "";
  config.limits[static_cast<size_t>(figure)] = AlarmLimit{most, {}, of_standard};
  return config;
}

AlarmFinding found(const AlarmLimitsConfig& config, const std::vector<AlarmSample>& runs,
                   AlarmFigure figure) {
  return judge_alarms(config, runs).figures[static_cast<size_t>(figure)];
}

/// The finding about the one figure that is limited.
AlarmFinding judged(AlarmFigure figure, double most, const std::vector<AlarmSample>& runs) {
  return found(limited(figure, most), runs, figure);
}

/// A tank whose level is as given, with an alarm above 4 m and `keys` for it.
FileTexts tank(const std::string& keys, const std::string& tests) {
  return {{"scenario.yaml", R"yaml(scenario: tank
duration: 6 h
models:
  tank:
    telemetry:
      level: {from: height, unit: m, every: 5 s, phase: 0 s, range: [0, 9], resolution: 0.01}
    physics:
      random: {wave: {draw: "normal(3.6, 0.25)", every: 10 s}}
      states: {height: 3.6 m}
      rates: {height: "(wave * 1 m - height) / 10 s"}
fleet: {tank: {count: 3, id: "tank-{i}"}}
people: {kim: {}}
alarms:
  full:
    each: tank
    raise: level > 4 m
)yaml" + keys + R"yaml(    priority: high
    cause: More comes than goes.
    consequence: It spills.
    action: Close the inlet.
    respond_within: 5 min
)yaml"},
          {"tests.yaml", "tests:\n" + tests}};
}

TestReport played(const Folder& folder, TestRequest request = {}) {
  request.paths = {folder.path()};
  return run_tests(request);
}

std::string said(const TestReport& report) {
  std::string text;
  for (const auto& result : report.results) text += test_lines(result, false);
  return text + test_summary(report);
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("alarm gates: a mean is held below its interval, violated above its value, and undecided between") {
  const std::vector<AlarmSample> runs = {day(1, 20), day(2, 28), day(3, 22), day(4, 26)};  // one an hour
  const auto f = judged(per_hour, 6, runs);
  CHECK(f.value == Approx(1));
  REQUIRE(f.interval.has_value());
  // By hand: of 20, 28, 22, 26 a day the deviation is 3.651, and t of three degrees 3.1824.
  CHECK(f.interval->high == Approx((24 + 3.1824 * 3.6515 / 2) / 24).epsilon(1e-3));
  CHECK(f.verdict == Judged::held);
  CHECK(f.worst == 1);
  CHECK(f.runs == std::vector<double>{20. / 24, 28. / 24, 22. / 24, 26. / 24});
  CHECK(judged(per_hour, 0.99, runs).verdict == Judged::violated);
  const auto open = judged(per_hour, 1.1, runs);
  CHECK(open.verdict == Judged::undecided);
  CHECK(open.runs_needed > 4);
  CHECK(judged(per_10_min, 0.17, runs).value == Approx(1. / 6));
  // One run has no interval: it is compared as it is.
  const auto single = judged(per_hour, 0.84, {day(1, 20)});
  CHECK(single.verdict == Judged::held);
  CHECK_FALSE(single.interval.has_value());
}

TEST_CASE("alarm gates: more seeds of the same decide what few leave open") {
  std::mt19937 random(8);
  std::poisson_distribution<int> alarms(24);
  std::vector<AlarmSample> runs;
  while (runs.size() < 4) runs.push_back(day(runs.size() + 1, static_cast<uint64_t>(alarms(random))));
  const auto four = judged(per_hour, 6, runs);
  const double limit = (four.value + four.interval->high) / 2;
  REQUIRE(limit > 1.01);  // what they are drawn with keeps it
  const auto few = judged(per_hour, limit, runs);
  REQUIRE(few.verdict == Judged::undecided);
  while (static_cast<double>(runs.size()) < 3 * few.runs_needed)
    runs.push_back(day(runs.size() + 1, static_cast<uint64_t>(alarms(random))));
  CHECK(judged(per_hour, limit, runs).verdict == Judged::held);
}

TEST_CASE("alarm gates: a count must be kept in each run, and the worst is named") {
  std::vector<AlarmSample> runs = {day(1, 3), day(2, 3), day(3, 3)};
  CHECK(judged(chattering, 0, runs).verdict == Judged::held);
  runs[1].report.chattering = 2;
  const auto f = judged(chattering, 1, runs);
  CHECK(f.verdict == Judged::violated);
  CHECK(f.over == 1);
  CHECK(f.worst == 1);
  CHECK(f.value == Approx(2. / 3));
  CHECK(judged(chattering, 2, runs).verdict == Judged::held);
}

TEST_CASE(
    "alarm gates: few alarms cannot show a small share, and what can never show it fails unless a standard "
    "asks") {
  // 2 of 102 are of the valve: about 2 %, but not surely below 5 %.
  std::vector<AlarmSample> runs = {day(1, 50, 1), day(2, 50, 1)};
  CHECK(judged(priority_high, 0.05, runs).verdict == Judged::undecided);
  for (uint64_t s = 3; s < 12; ++s) runs.push_back(day(s, 50, 1));
  CHECK(judged(priority_high, 0.05, runs).verdict == Judged::held);
  CHECK(judged(priority_high, 0.01, runs).verdict == Judged::violated);

  const std::vector<AlarmSample> quiet = {day(1, 0), day(2, 0)};
  CHECK(judged(priority_high, 0.05, quiet).verdict == Judged::undecided);
  CHECK(judged(priority_high, 0.05, quiet).because == "no alarm came");
  CHECK(found(limited(priority_high, 0.05, true), quiet, priority_high).verdict == Judged::set_aside);
  CHECK(found(limited(priority_high, 0.05, true), {day(1, 5), day(2, 5)}, priority_high).because ==
        "of 10 alarms that came, a single one is more");
  // One that a test has set itself is violated, and told why it always will be.
  const auto hopeless = judged(priority_high, 0.05, {day(1, 5, 1), day(2, 5, 1)});
  CHECK(hopeless.verdict == Judged::violated);
  CHECK(hopeless.because == "of 12 alarms that came, a single one is more");
  // A limit of none is one on each run.
  CHECK(judged(priority_high, 0, {day(1, 5), day(2, 5)}).verdict == Judged::held);
  CHECK(judged(priority_high, 0, {day(1, 5), day(2, 5, 1)}).verdict == Judged::violated);
  CHECK(judged(in_flood, 0, quiet).verdict == Judged::held);
  // None in two days is shown for a rate all the same: at most 3.7 in 48 h.
  const auto none = judged(per_hour, 0.1, quiet);
  CHECK(none.verdict == Judged::held);
  CHECK(none.interval->high == Approx(3.689 / 48).epsilon(1e-3));
}

TEST_CASE("alarm gates: nothing is stale in less than a day, so that its limit shows nothing") {
  std::vector<AlarmSample> runs = {day(1, 5), day(2, 5)};
  CHECK(judged(stale, 0, runs).verdict == Judged::held);
  for (auto& run : runs) run.report.length = hours(6);
  const auto f = judged(stale, 0, runs);
  CHECK(f.verdict == Judged::undecided);
  CHECK(f.because == "a run of 6 h is too short: stale is what stands for 24 h");
  CHECK(found(limited(stale, 4, true), runs, stale).verdict == Judged::set_aside);
}

TEST_CASE("alarm gates: the top ten are those of all runs together") {
  std::vector<AlarmSample> runs = {day(1, 0), day(2, 0)};
  for (size_t r = 0; r < 2; ++r)
    for (int i = 0; i < 20; ++i) {
      // In each run other ten come twice.
      const bool twice = (i < 10) == (r == 0);
      runs[r].alarms.push_back({"a on d-" + std::to_string(i), twice ? 2UL : 1UL});
      runs[r].report.annunciated += twice ? 2 : 1;
      runs[r].report.top_share = 20. / 30;
    }
  const auto f = judged(top_ten, 0.9, runs);
  CHECK(f.value == Approx(0.5));  // all twenty come equally often
  CHECK(f.runs == std::vector<double>{20. / 30, 20. / 30});
}

TEST_CASE("alarm gates: who never answers takes longer than all, and who has just been asked says nothing") {
  const auto seconds_of = [](std::vector<int64_t> of) {
    for (auto& s : of) s *= 1'000'000'000;
    return of;
  };
  AlarmSample run = day(1, 10);
  run.answered = seconds_of({10, 20, 30, 40, 50});
  CHECK(judged(to_acknowledge, 30, {run}).value == 30);
  CHECK(judged(to_acknowledge_p95, 50, {run}).value == 50);
  CHECK(judged(to_acknowledge, 30, {run}).verdict == Judged::held);
  CHECK(judged(to_acknowledge, 29, {run}).verdict == Judged::violated);
  run.waiting = seconds_of({5, 6, 7, 8, 9, 9});  // asked just before the end
  CHECK(judged(to_acknowledge, 30, {run}).value == 30);
  run.waiting = seconds_of({1000, 1000, 1000, 1000, 1000});
  CHECK(judged(to_acknowledge, 60, {run}).value == 50);
  CHECK(std::isinf(judged(to_acknowledge_p95, 60, {run}).value));
  CHECK(judged(to_acknowledge_p95, 60, {run}).verdict == Judged::violated);
  CHECK(judged(to_acknowledge, 60, {day(1, 10)}).because == "no alarm was to be acknowledged");
}

TEST_CASE("alarm gates: the interval of a median holds that of what it was drawn from") {
  std::mt19937 random(5);
  std::normal_distribution<double> person(0, 0.3), answer(0, 0.8);
  int held = 0;
  constexpr int kTimes = 400;
  for (int i = 0; i < kTimes; ++i) {
    std::vector<AlarmSample> runs;
    for (uint64_t s = 1; s <= 10; ++s) {
      runs.push_back(day(s, 25));
      const double shift = person(random);  // each day has its own person
      for (int n = 0; n < 25; ++n)
        runs.back().answered.push_back(static_cast<int64_t>(60e9 * std::exp(shift + answer(random))));
      std::sort(runs.back().answered.begin(), runs.back().answered.end());
    }
    const auto f = judged(to_acknowledge, 600, runs);
    REQUIRE(f.interval.has_value());
    held += f.interval->low <= 60 && 60 <= f.interval->high;
    CHECK(f.interval->low <= f.value);
    CHECK(f.value <= f.interval->high);
  }
  CHECK(held > 0.92 * kTimes);
  CHECK(held < 0.995 * kTimes);
}

TEST_CASE("alarm gates: a standard's limits hold but for those that the test has of its own") {
  AlarmLimitsConfig config;
  config.standard = "isa-18.2";
  config.limits[static_cast<size_t>(per_hour)] = AlarmLimit{2, {}, false};
  config.limits[static_cast<size_t>(chattering)] = AlarmLimit{{}, {}, false};
  config.fill_from_standard();
  std::vector<AlarmSample> runs = {day(1, 60), day(2, 60)};
  for (auto& run : runs) run.report.chattering = 3;
  CHECK(found(config, runs, per_hour).verdict == Judged::violated);
  CHECK(found(config, runs, chattering).verdict == Judged::unlimited);
  CHECK(found(config, runs, fleeting).verdict == Judged::held);
  CHECK(found(config, runs, per_10_min).verdict == Judged::unlimited);
  CHECK(standard_limits(per_hour) == "isa-18.2: 6");
  CHECK(standard_limits(most_in_10_min) == "isa-18.2: 10; eemua-191: 10");
}

TEST_CASE("alarm gates: a chattering alarm fails a written test, and its deadband mends it") {
  const std::string test =
      "  - name: a level at its limit rings once\n"
      "    given: {tank-1.level: \"3.5 m x 1 min, (4.05 m x 10 s, 3.95 m x 10 s) x 30, 3 m x 10 min\"}\n"
      "    alarms: {at_most: {chattering: 0, per_hour: 20}}\n";
  const Folder folder(tank("", test));
  const auto report = played(folder);
  const auto text = said(report);
  INFO(text);
  CHECK_FALSE(report.passed());
  REQUIRE(report.results.at(0).failures.size() == 2);
  CHECK(has(text, "tests.yaml:4:36: chattering is 1, at most 0 is allowed\n          full on tank-1\n"));
  CHECK(has(text, "per_hour is 85.7, at most 20 is allowed\n          most often: full on tank-1, 100 %\n"));
  CHECK_FALSE(has(text, "to see it"));  // no run does what is written
  const Folder mended(tank("    deadband: 0.2 m\n", test));
  const auto better = played(mended);
  INFO(said(better));
  CHECK(better.passed());
  // Mutants are held against the limits as well: without the deadband, or with a tiny one, it chatters.
  const auto mutants = played(mended, {.mutation = true});
  REQUIRE(mutants.mutation.size() == 1);
  INFO(mutation_lines(mutants));
  CHECK(mutants.mutation[0].killed == 2);
  for (const auto& survivor : mutants.mutation[0].survivors)
    CHECK_FALSE((has(survivor.what, "deadband") && has(survivor.what, "dropped")));
}

TEST_CASE("alarm gates: over seeds, the figures of each are those of its run, whatever the number of jobs") {
  const Folder folder(tank("",
                           "  - name: waves\n    lasts: 2 h\n    seeds: 5\n"
                           "    set: {models.tank.telemetry.level.resolution: 0.02}\n"
                           "    alarms: {at_most: {per_hour: 10}}\n"));
  const auto report = played(folder, {.jobs = 1});
  INFO(said(report));
  REQUIRE(report.results.size() == 1);
  const auto& result = report.results[0];
  CHECK(test_json(played(folder, {.jobs = 3})).substr(0, 0).empty());
  REQUIRE(result.alarm_runs.size() == 5);
  const auto again = played(folder, {.jobs = 3});
  for (size_t i = 0; i < 5; ++i) {
    const auto& run = result.alarm_runs[i];
    CHECK(run.seed == i + 1);
    // As `looptwin run --seed` with the test's settings does it.
    auto scenario = load(folder.path(), {{"models.tank.telemetry.level.resolution", "0.02"},
                                         {"seed", std::to_string(run.seed)},
                                         {"duration", "2 h"}});
    REQUIRE(scenario.has_value());
    auto assembly = Assembly::build(std::move(*scenario), {});
    REQUIRE(assembly.has_value());
    auto& loop = (*assembly)->loop();
    while (loop.now() < kStart + hours(2)) loop.cycle(loop.now() + seconds(1), (*assembly)->transport());
    const auto r = (*assembly)->alarms().figures().report(loop.now());
    CHECK(r.annunciated > 5);
    CHECK(run.report.annunciated == r.annunciated);
    CHECK(run.report.per_hour == r.per_hour);
    CHECK(run.report.peak == r.peak);
    CHECK(run.report.in_flood == r.in_flood);
    CHECK(run.report.chattering == r.chattering);
    CHECK(run.report.fleeting == r.fleeting);
    CHECK(run.report.top_share == r.top_share);
    CHECK(run.report.late == r.late);
    CHECK(result.alarms->figures[0].runs[i] == Approx(r.per_hour));
    CHECK(again.results[0].alarm_runs[i].report.annunciated == r.annunciated);
  }
}

TEST_CASE("alarm gates: reports say the same to people and to machines") {
  const Folder folder(tank("",
                           "  - name: waves\n    lasts: 2 h\n    seeds: 3\n"
                           "    alarms: {at_most: {per_hour: 5, most_in_10_min: 500}}\n"));
  const auto report = played(folder);
  const auto text = said(report);
  INFO(text);
  CHECK_FALSE(report.passed());
  CHECK(has(text, "  3 seeds\n"));  // no expectation of any failed
  CHECK(has(text, "with 95 % confidence, of 3 seeds), at most 5 is allowed"));
  CHECK(has(text, "to see it: looptwin run " + folder.path().string() + " --seed "));
  CHECK(has(text, " --duration '7200 s'"));
  CHECK(has(text, "alarms of 3 runs of 2 h, for 1 operator\n"));
  CHECK(has(text, "counts that 3 runs have kept, at least 29 % of all runs keep, with 95 % confidence"));

  const auto json = load_json<Json>(test_json(report));
  const auto& alarms = json["tests"][0]["alarms"];
  CHECK(json["passed"] == false);
  CHECK(json["tests"][0]["seeds_failed"] == 0);
  CHECK(alarms["held"] == false);
  CHECK(alarms["seeds"] == std::vector<int>{1, 2, 3});
  const auto& rate = alarms["figures"][0];
  CHECK(rate["figure"] == "per_hour");
  CHECK(rate["verdict"] == "violated");
  CHECK(rate["at_most"] == 5);
  CHECK(rate["interval"][0] < rate["value"]);
  CHECK(rate["runs"].size() == 3);
  CHECK(rate["runs"][rate["worst_seed"].get<size_t>() - 1] ==
        *std::max_element(rate["runs"].begin(), rate["runs"].end()));
  CHECK(alarms["most_often"].size() == 3);
  CHECK(alarms["figures"][1].find("verdict") == alarms["figures"][1].end());

  const auto xml = junit_xml(report);
  CHECK(has(xml, "<failure message=\"per_hour is "));
  CHECK(has(xml, "<system-out>alarms of 3 runs of 2 h"));
  CHECK(has(xml, "failures=\"1\""));
  const auto github = github_annotations(report);
  CHECK(has(github, "tests.yaml,line=5,title=waves::"));
  CHECK(has(github, "::notice file="));
}

TEST_CASE("alarm gates: what a test may not write is refused with what to write") {
  const auto refused = [](const std::string& alarms, bool has_alarms = true) {
    const std::string none = "scenario: s\nduration: 1 h\nmodels: {tank: {}}\nfleet: {tank: {}}\n";
    const std::string one =
        "alarms: {a: {raise: false, cause: c, consequence: d, action: e, respond_within: 1 min}}\n";
    return problems({{"scenario.yaml", none + (has_alarms ? one : "events: {}\n") +
                                           "tests:\n  - name: a\n    alarms: " + alarms + "\n"}});
  };
  CHECK(has(refused("isa-18.2", false), "scenario.yaml:8:5: the scenario has no alarms"));
  CHECK(refused("isa-18.2").empty());
  CHECK(refused("{standard: eemua-191, at_most: {in_flood: any, to_acknowledge: 5 min}, operators: 2}")
            .empty());
  CHECK(refused("{}").empty());
  CHECK(refused("isa-18").find("scenario.yaml:8:13: 'isa-18' is not one of: isa-18.2, eemua-191") == 0);
  CHECK(refused("{at_most: {per_hour: \"<= 6\"}}")
            .find("8:35: a limit is the most that is allowed, without a sign [write per_hour: 6") !=
        std::string::npos);
  CHECK(has(refused("{per_hour: 6}"), "has no key 'per_hour' [write at_most: {per_hour: 6}."));
  CHECK(has(refused("{at_most: {peak: 6}}"), "[write most_in_10_min: 10."));
  CHECK(has(refused("{at_most: {in_flood: 5}}"), "the share 5 is not between 0 and 1"));
  CHECK(has(refused("{at_most: {chattering: 0.5}}"), "'0.5' is not a whole number"));
  CHECK(has(refused("{at_most: {per_hour: 0}}"), "the rate 0 is not above zero"));
  CHECK(has(refused("{at_most: {to_acknowledge: 5}}"), "8:"));
  CHECK(has(refused("{confidence: 20 %}"), "the confidence 20 % is not from 50 % to 99.99 %"));
  CHECK(has(refused("{operators: 0}"), "'0' is not a whole number of 1 to 1000"));
}
