// Writes a run folder while the run goes on. Cycle threads put samples and rows into lanes; at each boundary
// end_cycle() hands them to one storage thread, which alone journals, seals and syncs. A kill at any moment
// costs only what was not journalled yet; what the disk refuses shows in failed(), and the run may go on
// without its warm history.
#pragma once

#include <memory>
#include <optional>

#include "base/result.h"
#include "twin/warm/disk.h"
#include "twin/warm/lane.h"
#include "twin/warm/options.h"
#include "twin/warm/spec.h"

namespace looptwin::twin {

class RunWriter {
 public:
  /// Begins a run in a folder that does not exist or is empty. Nothing is left behind where that fails.
  static Result<RunWriter> create(const fs::path& folder, const RunSpec& spec,
                                  const RunOptions& options = {});

  /// Goes on with a run of the same spec: after its last good cycle, or after `at`, dropping what came later.
  /// A position is good if it was the last one that mark() gave, or the end of a segment that is kept.
  static Result<RunWriter> resume(const fs::path& folder, const RunSpec& spec,
                                  std::optional<Position> at = {}, const RunOptions& options = {});

  RunWriter(RunWriter&&) noexcept;
  RunWriter& operator=(RunWriter&&) noexcept;
  /// Without finish() the run stays unfinished: journalled, readable, to be resumed.
  ~RunWriter();

  const RunSpec& spec() const;
  std::optional<GridId> grid(std::string_view name) const;
  std::optional<LogId> log(std::string_view name) const;

  /// One a part of the fleet, RunOptions::lanes in all; each used by one thread at a time, never during
  /// end_cycle().
  Lane& lane(size_t part);

  /// Hands over what all lanes hold, for the cycle that ends at this boundary (later than the one before).
  /// Waits only while the storage thread is too far behind. After a failure it drops what the lanes hold.
  void end_cycle(Time boundary);

  /// So many cycles were handed over.
  Position position() const;
  /// The position to which a restored run may come back: its journal is kept until the next mark().
  Position mark();

  /// The last boundary that a kill would not cost (journalled), or a power cut would not (durable).
  Time journalled() const;
  Time durable() const;
  /// Waits until a boundary that was handed over is journalled.
  Result<void> await_journalled(Time boundary);
  /// Syncs now and waits until a boundary that was handed over is durable.
  Result<void> await_durable(Time boundary);

  /// Whether the disk refused something; what, is in error(). Cheap: to be polled every cycle.
  bool failed() const;
  Diagnostics error() const;

  /// Seals all, writes how the run ended (JSON) and the decisions' fingerprint into the manifest, and ends
  /// the writer.
  Result<void> finish(const std::string& status_json, const std::string& fingerprint = {});

 private:
  struct State;
  explicit RunWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace looptwin::twin
