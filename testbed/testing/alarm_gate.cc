#include "testbed/testing/alarm_gate.h"

#include <fmt/format.h>
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "base/check.h"
#include "mml/alarms.h"
#include "mml/loop.h"
#include "twin/registry.h"

namespace looptwin::testbed {
namespace {

using enum AlarmFigure;
using Is = AlarmFigureInfo::Is;
using Judged = AlarmFinding::Verdict;
using Runs = std::span<const AlarmSample>;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kTen = 10;

double real(uint64_t n) { return static_cast<double>(n); }

/// What one run counts towards a rate or a share. `often`: the ten alarms that come most often in all runs.
Part part_of(AlarmFigure figure, const AlarmSample& run, const std::set<std::string>& often) {
  const auto& r = run.report;
  const auto of_priority = [&](mml::AlarmPriority p) -> Part {
    return {real(r.by_priority[static_cast<size_t>(p)]), real(r.annunciated)};
  };
  switch (figure) {
    case per_hour:
      return {real(r.annunciated), r.length.seconds() / 3600 * run.operators};
    case per_10_min:
      return {real(r.annunciated), r.length.seconds() / 600 * run.operators};
    case periods_above_10:
      return {real(r.periods_busy), real(r.periods)};
    case in_flood:
      return {real(r.periods_in_flood), real(r.periods)};
    case hours_above_30:
      return {real(r.hours_busy), real(r.hours)};
    case priority_medium:
      return of_priority(mml::AlarmPriority::medium);
    case priority_high:
      return of_priority(mml::AlarmPriority::high);
    case priority_urgent:
      return of_priority(mml::AlarmPriority::urgent);
    case top_ten: {
      uint64_t of_these = 0;
      for (const auto& alarm : run.alarms)
        if (often.contains(alarm.name)) of_these += alarm.annunciated;
      return {real(of_these), real(r.annunciated)};
    }
    default:
      break;
  }
  LT_CHECK(false, "neither a rate nor a share");
}

double count_of(AlarmFigure figure, const AlarmSample& run) {
  const auto& r = run.report;
  switch (figure) {
    case most_in_10_min:
      return real(r.peak) / run.operators;
    case floods:
      return real(r.floods);
    case chattering:
      return real(r.chattering);
    case fleeting:
      return real(r.fleeting);
    case stale:
      return real(r.stale);
    case late:
      return real(r.late);
    default:
      break;
  }
  LT_CHECK(false, "no count of a run");
}

double percentile_of(AlarmFigure figure) { return figure == to_acknowledge ? 0.5 : 0.95; }

/// Which of its alarms are not answered within so long. Those that have waited for less when the run ends are
/// not counted at all: nobody knows.
Part late_at(const AlarmSample& run, int64_t ns) {
  const auto beyond = [](const std::vector<int64_t>& sorted, auto bound) {
    return static_cast<double>(sorted.end() - bound);
  };
  const double waited = beyond(run.waiting, std::lower_bound(run.waiting.begin(), run.waiting.end(), ns));
  const double later = beyond(run.answered, std::upper_bound(run.answered.begin(), run.answered.end(), ns));
  return {waited + later, waited + real(run.answered.size())};
}

Ratio late_at(Runs runs, int64_t ns) {
  std::vector<Part> parts;
  for (const auto& run : runs) parts.push_back(late_at(run, ns));
  return {Ratio::Is::share, parts};
}

/// The least time after which `enough` holds, s; it goes on to hold. ∞: there is none; NaN: of no alarm.
template <typename Enough>
double least_time(Runs runs, const Enough& enough) {
  std::vector<int64_t> times;
  size_t waiting = 0;
  for (const auto& run : runs) {
    times.insert(times.end(), run.answered.begin(), run.answered.end());
    waiting += run.waiting.size();
  }
  if (times.empty()) return waiting == 0 ? kNaN : kInfinity;
  std::sort(times.begin(), times.end());
  const auto found =
      std::partition_point(times.begin(), times.end(), [&](int64_t ns) { return !enough(ns); });
  return found == times.end() ? kInfinity : static_cast<double>(*found) / 1e9;
}

// Just above the share, so that 5 of 100 are 5 %.
bool at_most(double share, double limit) { return share <= limit * (1 + 1e-12); }

double quantile(Runs runs, double p) {
  return least_time(runs, [&](int64_t ns) { return at_most(late_at(runs, ns).value(), 1 - p); });
}

class Gate {
 public:
  Gate(const AlarmLimitsConfig& config, Runs runs) : config_(config), runs_(runs) {}

