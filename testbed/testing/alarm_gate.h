// The alarm system's figures of several runs, held against the limits of a test. Rates and shares are those
// of all runs together, and their confidence interval must keep the limit; counts must keep it in each run.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "mml/alarm_figures.h"
#include "testbed/assembly.h"
#include "testbed/testing/intervals.h"
#include "testbed/testing/test_config.h"

namespace looptwin::testbed {

/// What one run has come to.
struct AlarmSample {
  uint64_t seed = 0;
  mml::AlarmReport report;  ///< as the run's own summary has it, but for so many operators
  uint32_t operators = 1;
  struct OnDevice {
    std::string name;  ///< "overload on block-1"
    uint64_t annunciated = 0;
    bool chattering = false, stale = false;
  };
  std::vector<OnDevice> alarms;            ///< that were annunciated
  size_t possible = 0;                     ///< alarms, each on each of its devices
  std::vector<int64_t> answered, waiting;  ///< ns: until the answer; until the end without one. Sorted
};
AlarmSample alarm_sample(Assembly& assembly, uint64_t seed, uint32_t operators);

struct AlarmFinding {
  enum class Verdict : uint8_t {
    unlimited,
    held,
    violated,
    undecided,  ///< the limit lies within the interval
    set_aside,  ///< the standard's limit, of which these runs can show nothing
  };
  AlarmFigure figure = AlarmFigure::per_hour;
  double value = 0;                  ///< of all runs: of counts the mean. NaN: of nothing. ∞: never
  std::optional<Interval> interval;  ///< of several runs; of counts the least and the most
  std::optional<double> most;        ///< the limit
  Span span;                         ///< of it
  Verdict verdict = Verdict::unlimited;
  std::string because;     ///< of what is undecided or set aside, where it is not the interval
  size_t over = 0;         ///< of counts: runs beyond the limit
  double runs_needed = 0;  ///< of what is undecided; 0: nobody knows
  std::vector<double> runs;
  size_t worst = 0;  ///< into runs; NaN there: none has any

  bool failed() const { return verdict == Verdict::violated || verdict == Verdict::undecided; }
};
const char* name_of(AlarmFinding::Verdict verdict);

struct AlarmFindings {
  AlarmLimitsConfig config;
  std::vector<uint64_t> seeds;
  Duration length{};                  ///< of a run
  std::vector<AlarmFinding> figures;  ///< one of each
  struct Often {
    std::string name;
    uint64_t annunciated = 0;
    double share = 0;
    size_t chattering = 0, stale = 0;  ///< in so many runs
  };
  std::vector<Often> alarms;  ///< all that came, the most frequent first
  bool held() const;
};
/// Of at least one run.
AlarmFindings judge_alarms(const AlarmLimitsConfig& config, std::span<const AlarmSample> runs);

}  // namespace looptwin::testbed
