#include "testbed/falsify/search.h"

#include <algorithm>
#include <atomic>
#include <thread>

namespace looptwin::testbed {

std::vector<TrialResult> simulate_all(const TrialRequest& request,
                                      const std::vector<std::vector<Setting>>& settings, int jobs) {
  std::vector<TrialResult> results(settings.size());
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t s = next++; s < settings.size() && !request.stopped(); s = next++)
      results[s] = simulate(request, settings[s]);
  };
  std::vector<std::thread> others;
  for (int j = 1; j < std::min(jobs, static_cast<int>(settings.size())); ++j) others.emplace_back(work);
  work();
  for (auto& thread : others) thread.join();
  return results;
}

SearchOutcome search(const SearchSpace& space, const SearchRequest& request) {
  SearchOutcome outcome;
  const auto searcher = make_searcher(space, request.method, request.cycle, request.seed);
  while (outcome.runs < request.runs) {
    auto points = searcher->ask();
    const size_t count = std::min(points.size(), request.runs - outcome.runs);
    std::vector<std::vector<Setting>> settings;
    for (size_t p = 0; p < count; ++p) settings.push_back(space.settings(points[p]));
    const auto results = simulate_all(request.trial, settings, request.jobs);
    if (request.trial.stopped()) return outcome;  // a part of these was not simulated
    std::vector<double> values;
    for (size_t r = 0; r < count; ++r) {
      const auto& result = results[r];
      ++outcome.runs;
      values.push_back(result.robustness);
      if (!result.problems.empty() && outcome.failed++ == 0) outcome.problems = result.problems;
      if (outcome.nearest.empty() || result.robustness < outcome.result.robustness || result.violated) {
        outcome.nearest = points[r];
        outcome.result = result;
      }
      if (!result.violated) continue;
      outcome.found = points[r];
      return outcome;
    }
    if (request.progress) request.progress(outcome);
    if (count < points.size()) break;
    searcher->tell(values);
  }
  return outcome;
}

}  // namespace looptwin::testbed