  AlarmFindings findings() {
    AlarmFindings out{.config = config_};
    out.length = runs_.front().report.length;
    for (const auto& run : runs_) out.seeds.push_back(run.seed);
    out.alarms = often();
    for (size_t i = 0; i < out.alarms.size() && i < kTen; ++i) often_.insert(out.alarms[i].name);
    for (size_t f = 0; f < kAlarmFigures; ++f) out.figures.push_back(finding(static_cast<AlarmFigure>(f)));
    return out;
  }

 private:
  bool several() const { return runs_.size() > 1; }

  std::vector<AlarmFindings::Often> often() const {
    std::map<std::string, AlarmFindings::Often> by_name;
    uint64_t annunciated = 0;
    for (const auto& run : runs_) {
      annunciated += run.report.annunciated;
      for (const auto& alarm : run.alarms) {
        auto& one = by_name[alarm.name];
        one.annunciated += alarm.annunciated;
        one.chattering += alarm.chattering;
        one.stale += alarm.stale;
      }
    }
    std::vector<AlarmFindings::Often> all;
    for (auto& [name, one] : by_name) {
      one.name = name;
      one.share = real(one.annunciated) / real(annunciated);
      all.push_back(one);
    }
    std::stable_sort(all.begin(), all.end(),
                     [](const auto& a, const auto& b) { return a.annunciated > b.annunciated; });
    return all;
  }

  Ratio ratio(AlarmFigure figure) const {
    std::vector<Part> parts;
    for (const auto& run : runs_) parts.push_back(part_of(figure, run, often_));
    return {info_of(figure).is == Is::rate ? Ratio::Is::rate : Ratio::Is::share, parts};
  }

  double of_run(AlarmFigure figure, const AlarmSample& run) const {
    switch (info_of(figure).is) {
      case Is::count:
        return count_of(figure, run);
      case Is::time:
        return quantile({&run, 1}, percentile_of(figure));
      case Is::rate:
      case Is::share:
        break;
    }
    if (figure == top_ten) return run.report.annunciated == 0 ? kNaN : run.report.top_share;
    const Part part = part_of(figure, run, often_);
    return part.all > 0 ? part.counted / part.all : kNaN;
  }

  AlarmFinding finding(AlarmFigure figure) const {
    AlarmFinding f{.figure = figure};
    for (const auto& run : runs_) {
      f.runs.push_back(of_run(figure, run));
      const double worst = f.runs[f.worst];
      if (f.runs.back() > worst || std::isnan(worst)) f.worst = f.runs.size() - 1;
    }
    const auto& limit = config_.limits[static_cast<size_t>(figure)];
    if (limit) f.most = limit->most, f.span = limit->span;
    switch (info_of(figure).is) {
      case Is::count:
        judge_count(f);
        break;
      case Is::time:
        judge_time(f);
        break;
      case Is::rate:
      case Is::share:
        judge_ratio(f, ratio(figure));
        break;
    }
    if (!f.most) return f;
    const auto nothing = shows_nothing(f);
    if (nothing.empty()) return f;
    f.because = nothing;
    if (!limit->of_standard && f.verdict == Judged::violated) return f;
    f.verdict = limit->of_standard ? Judged::set_aside : Judged::undecided;
    f.runs_needed = 0;
    return f;
  }

  void judge_count(AlarmFinding& f) const {
    const auto [least, most] = std::minmax_element(f.runs.begin(), f.runs.end());
    for (const double run : f.runs) f.value += run / real(f.runs.size());
    if (several()) f.interval = {*least, *most};
    if (!f.most) return;
    f.over = static_cast<size_t>(
        std::count_if(f.runs.begin(), f.runs.end(), [&](double run) { return run > *f.most; }));
    f.verdict = f.over > 0 ? Judged::violated : Judged::held;
  }

  void judge_ratio(AlarmFinding& f, const Ratio& ratio) const {
    f.value = ratio.value();
    if (several()) f.interval = ratio.interval(config_.confidence);
    if (f.most) decide(f, ratio, *f.most);
  }

