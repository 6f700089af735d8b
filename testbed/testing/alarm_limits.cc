#include "testbed/testing/alarm_limits.h"

#include <fmt/format.h>
#include <cmath>

#include "base/check.h"
#include "base/text.h"
#include "base/time.h"
#include "testbed/alarm_benchmarks.h"

namespace looptwin::testbed {
namespace {

using enum AlarmFigure;
using Is = AlarmFigureInfo::Is;

constexpr AlarmFigureInfo kInfos[] = {
    {per_hour, "per_hour", Is::rate, "alarms an hour for each operator, on average"},
    {per_10_min, "per_10_min", Is::rate, "the same, in ten minutes"},
    {most_in_10_min, "most_in_10_min", Is::count,
     "alarms for each operator in the worst of the ten minutes of a run, counted from its start"},
    {periods_above_10, "periods_above_10", Is::share,
     "share of ten minutes with more than ten alarms for each operator"},
    {hours_above_30, "hours_above_30", Is::share,
     "share of hours with more than thirty alarms for each operator"},
    {in_flood, "in_flood", Is::share, "share of time in a flood"},
    {floods, "floods", Is::count, "floods that begin in a run"},
    {chattering, "chattering", Is::count, "alarms on devices that chatter in a run"},
    {fleeting, "fleeting", Is::count, "how often in a run an alarm is over within a minute, unanswered"},
    {stale, "stale", Is::count, "alarms on devices that are stale in a run"},
    {late, "late", Is::count,
     "how often in a run an alarm has waited for its acknowledgement longer than its `respond_within`"},
    {priority_medium, "priority_medium", Is::share, "share of the alarms that have priority medium"},
    {priority_high, "priority_high", Is::share, "likewise high"},
    {priority_urgent, "priority_urgent", Is::share, "likewise urgent"},
    {top_ten, "top_ten", Is::share,
     "share of the ten alarms on devices that come most often, in all runs together"},
    {to_acknowledge, "to_acknowledge", Is::time, "time until an alarm is acknowledged, median"},
    {to_acknowledge_p95, "to_acknowledge_p95", Is::time, "likewise, its 95th percentile"},
};
static_assert(std::size(kInfos) == kAlarmFigures);

struct Standard {
  const char* name;
  std::vector<std::pair<AlarmFigure, double>> limits;
};

const std::vector<Standard>& standards() {
  using namespace benchmarks;
  static const std::vector<Standard> kAll = {
      {"isa-18.2",
       {{per_hour, kPerHour},
        {most_in_10_min, kMostIn10Min},
        {periods_above_10, kFewTimes},
        {hours_above_30, kFewTimes},
        {in_flood, kFewTimes},
        {chattering, 0},
        {fleeting, 0},
        {stale, kStaleBelow - 1},
        {priority_medium, kAbout * kMedium},
        {priority_high, kAbout * kHigh},
        {priority_urgent, kAbout * kUrgent},
        {top_ten, kTopTen}}},
      {"eemua-191",
       {{per_10_min, kPer10Min},
        {most_in_10_min, kMostIn10Min},
        {priority_medium, kAbout * kMedium},
        {priority_high, kAbout * kHigh}}},
  };
  return kAll;
}

}  // namespace

const AlarmFigureInfo& info_of(AlarmFigure figure) {
  const auto& info = kInfos[static_cast<size_t>(figure)];
  LT_CHECK(info.figure == figure);
  return info;
}

std::vector<std::string> alarm_standards() {
  std::vector<std::string> names;
  for (const auto& standard : standards()) names.emplace_back(standard.name);
  return names;
}

std::string standard_limits(AlarmFigure figure) {
  std::vector<std::string> all;
  for (const auto& standard : standards())
    for (const auto& [limited, most] : standard.limits)
      if (limited == figure) all.push_back(fmt::format("{}: {}", standard.name, alarm_value(figure, most)));
  return all.empty() ? "any" : joined(all, "; ");
}

void AlarmLimitsConfig::fill_from_standard() {
  for (const auto& known : standards()) {
    if (known.name != standard) continue;
    for (const auto& [figure, most] : known.limits)
      if (auto& limit = limits[static_cast<size_t>(figure)]; !limit) limit = {most, span, true};
  }
}

std::string alarm_value(AlarmFigure figure, double value) {
  switch (info_of(figure).is) {
    case Is::share:
      return fmt::format("{:.3g} %", 100 * value);
    case Is::time: {
      // To a second, or a tenth of a short time: the boundaries are no finer in practice.
      const auto step = value < 10 ? 1e8 : 1e9;
      return to_string(Duration{static_cast<int64_t>(std::llround(value * 1e9 / step) * step)});
    }
    case Is::rate:
    case Is::count:
      break;
  }
  return fmt::format("{:.3g}", value);
}

}  // namespace looptwin::testbed
