// A run folder as its storage thread sees it: takes in one cycle after another, journals it, fills the open
// block and seals the one before. Single-threaded and without a clock; RunWriter runs it in its own thread.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <optional>

#include "twin/warm/folder_lock.h"
#include "twin/warm/journal.h"
#include "twin/warm/options.h"
#include "twin/warm/sealer.h"

namespace looptwin::twin {

class RunStore {
 public:
  static Result<std::unique_ptr<RunStore>> create(const fs::path& folder, const RunSpec& spec,
                                                  const RunOptions& options);
  static Result<std::unique_ptr<RunStore>> resume(const fs::path& folder, const RunSpec& spec,
                                                  std::optional<Position> at, const RunOptions& options);
  RunStore(const RunStore&) = delete;

  const RunSpec& spec() const { return manifest_.spec; }
  const SegmentPlan& plan() const { return manifest_.plan; }
  Position position() const { return position_; }

  /// One cycle's items, in lane order. They are in the page cache when this returns; sync() makes them last.
  Result<void> take(Time boundary, std::span<const std::span<const std::byte>> lanes);
  Result<void> sync() { return journal_.sync(); }

  bool is_sealing() const { return sealer_.has_value(); }
  Result<void> seal_some();

  /// Journals that hold cycles after this position are kept, sealed or not. From any thread.
  void keep_after(uint64_t sequence) { keep_after_ = sequence; }
  static constexpr uint64_t kKeepNone = UINT64_MAX;

  /// Seals what is open and writes the manifest. `status` is JSON.
  Result<void> finish(const std::string& status, const std::string& fingerprint);

 private:
  RunStore(fs::path folder, Manifest manifest, const RunOptions& options);
  struct Sealed {
    uint64_t number, end_sequence;
    Time to;
    uint64_t bytes;
  };
  Result<void> start_journal();
  Result<void> roll();
  Result<void> start_sealing();
  Result<void> seal_all();
  Result<void> drop_journals();
  Result<void> drop_old_cells();

  // What resume() consists of.
  Result<void> find_base(std::optional<Position> at);
  Result<void> replay(std::optional<Position> at);
  Result<void> replay_journal(JournalReader& journal, std::optional<Position> at);
  Result<void> remove_beyond();
  Result<void> reopen_journal();

  fs::path folder_;
  FolderLock lock_;
  Manifest manifest_;
  RunOptions options_;
  std::unique_ptr<Block> open_, closing_;
  std::optional<Sealer> sealer_;  // of closing_
  JournalWriter journal_;

  // The open segment.
  uint64_t number_ = 1;
  uint64_t first_sequence_ = 0;
  Time from_;
  std::vector<uint64_t> log_rows_;  // in each log before it
  Position position_;
  uint64_t journal_bytes_ = 0;  // resume(): good bytes of its journal, 0 where it has to be started

  std::deque<Sealed> segments_;  // sealed and with their cells, oldest first
  std::deque<std::pair<uint64_t, uint64_t>>
      old_journals_;  // number and end of those that are sealed but still there
  std::atomic<uint64_t> keep_after_ = kKeepNone;
};

}  // namespace looptwin::twin
