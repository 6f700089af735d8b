#include "testbed/testing/alarm_text.h"

#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "base/json_tree.h"
#include "base/text.h"

namespace looptwin::testbed {
namespace {

using Is = AlarmFigureInfo::Is;
using Judged = AlarmFinding::Verdict;

constexpr size_t kNamed = 3;  // alarms, in a line
constexpr size_t kLong = 60;  // of a line that is not worth saying twice

const char* key_of(const AlarmFinding& f) { return info_of(f.figure).key; }
bool is_count(const AlarmFinding& f) { return info_of(f.figure).is == Is::count; }

std::string value_text(const AlarmFinding& f, double value) {
  return std::isnan(value) ? "none" : std::isinf(value) ? "never" : alarm_value(f.figure, value);
}

std::string range_text(const AlarmFinding& f) {
  if (!f.interval) return {};
  auto low = value_text(f, f.interval->low);
  const auto high = value_text(f, f.interval->high);
  if (is_count(f) && low == high) return high + " in each run";
  if (is_count(f)) return fmt::format("{} to {} in a run", low, high);
  if (low == high) return high;
  // The unit once: "1 to 3 %".
  if (low.ends_with(" %") && high.ends_with(" %")) low.resize(low.size() - 2);
  return fmt::format("{} to {}", low, high);
}

std::string confidence_text(const AlarmFindings& findings) {
  return fmt::format("{:.4g} %", 100 * findings.config.confidence);
}

std::string limit_text(const AlarmFindings& findings, const AlarmFinding& f) {
  const auto& limit = findings.config.limits[static_cast<size_t>(f.figure)];
  return alarm_value(f.figure, *f.most) +
         (limit->of_standard ? fmt::format(" ({})", findings.config.standard) : "");
}

std::string worst_text(const AlarmFindings& findings, const AlarmFinding& f) {
  const double worst = f.runs[f.worst];
  if (f.runs.size() < 2 || std::isnan(worst) || worst == 0) return {};
  return fmt::format("seed {}: {}", findings.seeds[f.worst], value_text(f, worst));
}

std::string named(const std::vector<std::string>& names) {
  std::vector<std::string> shown(names.begin(),
                                 names.begin() + static_cast<long>(std::min(names.size(), kNamed)));
  if (names.size() > kNamed) shown.push_back(fmt::format("and {} others", names.size() - kNamed));
  return joined(shown, "; ");
}

/// "overload on block-1, 62 %; ..."
std::string often_text(const AlarmFindings& findings) {
  std::vector<std::string> names;
  for (const auto& alarm : findings.alarms)
    names.push_back(fmt::format("{}, {:.3g} %", alarm.name, 100 * alarm.share));
  return named(names);
}

/// Which alarms a figure is about, where it is about some.
std::string culprits_text(const AlarmFindings& findings, AlarmFigure figure) {
  std::vector<std::string> names;
  for (const auto& alarm : findings.alarms) {
    const size_t runs = figure == AlarmFigure::chattering ? alarm.chattering
                        : figure == AlarmFigure::stale    ? alarm.stale
                                                          : 0;
    if (runs > 0 && findings.seeds.size() == 1) names.push_back(alarm.name);
    if (runs > 0 && findings.seeds.size() > 1)
      names.push_back(fmt::format("{} in {} of {} runs", alarm.name, runs, findings.seeds.size()));
  }
  if (!names.empty()) return named(names);
  const bool of_often = figure <= AlarmFigure::floods || figure == AlarmFigure::top_ten;
  return findings.alarms.empty() || !of_often ? "" : "most often: " + often_text(findings);
}

std::string failure_text(const AlarmFindings& findings, const AlarmFinding& f) {
  const auto key = key_of(f);
  const auto limit = limit_text(findings, f);
  if (f.verdict == Judged::undecided && !f.because.empty())
    return fmt::format("{} is not shown to be at most {}: {}", key, limit, f.because);
  const auto value = value_text(f, f.value);
  const size_t n = f.runs.size();
  if (n < 2) return fmt::format("{} is {}, at most {} is allowed", key, value, limit);
  if (is_count(f))
    return fmt::format("{} is above {} in {} of {} runs: {} with seed {}", key, limit, f.over, n,
                       value_text(f, f.runs[f.worst]), findings.seeds[f.worst]);
  const auto interval =
      fmt::format("{} with {} confidence, of {} seeds", range_text(f), confidence_text(findings), n);
  if (f.verdict == Judged::violated)
    return fmt::format("{} is {} ({}), at most {} is allowed", key, value, interval, limit);
  return fmt::format("{} is {}, but not shown to be at most {}: {}", key, value, limit, interval);
}

std::vector<std::string> reasons(const AlarmFindings& findings, const AlarmFinding& f) {
  std::vector<std::string> why;
  if (f.verdict == Judged::undecided && f.because.empty())
    why.push_back(f.runs_needed > 0
                      ? fmt::format("about {} seeds would show it, if they are like these", f.runs_needed)
                      : "it is too near to its limit to be shown by more seeds");
  if (f.verdict == Judged::violated && !f.because.empty()) why.push_back(f.because);
  if (const auto culprits = culprits_text(findings, f.figure); !culprits.empty()) why.push_back(culprits);
  if (const auto worst = worst_text(findings, f); !worst.empty()) why.push_back("the worst is " + worst);
  return why;
}

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

using Row = std::array<std::string, 6>;

Row row_of(const AlarmFindings& findings, const AlarmFinding& f) {
  std::string verdict = name_of(f.verdict);
  if (f.verdict == Judged::violated) verdict = "VIOLATED";
  if (!f.because.empty()) verdict += ": " + f.because;
  if (f.runs_needed > 0) verdict += fmt::format(", about {} seeds", f.runs_needed);
  return {key_of(f),
          value_text(f, f.value),
          range_text(f),
          f.most ? alarm_value(f.figure, *f.most) : "",
          worst_text(findings, f),
          verdict};
}

}  // namespace

std::vector<std::string> alarm_table(const AlarmFindings& findings) {
  const size_t n = findings.seeds.size();
  std::vector<Row> rows = {{"figure", n > 1 ? "mean" : "value",
                            n > 1 ? confidence_text(findings) + " interval" : "", "at most",
                            n > 1 ? "worst run" : "", findings.config.standard}};
  for (const auto& f : findings.figures) rows.push_back(row_of(findings, f));
  std::array<size_t, 6> widths{};
  for (const auto& row : rows)
    for (size_t c = 0; c + 1 < row.size(); ++c) widths[c] = std::max(widths[c], row[c].size());
  const auto operators = findings.config.operators;
  std::vector<std::string> lines = {fmt::format("alarms of {} run{} of {}, for {} operator{}", n,
                                                n == 1 ? "" : "s", to_string(findings.length), operators,
                                                operators == 1 ? "" : "s")};
  for (const auto& row : rows) {
    std::string line;
    for (size_t c = 0; c < row.size(); ++c)
      if (widths[c] > 0 || c + 1 == row.size()) line += fmt::format("  {:<{}}", row[c], widths[c]);
    line.erase(line.find_last_not_of(' ') + 1);
    lines.push_back(std::move(line));
  }
  if (!findings.alarms.empty()) lines.push_back("  most often: " + often_text(findings));
  const bool kept = std::any_of(findings.figures.begin(), findings.figures.end(),
                                [](const auto& f) { return is_count(f) && f.verdict == Judged::held; });
  // What was so in all of n runs is so in most.
  if (kept && n > 1) {
    const auto runs = static_cast<double>(n);
    lines.push_back(fmt::format(
        "  counts that {} runs have kept, at least {:.0f} % of all runs keep, with {} confidence", n,
        100 * binomial_interval(runs, runs, findings.config.confidence).low, confidence_text(findings)));
  }
  return lines;
}

std::vector<TestFailure> alarm_failures(const AlarmFindings& findings,
                                        const std::function<std::string(uint64_t seed)>& command) {
  std::vector<TestFailure> failures;
  std::set<std::string> said;  // by an earlier one already
  for (const auto& f : findings.figures) {
    if (!f.failed()) continue;
    auto why = reasons(findings, f);
    if (const auto run = command(findings.seeds[f.worst]); !run.empty()) why.push_back("to see it: " + run);
    std::erase_if(why, [&](const auto& line) { return line.size() > kLong && !said.insert(line).second; });
    failures.push_back({f.span, failure_text(findings, f), std::move(why)});
  }
  return failures;
}

Json alarm_json(const AlarmFindings& findings) {
  Json figures = Json::array();
  for (const auto& f : findings.figures) {
    Json one{{"figure", key_of(f)}, {"value", number(f.value)}};
    if (f.interval)
      one[is_count(f) ? "range" : "interval"] = {number(f.interval->low), number(f.interval->high)};
    if (f.most) {
      const auto& limit = findings.config.limits[static_cast<size_t>(f.figure)];
      one["at_most"] = *f.most;
      one["of_standard"] = limit->of_standard;
      one["verdict"] = name_of(f.verdict);
    }
    if (!f.because.empty()) one["because"] = f.because;
    if (f.runs_needed > 0) one["seeds_needed"] = static_cast<uint64_t>(f.runs_needed);
    if (!std::isnan(f.runs[f.worst])) one["worst_seed"] = findings.seeds[f.worst];
    Json runs = Json::array();
    for (const double run : f.runs) runs.push_back(number(run));
    one["runs"] = std::move(runs);
    figures.push_back(std::move(one));
  }
  Json often = Json::array();
  for (size_t i = 0; i < findings.alarms.size() && i < 10; ++i) {
    const auto& alarm = findings.alarms[i];
    often.push_back({{"alarm", alarm.name},
                     {"annunciated", alarm.annunciated},
                     {"share", alarm.share},
                     {"runs_chattering", alarm.chattering},
                     {"runs_stale", alarm.stale}});
  }
  Json all{{"operators", findings.config.operators},
           {"confidence", findings.config.confidence},
           {"seeds", findings.seeds},
           {"length_s", findings.length.seconds()},
           {"held", findings.held()},
           {"figures", figures},
           {"most_often", often}};
  if (!findings.config.standard.empty()) all["standard"] = findings.config.standard;
  return all;
}

}  // namespace looptwin::testbed
