#include "testbed/testing/test_runner.h"

#include <fmt/format.h>
#include <algorithm>
#include <atomic>
#include <fstream>
#include <map>
#include <mutex>
#include <thread>

#include "base/text.h"
#include "mml/loop.h"
#include "testbed/reading/files.h"
#include "testbed/requirements/report.h"
#include "testbed/shell_word.h"
#include "testbed/stopwatch.h"
#include "testbed/testing/alarm_text.h"
#include "testbed/testing/decision_lines.h"
#include "testbed/testing/mutation_run.h"
#include "testbed/testing/reasons.h"

namespace looptwin::testbed {
namespace {

namespace fs = std::filesystem;

constexpr size_t kExplained = 3;  // unmet expectations of a test whose reasons are looked for

void add(Diagnostics& to, const Diagnostics& from) { to.insert(to.end(), from.begin(), from.end()); }

bool is_wanted(const std::string& filter, const std::string& name) {
  return filter.empty() || name.find(filter) != std::string::npos || glob_match(filter, name);
}

std::string file_of(const Suite& suite) {
  return (suite.tests.empty() ? suite.scenario : suite.tests).string();
}

/// One test, or one seed of one.
struct Job {
  size_t suite = 0, test = 0, result = 0;
  std::optional<uint64_t> seed;  ///< of several; absent: the scenario's
};

/// Stages of one thread, by what they are made of. One suite's at a time: they may be large.
class Stages {
 public:
  Stages(const std::vector<Suite>& suites, const TestRequest& request) : request(request), suites_(suites) {}
  const TestRequest& request;

  Result<Stage*> written(size_t suite, const TestConfig& test) {
    if (suite != suite_) stages_.clear();
    suite_ = suite;
    std::string key;
    for (const auto& setting : test.settings) key += setting.path + '=' + setting.value + '\n';
    auto& stage = stages_[key];
    if (stage != nullptr) return stage.get();
    auto scenario =
        load(suites_[suite].scenario, test.settings, suites_[suite].tests, nullptr, request.extensions);
    if (!scenario) return tl::make_unexpected(std::move(scenario.error()));
    auto made = Stage::written(std::move(*scenario), request.coverage);
    if (!made) return tl::make_unexpected(std::move(made.error()));
    stage = std::move(*made);
    return stage.get();
  }

  Result<std::unique_ptr<Stage>> simulated(size_t suite, const TestConfig& test,
                                           std::optional<uint64_t> seed) {
    auto scenario =
        load(suites_[suite].scenario, test.settings, suites_[suite].tests, nullptr, request.extensions);
    if (!scenario) return tl::make_unexpected(std::move(scenario.error()));
    return Stage::simulated(std::move(*scenario), test, seed);
  }