  /// A quantile keeps its limit where the share of alarms that take longer keeps its own: the interval of the
  /// one is that of the other, turned round.
  void judge_time(AlarmFinding& f) const {
    const double p = percentile_of(f.figure), later = 1 - p;
    f.value = quantile(runs_, p);
    if (several() && !std::isnan(f.value))
      f.interval = {least_time(runs_,
                               [&](int64_t ns) {
                                 return at_most(late_at(runs_, ns).interval(config_.confidence).low, later);
                               }),
                    least_time(runs_, [&](int64_t ns) {
                      return at_most(late_at(runs_, ns).interval(config_.confidence).high, later);
                    })};
    if (f.most) decide(f, late_at(runs_, static_cast<int64_t>(std::llround(*f.most * 1e9))), later);
  }

  /// A limit of 0 is kept where there was none in any run: no number of runs shows that there never is one.
  void decide(AlarmFinding& f, const Ratio& ratio, double most) const {
    if (std::isnan(ratio.value())) {
      f.verdict = Judged::undecided;
    } else if (!at_most(ratio.value(), most)) {
      f.verdict = Judged::violated;
    } else if (!several() || most == 0 || at_most(ratio.interval(config_.confidence).high, most)) {
      f.verdict = Judged::held;
    } else {
      f.verdict = Judged::undecided;
      f.runs_needed = ratio.runs_to_show(most, config_.confidence);
    }
  }

  /// Why these runs cannot show whether the limit is kept; empty: they can.
  std::string shows_nothing(const AlarmFinding& f) const {
    const auto length = runs_.front().report.length;
    if (f.figure == stale && length < hours(24))
      return fmt::format("a run of {} is too short: stale is what stands for 24 h", to_string(length));
    if (info_of(f.figure).is == Is::time && std::isnan(f.value)) return "no alarm was to be acknowledged";
    if (!is_share_of_alarms(f.figure) || *f.most >= 1) return {};
    uint64_t came = 0;
    for (const auto& run : runs_) came += run.report.annunciated;
    if (came == 0) return "no alarm came";
    if (*f.most <= 0) return {};
    if (f.figure == top_ten && real(runs_.front().possible) * *f.most < kTen)
      return fmt::format("of {} alarms on devices in all, ten are always more", runs_.front().possible);
    const double one = f.figure == top_ten ? kTen : 1;
    if (real(came) * *f.most < one)
      return fmt::format("of {} alarms that came, {} more", came, one == 1 ? "a single one is" : "ten are");
    return {};
  }

  const AlarmLimitsConfig& config_;
  Runs runs_;
  std::set<std::string> often_;
};

}  // namespace

const char* name_of(Judged verdict) {
  switch (verdict) {
    case Judged::unlimited:
      return "";
    case Judged::held:
      return "held";
    case Judged::violated:
      return "violated";
    case Judged::undecided:
      return "undecided";
    case Judged::set_aside:
      return "set aside";
  }
  return "";
}

AlarmSample alarm_sample(Assembly& assembly, uint64_t seed, uint32_t operators) {
  const auto& alarms = assembly.alarms();
  const Time end = assembly.loop().now();
  AlarmSample sample{.seed = seed, .report = alarms.figures().report(end, operators), .operators = operators};
  for (const auto& alarm : alarms.all()) sample.possible += assembly.tables().rows(alarm.table);
  for (const auto& tally : alarms.figures().tallies(end)) {
    const auto& alarm = alarms.all()[tally.instance.alarm];
    const bool of_site = alarm.table == assembly.registry().site();
    const auto& name = alarm.config.event.name;
    sample.alarms.push_back(
        {of_site
             ? name
             : fmt::format("{} on {}", name, assembly.registry().id({alarm.table, Row(tally.instance.row)})),
         tally.annunciated, tally.chattering, tally.stale});
  }
  sample.answered = alarms.figures().to_acknowledge();
  sample.waiting = alarms.figures().waiting(end);
  std::sort(sample.answered.begin(), sample.answered.end());
  std::sort(sample.waiting.begin(), sample.waiting.end());
  return sample;
}

bool AlarmFindings::held() const {
  return std::none_of(figures.begin(), figures.end(), [](const auto& f) { return f.failed(); });
}

AlarmFindings judge_alarms(const AlarmLimitsConfig& config, std::span<const AlarmSample> runs) {
  LT_CHECK(!runs.empty());
  return Gate(config, runs).findings();
}

}  // namespace looptwin::testbed
