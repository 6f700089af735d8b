#include "testbed/testing/mutation_run.h"
#include "testbed/testing/alarm_gate.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <thread>

#include "testbed/stopwatch.h"
#include "testbed/testing/alarm_gate.h"
#include "testbed/testing/mutation.h"
#include "testbed/testing/stage.h"

namespace looptwin::testbed {
namespace {

/// Tests with equal settings share a scenario.
struct Group {
  Scenario scenario;
  std::vector<const TestConfig*> tests;
};

enum class Fate : uint8_t { survived, killed, stillborn };

bool notices(Stage& stage, const TestConfig& test) {
  if (!stage.begin(test)) return true;
  const auto judge = Judge::make(stage.assembly(), test);
  if (!judge) return true;
  stage.play(stage.end());
  if (!judge->unmet(stage.records()).empty()) return true;
  if (!test.alarms) return false;
  const auto run = alarm_sample(stage.assembly(), 0, test.alarms->operators);
  return !judge_alarms(*test.alarms, {&run, 1}).held();
}

Fate fate_of(const Mutant& mutant, const std::vector<Group>& groups) {
  for (const Group& group : groups) {
    Scenario scenario = group.scenario;
    mutant.apply(scenario);
    const auto stage = Stage::written(std::move(scenario));
    if (!stage) return Fate::stillborn;
    for (const TestConfig* test : group.tests)
      if (notices(**stage, *test)) return Fate::killed;
  }
  return Fate::survived;
}

std::vector<Group> groups_of(const Suite& suite, const std::vector<TestConfig>& tests,
                             const Extensions* extensions) {
  std::vector<Group> groups;
  for (const auto& test : tests) {
    if (test.simulated()) continue;
    const auto same = std::find_if(groups.begin(), groups.end(), [&](const auto& group) {
      return group.tests.front()->settings == test.settings;
    });
    if (same != groups.end()) {
      same->tests.push_back(&test);
    } else if (auto scenario = load(suite.scenario, test.settings, suite.tests, nullptr, extensions)) {
      groups.push_back({std::move(*scenario), {&test}});
    }
  }
  return groups;
}

}  // namespace

MutationReport mutate(const Suite& suite, const std::vector<TestConfig>& tests, int threads,
                      const Extensions* extensions) {
  const Stopwatch watch;
  MutationReport report{.file = (suite.tests.empty() ? suite.scenario : suite.tests).string()};
  const auto groups = groups_of(suite, tests, extensions);
  if (groups.empty()) return report;
  const lang::Units units(groups.front().scenario.ambient_pressure);
  const auto mutants = mutants_of(groups.front().scenario, units);
  std::vector<Fate> fates(mutants.size(), Fate::survived);
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t m = next++; m < mutants.size(); m = next++) fates[m] = fate_of(mutants[m], groups);
  };
  std::vector<std::thread> others;
  for (int t = 1; t < threads; ++t) others.emplace_back(work);
  work();
  for (auto& thread : others) thread.join();
  for (size_t m = 0; m < mutants.size(); ++m) {
    report.killed += fates[m] == Fate::killed;
    if (fates[m] == Fate::survived)
      report.survivors.push_back({mutants[m].span, mutants[m].what, mutants[m].hint});
  }
  report.seconds = watch.seconds();
  return report;
}

}  // namespace looptwin::testbed
