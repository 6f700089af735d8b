// Forks: a run that goes on from the state of another, in memory or from its folder. Forked and unchanged it
// is the trunk, bit for bit; what may be changed is what leaves the state's layout as it is.
#pragma once

#include <memory>
#include <string>

#include "base/stop.h"
#include "testbed/snapshots.h"

namespace looptwin::testbed {

class Assembly;
class Extensions;

/// A second assembly of the same scenario, without run folder, in the state of the first at its last
/// boundary. The first goes on as if nothing had been.
Result<std::unique_ptr<Assembly>> fork(Assembly& live, int threads = 0);
/// The state alone, into an assembly of the same scenario that is there already: many forks need only as many
/// assemblies as are looked at at once. Where `stop` ends it early the second is in no state at all.
Result<void> copy_state(Assembly& from, Assembly& to, const StopAsked& stop = {});

/// A run folder's state at a moment, and what it is of.
struct ForkPoint {
  Resumable trunk;
  std::filesystem::path run;           ///< the trunk's folder
  std::filesystem::path scenario;      ///< where the trunk's is loaded from: its own copy, if it has one
  Snapshot state;                      ///< without recorder's
  std::unique_ptr<Assembly> assembly;  ///< the trunk's, in that state
};
/// Restores the newest snapshot of `run` at or before `at`, or begins anew where there is none, and runs to
/// the last boundary at or before `at`.
Result<ForkPoint> reach(const std::filesystem::path& run, Time at, int threads,
                        const Extensions* extensions = nullptr);

/// Whether a scenario, loaded with these further settings, may go on from there; else why not.
Result<void> check_change(const ForkPoint& point, const Scenario& changed,
                          const std::vector<Setting>& settings);
/// Puts the trunk's state into an assembly of the changed scenario; refused where it does not fit.
Result<void> restore_changed(const ForkPoint& point, Assembly& changed);

}  // namespace looptwin::testbed
