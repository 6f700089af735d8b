// Runs the loop from boundary to boundary, through its restarts: while the MML is away nothing is decided,
// and the world goes on; when it is back its state is read from the disk, and one cycle takes in what was
// kept. Boundaries that were missed are not run.
#pragma once

#include <atomic>
#include <functional>

#include "base/clock.h"
#include "mml/run_end.h"
#include "testbed/restarts.h"
#include "testbed/snapshots.h"

namespace looptwin::testbed {

class Assembly;

class Driver {
 public:
  /// Of an assembly at its start, before anything is restored into it. `run`: the run folder, if any.
  static Result<Driver> make(Assembly& assembly, const std::optional<std::filesystem::path>& run,
                             const std::vector<Setting>& settings);

  /// The assembly was restored to this boundary: restarts that were over by then are not made again.
  void skip_to(Time boundary);

  /// As Loop::run(). The reasons of RunEnd::failed are in error(), in the transport's breakdown(), or in the
  /// recorder.
  mml::RunEnd run(Clock& clock, const std::atomic<bool>& stop, const std::function<void(Time)>& each = {});

  /// run() in two parts, for who stops on the way and goes on: as far as the clock goes, and the run's end.
  mml::RunEnd advance(Clock& clock, const std::atomic<bool>& stop,
                      const std::function<void(Time)>& each = {});
  mml::RunEnd end(mml::RunEnd how);
  /// A restart of the MML is under way: nothing is decided, and the loop's state is on the disk.
  bool is_away() const { return is_away_; }

  const Diagnostics& error() const { return error_; }
  /// The last boundary, whether the MML was there or away.
  Time last() const { return last_; }
  uint64_t restarts() const { return restarts_; }  ///< of the MML
  uint64_t missed() const { return missed_; }      ///< boundaries while it was away

 private:
  explicit Driver(Assembly& assembly) : assembly_(&assembly) {}
  mml::RunEnd steps(Clock& clock, const std::atomic<bool>& stop, const std::function<void(Time)>& each);
  mml::RunEnd finish(mml::RunEnd end);
  bool step(Time boundary);
  bool go_away();
  bool come_back();
  bool keep(const Result<void>& done);

  Assembly* assembly_;
  std::vector<Away> away_;
  size_t next_ = 0;  ///< of away_
  bool is_away_ = false;
  Time last_ = kStart;
  Time went_ = kNever;       ///< since the last cycle it went first
  Duration absent_{};        ///< and was away for so long in all,
  bool has_missed_ = false;  ///< with boundaries in it
  std::optional<Snapshots> snapshots_;
  std::vector<std::byte> empty_;  ///< the loop as it begins
  Diagnostics error_;
  uint64_t restarts_ = 0;
  uint64_t missed_ = 0;
};

}  // namespace looptwin::testbed
