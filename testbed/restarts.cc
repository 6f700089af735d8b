#include "testbed/restarts.h"

#include <fmt/format.h>
#include <algorithm>

#include "base/check.h"
#include "sim/draws.h"
#include "sim/fault.h"
#include "testbed/scenario.h"

namespace looptwin::testbed {
namespace {

/// One restart, or the drawn ones: the wait for each begins as the last one ends.
void add(const RestartConfig& config, size_t index, uint64_t seed, Time end, std::vector<Away>& out) {
  Time from = config.after.value_or(kStart);
  if (!config.every) {
    if (from <= end) out.push_back({from, from + config.lasts, config.persistent});
    return;
  }
  const auto wait = Distribution::exponential(config.every->seconds());
  LT_CHECK(wait.has_value(), "a mean time that is not positive");
  const sim::Draws stream(seed, fmt::format("restart.{}.wait", index));
  for (uint64_t count = 0;; ++count) {
    from = from + sim::drawn_span(stream.sample(*wait, 0, count));
    if (from > end) return;
    out.push_back({from, from + config.lasts, config.persistent});
    from = out.back().to;
  }
}

}  // namespace

std::vector<Away> restarts_of(const Scenario& scenario, Restarted part) {
  std::vector<Away> all;
  for (size_t i = 0; i < scenario.restarts.size(); ++i)
    if (scenario.restarts[i].of == part)
      add(scenario.restarts[i], i, scenario.seed, kStart + scenario.duration, all);
  std::stable_sort(all.begin(), all.end(), [](const Away& a, const Away& b) { return a.from < b.from; });
  std::vector<Away> merged;
  for (const Away& away : all) {
    if (merged.empty() || away.from > merged.back().to) {
      merged.push_back(away);
      continue;
    }
    merged.back().to = std::max(merged.back().to, away.to);
    merged.back().persistent &= away.persistent;
  }
  return merged;
}

}  // namespace looptwin::testbed
