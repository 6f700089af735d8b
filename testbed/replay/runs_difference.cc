// Two run folders, compared.
#include <algorithm>

#include "testbed/replay/fork_point.h"
#include "testbed/replay/report.h"

namespace looptwin::testbed {

Result<ToldDifference> difference_of_runs(const std::filesystem::path& run_a,
                                          const std::filesystem::path& run_b, const DifferenceForms& forms,
                                          const StopAsked& stop) {
  TextPool pool;
  const Time after = std::max(begin_of(run_a), begin_of(run_b));
  auto a = read_decisions(run_a, pool, after, kNever, stop);
  if (!a) return tl::make_unexpected(std::move(a.error()));
  auto b = read_decisions(run_b, pool, after, kNever, stop);
  if (!b) return tl::make_unexpected(std::move(b.error()));
  if (wants_stop(stop)) return stopped_early();
  const auto difference = compare(*a, *b, pool);
  if (wants_stop(stop)) return stopped_early();
  DifferenceReport report{run_a.string(), run_b.string(), *a, *b, difference, {}, false};
  if (!difference.changes.empty()) {
    auto input = first_differing_input(run_a, run_b, after, difference.changes.front().at(), stop);
    if (!input) return tl::make_unexpected(std::move(input.error()));
    report.input = std::move(*input);
  }
  ToldDifference told{difference.equal(), {}, {}};
  if (forms.show) told.text = difference_text(report, pool, *forms.show);
  if (forms.json) told.json = difference_json(report, pool);
  return told;
}

}  // namespace looptwin::testbed
