// What was done by hand in a run that somebody stepped, as its folder keeps it (RUN/by_hand.jsonl): acts of
// people, and faults. Who plays the run again, or goes on with it, does the same: each fault is one more of
// the scenario's, each act one more of its script.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "testbed/scenario.h"

namespace looptwin::testbed {

class Assembly;

inline constexpr const char* kByHandFile = "by_hand.jsonl";

struct DoneByHand {
  enum class Is : uint8_t { act, fault } is = Is::act;
  Time after;         ///< the last boundary before it
  std::string entry;  ///< as YAML: an entry of `script:` or of `faults:`
};
Result<void> note_by_hand(const std::filesystem::path& run, const DoneByHand& done);

/// The same, read and checked; it comes after `after`, the last boundary, whatever it says.
Result<sim::FaultConfig> fault_by_hand(const Scenario& scenario, const SourcePtr& entry, Time after);
Result<std::vector<twin::OperatorAction>> acts_by_hand(Assembly& assembly, const SourcePtr& entry,
                                                       Time after);

/// Adds the faults of a run folder, which may have none, to its scenario as it was loaded anew.
Result<void> add_faults_by_hand(const std::filesystem::path& run, Scenario& scenario);
/// Has the acts of a run folder that come after a boundary done in an assembly of its scenario.
Result<void> add_acts_by_hand(const std::filesystem::path& run, Assembly& assembly, Time after);

}  // namespace looptwin::testbed
