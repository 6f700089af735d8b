#include "testbed/falsify/trial.h"

#include <algorithm>
#include <atomic>
#include <limits>

#include "testbed/requirements/report.h"
#include "testbed/requirements/requirements.h"
#include "testbed/scenario.h"
#include "testbed/simulation.h"

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
  auto scenario = load(request.scenario, all, {}, nullptr, request.extensions);
  if (!scenario) return result.problems = std::move(scenario.error()), result;
  strip(*scenario, request.requirement);
  std::atomic<bool> stop{false};
  auto made = Simulation::make({std::move(*scenario), request.scenario, std::move(all)}, {}, stop);
  if (!made) return result.problems = std::move(made.error()), result;
  Simulation& simulation = **made;
  Assembly& assembly = simulation.assembly();
  // A look costs as much as a cycle of a small scenario: a hundred of them are enough.
  constexpr int64_t kLooks = 100;
  const Duration spacing = nanoseconds(assembly.scenario().duration.ns / kLooks);
  Time next = kStart + spacing;
  const auto how = simulation.advance(simulation.end(), [&](Time boundary) {
    result.ended = boundary;
    if (boundary < next) return;
    next = boundary + spacing;
    stop = is_settled(assembly.requirements());
  });
  result.problems = simulation.finish(how, 0).problems;
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