 private:
  const std::vector<Suite>& suites_;
  size_t suite_ = ~size_t{0};
  std::map<std::string, std::unique_ptr<Stage>> stages_;
};

/// The decisions against those of the test's file, or into it.
void compare_decisions(Stage& stage, const TestConfig& test, const TestRequest& request, TestResult& result) {
  const auto lines = decision_lines(stage.records(), stage.assembly());
  if (request.show) result.log = lines;
  if (test.decisions.empty()) return;
  const auto path = stage.assembly().scenario().folder / test.decisions;
  if (request.update) {
    std::ofstream to(path);
    for (const auto& line : lines) to << line << '\n';
    if (!to.flush())
      result.failures.push_back({test.decisions_span, fmt::format("cannot write {}", path.string()), {}});
    return;
  }
  std::ifstream from(path);
  std::vector<std::string> known;
  for (std::string line; std::getline(from, line);) known.push_back(line);
  if (!from.eof() || (known.empty() && !fs::exists(path))) {
    result.failures.push_back({test.decisions_span,
                               fmt::format("cannot read {}", path.string()),
                               {"write it with looptwin test --update"}});
    return;
  }
  const auto differ = std::mismatch(lines.begin(), lines.end(), known.begin(), known.end());
  if (differ.first == lines.end() && differ.second == known.end()) return;
  const auto number = differ.second - known.begin() + 1;
  result.failures.push_back({test.decisions_span,
                             fmt::format("decisions differ from {} in line {}", test.decisions, number),
                             {"it says  " + (differ.second == known.end() ? "nothing more" : *differ.second),
                              "and now  " + (differ.first == lines.end() ? "nothing more" : *differ.first),
                              "where that is right, write it anew with looptwin test --update"}});
}

void keep_outcome(Stage& stage, const TestConfig& test, const Judge& judge, const std::vector<Unmet>& unmet,
                  TestResult& result) {
  if (test.alarms && result.problems.empty())
    result.alarm_runs.push_back(alarm_sample(stage.assembly(), result.seed, test.alarms->operators));
  result.happened = judge.happened(stage.records());
  result.decisions = stage.assembly().loop().decisions();
  result.fingerprint = stage.assembly().loop().fingerprint();
  for (const auto& one : unmet) result.failures.push_back({one.span, one.what, {}});
}

/// Requirements that the run violated, with what decided.
void keep_violations(Stage& stage, TestResult& result) {
  const auto& requirements = stage.assembly().requirements();
  const auto results = requirements.results();
  const auto said = lines(requirements.all(), results, stage.end());
  const auto counted = tallies(requirements.all(), results);
  for (size_t r = 0; r < counted.size(); ++r)
    if (counted[r].verdict() == Verdict::violated)
      result.failures.push_back(
          {requirements.all()[r].config.span,
           fmt::format("the requirement '{}' was violated", requirements.all()[r].config.name),
           {said[r]}});
}

void fail_with(TestResult& result, const Diagnostics& problems) { add(result.problems, problems); }

void run_written(Stages& stages, const Job& job, const TestConfig& test, TestResult& result) {
  auto made = stages.written(job.suite, test);
  if (!made) return fail_with(result, made.error());
  Stage& stage = **made;
  if (auto begun = stage.begin(test); !begun) return fail_with(result, begun.error());
  auto judge = Judge::make(stage.assembly(), test);
  if (!judge) return fail_with(result, judge.error());
  std::optional<Coverage> coverage;
  if (stages.request.coverage) coverage.emplace(stage.assembly());
  stage.play(stage.end(), [&](Time) {
    if (coverage) coverage->look();
  });
  if (coverage) result.coverage = coverage->items(stage.records());
  const auto unmet = judge->unmet(stage.records());
  keep_outcome(stage, test, *judge, unmet, result);
  compare_decisions(stage, test, stages.request, result);
  for (size_t i = 0; i < unmet.size() && i < kExplained; ++i)
    result.failures[i].why = reasons_of(unmet[i], stage, test);
}

void run_simulated(Stages& stages, const Job& job, const TestConfig& test, TestResult& result) {
  auto made = stages.simulated(job.suite, test, job.seed);
  if (!made) return fail_with(result, made.error());
  Stage& stage = **made;
  result.seed = stage.assembly().scenario().seed;
  auto judge = Judge::make(stage.assembly(), test);
  if (!judge) return fail_with(result, judge.error());
  if (!stage.play(stage.end())) fail_with(result, stage.assembly().transport().breakdown());
  const auto unmet = judge->unmet(stage.records());
  keep_outcome(stage, test, *judge, unmet, result);
  keep_violations(stage, result);
  compare_decisions(stage, test, stages.request, result);
  const MakeStage again = [&]() -> std::unique_ptr<Stage> {
    auto stage = stages.simulated(job.suite, test, job.seed);
    return stage ? std::move(*stage) : nullptr;
  };
  if (!unmet.empty()) result.failures[0].why = reasons_of(unmet[0], again);
}

TestResult run_job(Stages& stages, const Job& job, const TestConfig& test, const std::string& file) {
  const Stopwatch watch;
  TestResult result{.file = file, .span = test.span, .name = test.name};
  if (test.simulated())
    run_simulated(stages, job, test, result);
  else
    run_written(stages, job, test, result);
  result.passed = result.failures.empty() && result.problems.empty();
  result.seconds = watch.seconds();
  return result;
}

/// Of several seeds: the first that failed speaks for all.
void join(TestResult& all, TestResult&& one) {
  all.seeds_run += 1;
  all.seeds_failed += one.passed ? 0 : 1;
  all.seconds += one.seconds;
  all.decisions += one.decisions;
  all.happened.insert(one.happened.begin(), one.happened.end());
  merge(all.coverage, one.coverage);
  all.alarm_runs.insert(all.alarm_runs.end(), std::make_move_iterator(one.alarm_runs.begin()),
                        std::make_move_iterator(one.alarm_runs.end()));
  if (all.seeds_run == 1) {
    all.fingerprint = one.fingerprint;
    all.log = std::move(one.log);
  }
  if (!one.passed && all.passed) {
    all.passed = false;
    all.seed = one.seed;
    all.failures = std::move(one.failures);
    all.problems = std::move(one.problems);
  }
}

/// How `looptwin run` does what a simulated test does with a seed.
std::string command_of(const Suite& suite, const TestConfig& test, uint64_t seed) {
  if (!test.simulated()) return {};
  std::string command = fmt::format("looptwin run {} --seed {}", shell_word(suite.scenario.string()), seed);
  if (test.lasts) command += fmt::format(" --duration '{} s'", test.lasts->seconds());
  for (const auto& setting : test.settings)
    command += " --set " + shell_word(setting.path + "=" + setting.value);
  return command + (test.script.empty() ? "" : "  (but for the test's script)");
}

/// All seeds are there: the figures of their alarms. Where one of them could not be run there are none.
void gate_alarms(const Suite& suite, const TestConfig& test, TestResult& all) {
  if (!test.alarms || all.alarm_runs.size() != all.seeds_run) return;
  all.alarms = judge_alarms(*test.alarms, all.alarm_runs);
  for (auto& failure :
       alarm_failures(*all.alarms, [&](uint64_t seed) { return command_of(suite, test, seed); })) {
    all.passed = false;
    all.failures.push_back(std::move(failure));
  }
}

/// Runs jobs on several threads; hands their outcomes over in the order of the jobs, each with its place
/// there.
void run_jobs(const std::vector<Suite>& suites, const std::vector<std::vector<TestConfig>>& tests,
              const std::vector<Job>& jobs, int threads, const TestRequest& request,
              const std::function<void(const Job&, TestResult)>& done) {
  std::mutex handing;
  std::vector<std::optional<TestResult>> outcomes(jobs.size());
  std::atomic<size_t> next{0};
  size_t handed = 0;
  const auto work = [&] {
    Stages stages(suites, request);
    for (size_t j = next++; j < jobs.size(); j = next++) {
      const Job& job = jobs[j];
      const Suite& suite = suites[job.suite];
      const auto file = file_of(suite);
      auto outcome = run_job(stages, job, tests[job.suite][job.test], file);
      const std::scoped_lock lock(handing);
      outcomes[j] = std::move(outcome);
      for (; handed < jobs.size() && outcomes[handed]; ++handed)
        done(jobs[handed], std::move(*outcomes[handed]));
    }
  };
  std::vector<std::thread> others;
  for (int t = 1; t < threads; ++t) others.emplace_back(work);
  work();
  for (auto& thread : others) thread.join();
}

/// What never happens should happen in another test, or nobody knows that it would be noticed.
void warn_of_nevers(const std::vector<TestConfig>& tests, std::vector<TestResult*> results) {
  for (size_t t = 0; t < tests.size(); ++t)
    for (const auto& expect : tests[t].expect) {
      if (!expect.never) continue;
      const Subject subject{expect.of, expect.name};
      const bool seen = std::any_of(results.begin(), results.end(),
                                    [&](const auto* result) { return result->happened.contains(subject); });
      if (!seen)
        results[t]->warnings.push_back(fmt::format(
            "{} {} never happens in any test here: add one in which it does, or nobody knows that "
            "it would be seen",
            name_of(expect.of), expect.name));
    }
}

}  // namespace

bool TestReport::passed() const {
  return problems.empty() &&
         std::all_of(results.begin(), results.end(), [](const auto& r) { return r.passed; });
}

std::vector<Suite> find_suites(const std::vector<fs::path>& paths, Diagnostics& problems) {
  std::vector<Suite> suites;
  std::error_code ignored;
  const auto add_folder = [&](const fs::path& folder) {
    const auto tests = folder / "tests.yaml";
    suites.push_back({folder, fs::exists(tests, ignored) ? tests : fs::path()});
  };
  for (const auto& path : paths) {
    const size_t before = suites.size();
    if (fs::is_directory(path, ignored)) {
      if (fs::exists(path / "scenario.yaml", ignored)) {
        add_folder(path);
        continue;
      }
      std::vector<fs::path> folders;
      for (const auto& entry : fs::recursive_directory_iterator(path, ignored))
        if (entry.path().filename() == "scenario.yaml") folders.push_back(entry.path().parent_path());
      std::sort(folders.begin(), folders.end());
      for (const auto& folder : folders) add_folder(folder);
    } else if (fs::exists(path, ignored)) {
      Diagnostics later;
      const auto files = read_files(path, later);
      const auto beside = path.parent_path() / "scenario.yaml";
      const bool whole = files.root.find("scenario") != nullptr || !fs::exists(beside, ignored);
      suites.push_back(whole ? Suite{path, {}} : Suite{beside, path});
    }
    if (suites.size() == before)
      problems.push_back({Severity::error,
                          {},
                          fmt::format("no scenario is at or below {}", path.string()),
                          "name folders with a scenario.yaml, or files with tests"});
  }
  return suites;
}

TestReport run_tests(const TestRequest& request, const std::function<void(const TestResult&)>& done) {
  const Stopwatch watch;
  TestReport report;
  auto suites = find_suites(request.paths, report.problems);
  std::vector<std::vector<TestConfig>> tests(suites.size());
  std::vector<Job> jobs;
  std::vector<std::vector<size_t>> result_of(suites.size());
  for (size_t s = 0; s < suites.size(); ++s) {
    auto scenario = load(suites[s].scenario, {}, suites[s].tests, nullptr, request.extensions);
    if (!scenario) {
      add(report.problems, scenario.error());
      continue;
    }
    tests[s] = scenario->tests;
    for (size_t t = 0; t < tests[s].size(); ++t) {
      const auto& test = tests[s][t];
      if (!is_wanted(request.filter, test.name)) continue;
      const uint64_t seeds = test.simulated() && request.seeds > 0 ? request.seeds : test.seeds;
      for (uint64_t seed = 1; seed <= seeds; ++seed)
        jobs.push_back({s, t, report.results.size(), seeds == 1 ? std::nullopt : std::optional(seed)});
      result_of[s].push_back(report.results.size());
      const auto file = file_of(suites[s]);
      report.results.push_back({.file = file, .span = test.span, .name = test.name});
    }
  }
  if (report.results.empty() && report.problems.empty()) {
    const bool any = std::any_of(tests.begin(), tests.end(), [](const auto& of) { return !of.empty(); });
    report.problems.push_back({Severity::error,
                               {},
                               any ? fmt::format("no test's name holds '{}', or matches it", request.filter)
                                   : std::string("there are no tests"),
                               any ? "" : "write some into tests.yaml, beside scenario.yaml"});
  }
  const unsigned cores = std::max(1U, std::thread::hardware_concurrency());
  const size_t threads = request.jobs > 0 ? static_cast<size_t>(request.jobs) : cores;
  run_jobs(suites, tests, jobs, static_cast<int>(std::min(threads, std::max<size_t>(1, jobs.size()))),
           request, [&](const Job& job, TestResult outcome) {
             TestResult& result = report.results[job.result];
             join(result, std::move(outcome));
             const Job* next = &job + 1;
             if (next != jobs.data() + jobs.size() && next->result == job.result) return;
             gate_alarms(suites[job.suite], tests[job.suite][job.test], result);
             if (done) done(result);
           });
  for (size_t s = 0; s < suites.size() && request.filter.empty(); ++s) {
    std::vector<TestResult*> of_suite;
    for (const size_t r : result_of[s]) of_suite.push_back(&report.results[r]);
    if (of_suite.size() == tests[s].size()) warn_of_nevers(tests[s], of_suite);
  }
  for (size_t s = 0; s < suites.size(); ++s) {
    if (result_of[s].empty()) continue;
    bool passed = true;
    SuiteCoverage covered{file_of(suites[s]), {}};
    for (const size_t r : result_of[s]) {
      merge(covered.items, report.results[r].coverage);
      passed &= report.results[r].passed;
    }
    if (request.coverage) report.coverage.push_back(std::move(covered));
    std::vector<TestConfig> asked;
    for (const auto& test : tests[s])
      if (is_wanted(request.filter, test.name)) asked.push_back(test);
    if (request.mutation && passed)
      report.mutation.push_back(mutate(suites[s], asked, static_cast<int>(threads), request.extensions));
  }
  report.seconds = watch.seconds();
  return report;
}

}  // namespace looptwin::testbed
