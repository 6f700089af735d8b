// What a test may demand of the alarm system as a whole: the figures of ISA-18.2 and EEMUA 191, each with the
// most that is allowed, and the standards' own sets of limits.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace looptwin::testbed {

enum class AlarmFigure : uint8_t {
  per_hour,
  per_10_min,
  most_in_10_min,
  periods_above_10,
  hours_above_30,
  in_flood,
  floods,
  chattering,
  fleeting,
  stale,
  late,
  priority_medium,
  priority_high,
  priority_urgent,
  top_ten,
  to_acknowledge,
  to_acknowledge_p95,
};
inline constexpr size_t kAlarmFigures = static_cast<size_t>(AlarmFigure::to_acknowledge_p95) + 1;

struct AlarmFigureInfo {
  enum class Is : uint8_t {
    rate,   ///< a mean over many runs: annunciations in a time
    share,  ///< likewise, of time or of annunciations
    count,  ///< of a run: each must keep it
    time,   ///< a quantile over many runs, s
  };
  AlarmFigure figure;
  const char* key;  ///< as tests write it
  Is is;
  const char* about;  ///< for the key table
};
const AlarmFigureInfo& info_of(AlarmFigure figure);
inline bool is_share_of_alarms(AlarmFigure figure) {
  return figure >= AlarmFigure::priority_medium && figure <= AlarmFigure::top_ten;
}

struct AlarmLimit {
  std::optional<double> most;  ///< shares from 0 to 1, times in s; nothing: `any`
  Span span;
  bool of_standard = false;
};

/// `alarms: {standard: isa-18.2, at_most: {per_hour: 2}, operators: 1}`
struct AlarmLimitsConfig {
  Span span;
  std::string standard;  ///< empty: none
  std::array<std::optional<AlarmLimit>, kAlarmFigures> limits;
  uint32_t operators = 1;
  double confidence = 0.95;

  /// The standard's limits, where the test has none of its own.
  void fill_from_standard();
};

/// "isa-18.2", "eemua-191"
std::vector<std::string> alarm_standards();

/// "isa-18.2: 6"; "any" where no standard limits it.
std::string standard_limits(AlarmFigure figure);

/// A limit as a test would write it: "6", "1 %", "5 min".
std::string alarm_value(AlarmFigure figure, double value);

}  // namespace looptwin::testbed
