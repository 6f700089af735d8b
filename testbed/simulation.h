// One simulation, from a loaded scenario to how it ended: assembly, driver and clock, and the run folder
// where there is one. `looptwin run` goes to its end in one go; who holds one in the hand advances it as they
// like, and looks at it, acts in it and forks it in between. advance(a); advance(b) equals advance(b).
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "mml/run_end.h"
#include "testbed/assembly.h"
#include "testbed/scenario.h"

namespace looptwin::testbed {

class Driver;
class VirtualClock;

/// A scenario, and what it was loaded from.
struct Loaded {
  Scenario scenario;
  std::filesystem::path path;  ///< empty: it stands in no file, but in scenario.sources.front()
  std::vector<Setting> settings;
};

/// How a run ended.
struct Ending {
  mml::RunEnd end = mml::RunEnd::reached_end;
  bool held = true;      ///< no requirement was violated
  Diagnostics problems;  ///< why it failed, or could not be written to its end
  std::string status;    ///< JSON, as in the manifest
};

class Simulation {
 public:
  /// The state is that of the start; `options.resume` tells that another one will be restored into it.
  /// `stop`: asks to stop at the next boundary; `options.stop` ends the making.
  static Result<std::unique_ptr<Simulation>> make(Loaded loaded, const AssemblyOptions& options,
                                                  const std::atomic<bool>& stop,
                                                  std::optional<double> speed = {});
  ~Simulation();

  Assembly& assembly() { return *assembly_; }
  const Driver& driver() const { return *driver_; }
  /// The last boundary; also while the MML is away, which then knows of none.
  Time now() const;
  Time end() const;
  uint64_t hash() const { return hash_; }  ///< hash_of() scenario and settings

  /// The assembly was restored to this boundary.
  void go_on_after(Time boundary);
  /// To the last boundary at or before `to`, which lies not beyond end(). reached_end: it was reached.
  mml::RunEnd advance(Time to, const std::function<void(Time)>& each = {});
  /// What broke the run; empty while all is well.
  Diagnostics problems() const;
  /// A second simulation in the state of this one, without a run folder; not while the MML is away.
  /// `end_early` is asked while it is made.
  Result<std::unique_ptr<Simulation>> fork(int threads, const std::atomic<bool>& stop,
                                           mml::DecisionSink* decisions = nullptr,
                                           const StopAsked& end_early = {});
  /// People act, at the next boundary or when the entry of a script says.
  Result<void> act(const SourcePtr& entry);
  /// Something goes wrong from now on, or from a time that the entry of `faults:` says.
  Result<void> inject(const SourcePtr& entry);
  /// The run is over: nothing is advanced any more. `wall`: s that it took.
  Ending finish(mml::RunEnd end, double wall);

 private:
  Simulation();

  const std::atomic<bool>* stop_ = nullptr;
  std::vector<Setting> settings_;
  std::optional<std::filesystem::path> out_;
  uint64_t hash_ = 0;
  std::unique_ptr<Assembly> assembly_;
  std::unique_ptr<Driver> driver_;
  std::unique_ptr<VirtualClock> clock_;
};

}  // namespace looptwin::testbed
