// A run's state on disk: written whole at boundaries, read back when the MML is restarted or the run resumed.
// The file's format stands in docs/formats/run.md.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "testbed/recorder_state.h"
#include "testbed/setting.h"

namespace looptwin::testbed {

class Assembly;
struct Scenario;

/// What a snapshot file holds. `world` and `loop` are archives (testbed/assembly.h).
struct Snapshot {
  Time boundary;          ///< the last one that was run
  uint64_t scenario = 0;  ///< hash_of() its scenario
  RecorderState recorder;
  std::vector<std::byte> world, loop;
};
Result<void> write_snapshot(const std::filesystem::path& path, const Snapshot& snapshot);
/// A torn or changed file is refused, whole.
Result<Snapshot> read_snapshot(const std::filesystem::path& path);

/// Of all files that the scenario was read from, its feeds' data, and what --set changed.
uint64_t hash_of(const Scenario& scenario, const std::vector<Setting>& settings);
/// What may be another than it was where that differs: "scenario.yaml, or plant.registry that it refers to,".
std::string hashed(const std::filesystem::path& file, const Scenario& scenario);

class Snapshots {
 public:
  /// Into RUN/snapshots; where nothing is recorded, into a folder of the system's temporary one that goes
  /// with this object.
  static Result<Snapshots> open(Assembly& assembly, const std::optional<std::filesystem::path>& run,
                                uint64_t scenario);
  Snapshots(Snapshots&&) noexcept;
  ~Snapshots();

  /// Keeps the state of the last boundary; what is beyond the scenario's keep_snapshots goes. A kill at any
  /// moment leaves the newest or the one before it, and the records that belong to it.
  Result<void> take();
  /// The loop's part of the last one, from the disk.
  Result<void> restore_loop();

 private:
  struct Temporary;
  void remove_older() const;
  Snapshots(Assembly& assembly, std::filesystem::path folder, uint64_t scenario);
  Assembly* assembly_;
  std::filesystem::path folder_;
  std::unique_ptr<Temporary> temporary_;
  uint64_t scenario_;
  std::filesystem::path last_;
};

/// What `run --resume` needs to know of a run, beside its snapshot: RUN/resume.json.
struct Resumable {
  std::filesystem::path scenario;
  std::vector<Setting> settings;
  uint64_t hash = 0;
  Time begins;       ///< of a fork: the boundary at which it left its trunk
  std::string kept;  ///< the run folder's own copy of the scenario, from the folder; empty: it has none
  bool rig = false;  ///< of real devices: it can be replayed, but not simulated anew or on
};
Result<void> write_resumable(const std::filesystem::path& run, const Resumable& resumable);
Result<Resumable> read_resumable(const std::filesystem::path& run);
/// The same, of a run that was simulated; others are refused.
Result<Resumable> read_simulated(const std::filesystem::path& run);
/// The newest snapshot of a run folder; nothing where none was taken yet.
Result<std::optional<Snapshot>> newest_snapshot(const std::filesystem::path& run);

}  // namespace looptwin::testbed
