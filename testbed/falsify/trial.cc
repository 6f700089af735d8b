#include "testbed/falsify/trial.h"

#include <algorithm>
#include <atomic>
#include <iterator>
#include <limits>

#include "testbed/assembly.h"
#include "testbed/driver.h"
#include "testbed/requirements/report.h"
#include "testbed/virtual_clock.h"

namespace looptwin::testbed {
namespace {

/// Nothing but what decides the one requirement.
void strip(Scenario& scenario, const std::string& requirement) {
  scenario.tests.clear();
  scenario.search.reset();
  scenario.snapshots.reset();
  scenario.input_log = false;
  std::erase_if(scenario.requirements, [&](const auto& r) { return r.name != requirement; });
}

/// Whether nothing that is still to come could change the verdict.
bool is_settled(const Requirements& requirements) {
  const auto results = requirements.results();
  if (std::any_of(results.begin(), results.end(),
                  [](const auto& r) { return r.verdict == Verdict::violated; }))
    return true;
  return requirements.all().front().config.holds.has_value() &&
         std::all_of(results.begin(), results.end(),
                     [](const auto& r) { return r.verdict == Verdict::held; });
}

}  // namespace

TrialResult simulate(const TrialRequest& request, const std::vector<Setting>& settings) {
  TrialResult result;
  result.robustness = std::numeric_limits<double>::infinity();
  auto all = request.base;
  all.insert(all.end(), settings.begin(), settings.end());
  auto scenario = load(request.scenario, all);
  if (!scenario) return result.problems = std::move(scenario.error()), result;
  strip(*scenario, request.requirement);
  AssemblyOptions options;
  auto built = Assembly::build(std::move(*scenario), options);
  if (!built) return result.problems = std::move(built.error()), result;
  Assembly& assembly = **built;
  auto driver = Driver::make(assembly, {}, all);
  if (!driver) return result.problems = std::move(driver.error()), result;

  std::atomic<bool> stop{false};
  const Time end = kStart + assembly.scenario().duration;
  // A look costs as much as a cycle of a small scenario: a hundred of them are enough.
  constexpr int64_t kLooks = 100;
  const Duration spacing = nanoseconds(assembly.scenario().duration.ns / kLooks);
  Time next = kStart + spacing;
  VirtualClock clock(assembly.scenario().start, assembly.scenario().cycle, end, stop);
  const auto how = driver->run(clock, stop, [&](Time boundary) {
    result.ended = boundary;
    if (boundary < next) return;
    next = boundary + spacing;
    stop = is_settled(assembly.requirements());
  });
  if (how == mml::RunEnd::failed) {
    result.problems = driver->error();
    const auto& breakdown = assembly.transport().breakdown();
    std::copy(breakdown.begin(), breakdown.end(), std::back_inserter(result.problems));
  }
  const auto results = assembly.requirements().results();
  for (const auto& one : results) {
    result.robustness = std::min(result.robustness, one.high);
    result.violated |= one.verdict == Verdict::violated;
  }
  if (const auto said = lines(assembly.requirements().all(), results, result.ended); !said.empty())
    result.line = said.front();
  return result;
}

}  // namespace looptwin::testbed
