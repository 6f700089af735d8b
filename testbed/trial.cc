#include "testbed/trial.h"

#include <fmt/format.h>
#include <algorithm>
#include <cstdio>

#include "testbed/falsify/campaign.h"
#include "testbed/notes.h"
#include "testbed/script.h"

namespace looptwin::testbed {
namespace {

Result<Census> count_devices(const Scenario& scenario) {
  constexpr size_t kFew = 20'000;
  lang::Schema schema;
  twin::Tables tables(schema);
  auto registry = twin::Registry::build(scenario.models, scenario.fleet, scenario.seed, schema, tables);
  if (!registry) return tl::make_unexpected(std::move(registry.error()));
  Census census{{}, registry->devices(), scenario, {}};
  for (const auto& model : registry->models()) census.devices.push_back(registry->devices(model.table));
  if (census.total <= kFew) return census;
  Diagnostics problems;
  for (const auto& fault : scenario.faults)
    if (registry->matching(fault.device).empty())
      problems.push_back({Severity::error, fault.span,
                          fmt::format("no device's id matches '{}'", fault.device),
                          "`*` stands for any part of an id without '/'"});
  if (!problems.empty()) return tl::make_unexpected(std::move(problems));
  note_unmatched_history(scenario.history, *registry, census.warnings);
  for (auto& history : census.few.history) history.raw.clear();
  for (auto& entry : census.few.fleet) entry.count = std::min<uint64_t>(entry.count, 3);
  lang::Schema few_schema;
  twin::Tables few_tables(few_schema);
  const auto few =
      twin::Registry::build(scenario.models, census.few.fleet, scenario.seed, few_schema, few_tables);
  if (!few) return tl::make_unexpected(few.error());
  // Entries of the script that act on devices which there are, though not among the few.
  if (auto script = actions_of(scenario.script, *registry); !script)
    return tl::make_unexpected(std::move(script.error()));
  std::erase_if(census.few.script, [&](const auto& entry) {
    return !entry.device.empty() && few->matching(entry.device).empty();
  });
  std::erase_if(census.few.faults, [&](const auto& fault) { return few->matching(fault.device).empty(); });
  return census;
}

}  // namespace

Trial try_out(const CheckRequest& request, const LeftOut& left_out) {
  Trial trial{.reading = read(request.scenario, request.settings, request.extensions, left_out)};
  const auto& scenario = trial.reading.scenario;
  if (!scenario) {
    trial.problems = trial.reading.problems;
    return trial;
  }
  const auto refuse = [&](const Diagnostics& problems) {
    trial.problems.insert(trial.problems.end(), problems.begin(), problems.end());
  };
  if (left_out.empty())  // it reads the scenario with other settings
    if (auto searched = check_search(request.scenario, request.settings, *scenario, request.extensions);
        !searched)
      refuse(searched.error());
  auto census = count_devices(*scenario);
  if (!census) {
    refuse(census.error());
    return trial;
  }
  auto built = Assembly::build(census->few);
  if (!built) {
    refuse(built.error());
    return trial;
  }
  trial.census = std::move(*census);
  if (trial.problems.empty()) trial.assembly = std::move(*built);
  return trial;
}

Diagnostics all_problems(Trial trial, const CheckRequest& request) {
  constexpr int kMostTrials = 16;
  const Diagnostics first = trial.problems;
  Diagnostics all;
  LeftOut left_out;
  for (int n = 0; n < kMostTrials && !trial.assembly; ++n) {
    const LeftOut before = left_out;
    const bool more = left_out.add(trial.reading.root, trial.problems);
    // A section that lacks a part is wrong for that, and what refers to what is left out.
    const bool alone = !trial.reading.all_read;
    for (const auto& problem : trial.problems)
      if (n == 0 ? alone || !left_out.explains_beside(problem)
                 : !alone && !before.explains(problem) && !left_out.explains_beside(problem))
        all.push_back(problem);
    if (!more) break;
    trial = try_out(request, left_out);
  }
  if (!has_errors(all)) all = first;
  sort(all, trial.reading.sources);
  return all;
}

Exit refuse_counted(const Diagnostics& problems) {
  const Exit exit = refuse(problems);
  std::string counts;
  const auto count = [&](Severity severity, std::string_view what) {
    const auto n = std::count_if(problems.begin(), problems.end(),
                                 [&](const Diagnostic& p) { return p.severity == severity; });
    if (n != 0) counts += fmt::format("{}{} {}{}", counts.empty() ? "" : ", ", n, what, n == 1 ? "" : "s");
  };
  count(Severity::error, "error");
  count(Severity::warning, "warning");
  fmt::print(stderr, "{}\n", counts);
  return exit;
}

}  // namespace looptwin::testbed
