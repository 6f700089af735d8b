// What is allowed but seldom meant, said as warnings when a scenario is wired.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "lang/graph.h"
#include "mml/rule.h"
#include "mml/warm.h"
#include "testbed/scenario.h"
#include "twin/registry.h"

namespace looptwin::testbed {

/// Two rules that may claim the same setpoint of the same devices with equal priority.
void note_rivals(const std::vector<std::unique_ptr<mml::Rule>>& rules, const twin::Registry& registry,
                 Diagnostics& problems);

/// "station.discharge is claimed by winter (priority 1), push_less (priority 0): the highest holds", a line
/// for each setpoint that several rules may claim.
std::vector<std::string> rivals(const std::vector<mml::Rule>& rules, const twin::Registry& registry);

/// Entries of the script that will be refused whatever happens: the person lacks the role, or a reason, or
/// the alarm is none that is confirmed or reset.
void note_refusals(const Scenario& scenario, Diagnostics& problems);

/// A duration that is no multiple of a fixed cycle: the run ends at its last boundary.
void note_last_boundary(const Scenario& scenario, Diagnostics& problems);

/// Faults, restarts and entries of the script that come after the run's end. Not where `settings` say how
/// long the run is: who shortens a run knows that he cuts it.
void note_late(const Scenario& scenario, const std::vector<Setting>& settings, Diagnostics& problems);

/// Fields whose values go stale before the next one comes, or of which samples are shed in regular operation.
void note_periods(const Scenario& scenario, Diagnostics& problems);

/// Patterns of `history:` that no device of their model matches.
void note_unmatched_history(const std::vector<HistoryConfig>& history, const twin::Registry& registry,
                            Diagnostics& problems);

/// Windows that the run is too short for. They look back in memory, whatever the run folder's retention.
void note_long_windows(const lang::Graph& graph, Duration run, Diagnostics& problems);

/// rises() and time_true() of fields whose windows are too long for their samples, and which may change
/// several times between two boundaries.
void note_coarse_conditions(const lang::Graph& graph, const twin::Registry& registry,
                            const Scenario& scenario, Diagnostics& problems);

/// Trends whose buckets are shorter than the period of what they are made of: many have no value.
void note_sparse_trends(const mml::WarmHistory& warm, const lang::Graph& graph, const Scenario& scenario,
                        const twin::Registry& registry, Diagnostics& problems);

/// ago() and trends that are unknown for as long as the run lasts; where earlier runs are named, until when
/// they are unknown in spite of these, and of which devices.
void note_looks_back(const mml::WarmHistory& warm, const lang::Graph& graph, const Scenario& scenario,
                     const twin::Registry& registry, Diagnostics& problems);

}  // namespace looptwin::testbed
