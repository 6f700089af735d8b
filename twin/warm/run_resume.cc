// Going on with a run: after a kill, after its end, or from an earlier position when a saved state is
// restored. First all is read and checked; only then is what lies beyond removed, newest first, so that a
// kill amid leaves a good run.
#include <fmt/format.h>

#include "base/check.h"
#include "twin/warm/run_store.h"
#include "twin/warm/segment_reader.h"

namespace looptwin::twin {

Result<std::unique_ptr<RunStore>> RunStore::resume(const fs::path& folder, const RunSpec& spec,
                                                   std::optional<Position> at, const RunOptions& options) {
  auto manifest = read_manifest(folder);
  if (!manifest) return tl::unexpected(manifest.error());
  if (layout_hash(manifest->spec) != layout_hash(spec) || manifest->spec.tables != spec.tables ||
      manifest->spec.start != spec.start) {
    return failure(
        fmt::format("cannot go on with {}: it was written with other devices, grids, logs or another start",
                    folder.string()),
        "the scenario that this run began with, or another folder");
  }
  auto lock = FolderLock::take(folder);
  if (!lock) return tl::unexpected(lock.error());
  std::unique_ptr<RunStore> store(new RunStore(folder, std::move(*manifest), options));
  store->lock_ = std::move(*lock);
  if (auto done = store->find_base(at); !done) return tl::unexpected(done.error());
  if (auto done = store->replay(at); !done) return tl::unexpected(done.error());
  if (auto done = store->remove_beyond(); !done) return tl::unexpected(done.error());
  if (auto done = store->reopen_journal(); !done) return tl::unexpected(done.error());
  if (at) store->keep_after(at->sequence);
  store->manifest_.status = Manifest{}.status;
  store->manifest_.fingerprint.clear();
  if (auto done = write_manifest(folder, store->manifest_); !done) return tl::unexpected(done.error());
  return store;
}

/// The last segment that ends at or before the position; sets where the open segment begins.
Result<void> RunStore::find_base(std::optional<Position> at) {
  const auto numbers = numbers_in(folder_ / "segments", ".h5");
  if (!numbers) return tl::unexpected(numbers.error());
  for (const uint64_t number : *numbers) {
    SegmentReader reader(manifest_.spec, segment_path(folder_, number));
    const auto info = reader.info();
    if (!info) return tl::unexpected(info.error());
    if (at && info->end_sequence > at->sequence) break;
    for (size_t log = 0; log < log_rows_.size(); ++log) {
      const auto rows = reader.log_rows(log);
      if (!rows) return tl::unexpected(rows.error());
      if (!rows->empty()) log_rows_[log] = rows->end;
    }
    std::error_code error;
    const auto bytes = fs::file_size(segment_path(folder_, number), error);
    segments_.push_back({number, info->end_sequence, info->to, error ? 0 : bytes});
    number_ = number + 1;
    first_sequence_ = info->end_sequence;
    from_ = info->to;
  }
  if (segments_.empty() && !numbers->empty() && numbers->front() != 1) {
    return failure(fmt::format("cannot go on with {} from cycle {}: its segments up to there were dropped",
                               folder_.string(), at->sequence),
                   "a later position");
  }
  position_ = {first_sequence_, from_};
  open_->open(from_);
  return {};
}

Result<void> RunStore::replay(std::optional<Position> at) {
  while (fs::exists(journal_path(folder_, number_)) && !(at && at->sequence == position_.sequence)) {
    auto journal = JournalReader::open(journal_path(folder_, number_));
    if (!journal) return tl::unexpected(journal.error());
    if (auto replayed = replay_journal(*journal, at); !replayed) return replayed;
    const bool is_whole = journal->damage().empty() && fs::exists(journal_path(folder_, number_ + 1)) &&
                          !(at && at->sequence == position_.sequence);
    if (!is_whole) break;
    // It was being sealed when the run stopped; where a later position is wanted, its segment may still be
    // missing.
    if (auto started = start_sealing(); !started) return started;
    if (auto sealed = seal_all(); !sealed) return sealed;
    journal_bytes_ = 0;
  }
  if (at && position_ != *at) {
    return failure(
        fmt::format("cannot go on with {} from cycle {} at {}: what is kept ends at cycle {} at {}",
                    folder_.string(), at->sequence, to_string(at->boundary), position_.sequence,
                    to_string(position_.boundary)),
        "the last position that was marked, or none to go on after the last good record");
  }
  return {};
}

Result<void> RunStore::replay_journal(JournalReader& journal, std::optional<Position> at) {
  journal_bytes_ = 0;
  const auto& start = journal.start();
  if (start.number == 0) return {};  // torn while it was created: nothing in it
  if (start.number != number_ || start.sequence != first_sequence_ ||
      start.layout != layout_hash(manifest_.spec) || start.log_rows.size() != log_rows_.size()) {
    return failure(fmt::format("cannot go on with {}: {} is not the journal after its last segment",
                               folder_.string(), journal_path(folder_, number_).string()));
  }
  log_rows_ = start.log_rows;
  journal_bytes_ = journal.good_bytes();
  JournalRecord record;
  while (!(at && position_.sequence == at->sequence) && journal.next(record)) {
    if (record.kind != RecordKind::cycle || record.sequence != position_.sequence ||
        !open_->apply(record.payload)) {
      journal.reject_last("a record makes no sense");
      break;
    }
    position_ = {record.sequence + 1, record.boundary};
    journal_bytes_ = journal.good_bytes();
  }
  return {};
}

Result<void> RunStore::remove_beyond() {
  for (const auto* part : {"segments", "journal"}) {
    const bool is_segment = std::string_view(part) == "segments";
    const auto numbers = numbers_in(folder_ / part, is_segment ? ".h5" : ".journal");
    if (!numbers) return tl::unexpected(numbers.error());
    for (auto number = numbers->rbegin(); number != numbers->rend(); ++number) {
      const bool is_current = !is_segment && *number == number_ && journal_bytes_ > 0;
      if (is_current || (is_segment && *number < number_)) continue;
      const auto path = is_segment ? segment_path(folder_, *number) : journal_path(folder_, *number);
      if (auto removed = remove_file(path); !removed) return removed;
    }
    if (auto synced = sync_directory(folder_ / part); !synced) return synced;
  }
  std::error_code error;
  for (fs::directory_iterator it(folder_ / "segments", error), end; !error && it != end;
       it.increment(error)) {
    if (it->path().extension() == ".tmp") fs::remove(it->path(), error);
  }
  old_journals_.clear();
  return {};
}

Result<void> RunStore::reopen_journal() {
  if (journal_bytes_ == 0) return start_journal();
  auto journal = JournalWriter::resume(journal_path(folder_, number_), journal_bytes_);
  if (!journal) return tl::unexpected(journal.error());
  journal_ = std::move(*journal);
  return journal_.sync();
}

}  // namespace looptwin::twin
