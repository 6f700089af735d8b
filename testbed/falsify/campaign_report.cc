#include "testbed/falsify/campaign_report.h"

#include <fmt/format.h>
#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/json_tree.h"
#include "base/text.h"
#include "testbed/one_line.h"

namespace looptwin::testbed {
namespace {

constexpr size_t kMostShown = 40;  // of settings

std::string setting_lines(const std::vector<Setting>& settings, std::string_view pad) {
  std::string text;
  for (size_t s = 0; s < settings.size() && s < kMostShown; ++s)
    text += fmt::format("{}{}: {}\n", pad, settings[s].path, settings[s].value);
  if (settings.size() > kMostShown) text += fmt::format("{}and {} more\n", pad, settings.size() - kMostShown);
  return text;
}

std::string formula_of(const Scenario& scenario, const std::string& requirement) {
  for (const auto& one : scenario.requirements)
    if (one.name == requirement) {
      const char* how = one.always ? "always" : one.holds ? "holds" : "eventually";
      return fmt::format("{}: {}", how, in_one_line(one.formula()));
    }
  return {};
}

std::string failed_runs(const SearchOutcome& search) {
  if (search.failed == 0) return {};
  return fmt::format("  {} of {} runs could not be simulated; the first of them:\n{}", search.failed,
                     search.runs, render(search.problems));
}

}  // namespace

std::vector<Setting> what_differs(const Campaign& campaign, const Falsified& result) {
  const auto& space = campaign.space;
  if (result.shrunk) return result.shrunk->violation.settings(space);
  const auto& search = result.searches.front();
  return space.settings(search.found ? *search.found : search.nearest);
}

std::string falsified_lines(const Campaign& campaign, const Falsified& result) {
  const auto& search = result.searches.front();
  std::string text =
      fmt::format("{}  {}\n", result.requirement, formula_of(campaign.scenario, result.requirement));
  if (!search.found && search.runs == 0) return text + "  stopped before its first runs had ended\n";
  if (!search.found) {
    text += fmt::format("  not violated in {} runs", search.runs);
    if (std::isfinite(search.result.robustness)) text += "; the nearest:\n    " + search.result.line;
    text += '\n' + failed_runs(search);
    return text;
  }
  text += fmt::format("  violated in run {}", search.runs);
  const auto differs = what_differs(campaign, result);
  if (result.shrunk) {
    const auto& violation = result.shrunk->violation;
    const size_t before = campaign.space.settings(*search.found).size();
    const size_t left = campaign.space.settings(violation.point, violation.untouched).size();
    text +=
        fmt::format("; in {} more runs, {} changes of the scenario were cut to {}:\n{}    {}\n",
                    result.shrunk->runs, before, left, setting_lines(differs, "    "), violation.result.line);
  } else {
    text += fmt::format(":\n{}    {}\n", setting_lines(differs, "    "), search.result.line);
  }
  return text + failed_runs(search);
}

RunsToFind runs_to_find(const Falsified& result) {
  std::vector<double> runs;
  for (const auto& search : result.searches)
    if (search.found) runs.push_back(static_cast<double>(search.runs));
  if (runs.empty()) return {};
  std::sort(runs.begin(), runs.end());
  const size_t middle = runs.size() / 2;
  return {runs.size(), std::accumulate(runs.begin(), runs.end(), 0.0) / static_cast<double>(runs.size()),
          runs.size() % 2 == 1 ? runs[middle] : (runs[middle - 1] + runs[middle]) / 2};
}

std::string repeats_head() {
  return fmt::format("{:<32} {:>10} {:>8} {:>8}\n", "requirement", "violated", "mean", "median");
}

std::string repeats_row(const Falsified& result) {
  const auto figures = runs_to_find(result);
  const auto share = fmt::format("{} of {}", figures.found, result.searches.size());
  if (figures.found == 0)
    return fmt::format("{:<32} {:>10} {:>8} {:>8}\n", result.requirement, share, "-", "-");
  return fmt::format("{:<32} {:>10} {:>8.1f} {:>8.1f}\n", result.requirement, share, figures.mean,
                     figures.median);
}

std::string campaign_summary(const Campaign& campaign) {
  const auto violated = std::count_if(campaign.results.begin(), campaign.results.end(),
                                      [](const auto& r) { return r.violated(); });
  return fmt::format("{}{} of {} requirements violated; {} simulations in {:.1f} s, {:.0f} a second\n",
                     campaign.stopped ? "stopped before all was searched: " : "", violated,
                     campaign.results.size(), grouped(static_cast<long long>(campaign.runs())),
                     campaign.seconds,
                     static_cast<double>(campaign.runs()) / std::max(campaign.seconds, 1e-9));
}

std::string campaign_json(const Campaign& campaign) {
  OrderedJson json = {{"format", "looptwin falsify"},       {"version", 1},
                      {"scenario", campaign.scenario.name}, {"simulations", campaign.runs()},
                      {"seconds", campaign.seconds},        {"stopped", campaign.stopped},
                      {"requirements", Json::array()}};
  for (const auto& result : campaign.results) {
    const auto figures = runs_to_find(result);
    const auto& first = result.searches.front();
    OrderedJson one = {{"name", result.requirement},
                       {"violated", result.violated()},
                       {"searches", result.searches.size()},
                       {"found", figures.found}};
    if (figures.found > 0) one["mean_runs"] = figures.mean, one["median_runs"] = figures.median;
    one["runs"] = Json::array();
    for (const auto& search : result.searches) one["runs"].push_back(search.found ? search.runs : 0);
    const auto& last = result.shrunk ? result.shrunk->violation.result : first.result;
    if (std::isfinite(last.robustness)) one["robustness"] = last.robustness;
    one["line"] = last.line;
    if (first.found) {
      one["set"] = OrderedJson::object();
      for (const auto& [path, value] : what_differs(campaign, result)) one["set"][path] = value;
    }
    if (first.failed > 0) one["not_simulated"] = first.failed;
    json["requirements"].push_back(std::move(one));
  }
  return dump_json(json, 1) + "\n";
}

}  // namespace looptwin::testbed
