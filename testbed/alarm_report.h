// An alarm system's figures as lines for people, beside what standards hold acceptable.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "mml/alarm_figures.h"
#include "twin/warm/run_reader.h"

namespace looptwin::testbed {

struct AlarmReportLine {
  std::string what, value;
  std::string held;  ///< what is held acceptable, and by whom; empty: nobody says
  bool kept = true;  ///< it is
};
std::vector<AlarmReportLine> alarm_lines(const mml::AlarmReport& report);

/// The figures of a run folder's journal, and the names of its instances; empty where it has none.
struct AlarmJournal {
  mml::AlarmReport report;
  std::function<std::string(const mml::AlarmInstance&)> name;
};
Result<std::optional<AlarmJournal>> read_alarm_journal(twin::RunReader& run);

}  // namespace looptwin::testbed
