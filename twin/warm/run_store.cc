#include "twin/warm/run_store.h"

#include <fmt/format.h>
#include <algorithm>

#include "base/check.h"

namespace looptwin::twin {
namespace {

constexpr size_t kMostLooseBytes = size_t{64} << 20;

/// The longest usual length whose cells fit twice into the memory that is allowed.
SegmentPlan plan_for(const RunSpec& spec, const RunOptions& options) {
  if (options.segment_length.ns > 0) return {options.segment_length, options.late_within};
  for (const auto length : {days(1), hours(12), hours(8), hours(6), hours(4), hours(3), hours(2), hours(1),
                            minutes(30), minutes(20), minutes(15), minutes(10), minutes(5), minutes(2)}) {
    const SegmentPlan plan{length, options.late_within};
    if (2 * Block::cell_bytes(spec, plan) <= options.memory) return plan;
  }
  return {minutes(1), options.late_within};
}

Result<void> make_directories(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) return disk_failure("create", path, error.value());
  return {};
}

/// All that a new folder holds before its first cycle, its journal aside.
Result<void> write_skeleton(const fs::path& folder, const Manifest& manifest) {
  for (const auto* part : {"tables", "segments", "journal"}) {
    if (auto made = make_directories(folder / part); !made) return made;
  }
  if (auto written = write_tables(folder, manifest.spec); !written) return written;
  return write_manifest(folder, manifest);
}

}  // namespace

RunStore::RunStore(fs::path folder, Manifest manifest, const RunOptions& options)
    : folder_(std::move(folder)),
      manifest_(std::move(manifest)),
      options_(options),
      log_rows_(manifest_.spec.logs.size()) {
  open_ = std::make_unique<Block>(manifest_.spec, manifest_.plan);
  closing_ = std::make_unique<Block>(manifest_.spec, manifest_.plan);
}

Result<std::unique_ptr<RunStore>> RunStore::create(const fs::path& path, const RunSpec& spec,
                                                   const RunOptions& options) {
  if (auto found = problems(spec); !found.empty()) return tl::unexpected(found);
  // With a slash behind it the folder's name would be empty, and what stands beside it would be within.
  const fs::path folder = path.has_filename() ? path : path.parent_path();
  std::error_code error;
  if (fs::exists(folder, error) && !(fs::is_directory(folder, error) && fs::is_empty(folder, error))) {
    return failure(fmt::format("cannot write a run to {}: it exists and is not empty", folder.string()),
                   "another folder, or remove this one");
  }
  // Built beside its place and renamed: there is a whole folder or none.
  const fs::path beside = folder.string() + ".creating";
  fs::remove_all(beside, error);
  const Manifest manifest{spec, plan_for(spec, options)};
  auto made = write_skeleton(beside, manifest);
  if (made) {
    fs::rename(beside, folder, error);
    if (error) made = disk_failure("create", folder, error.value());
  }
  if (!made) {
    fs::remove_all(beside, error);
    return tl::unexpected(made.error());
  }
  std::unique_ptr<RunStore> store(new RunStore(folder, manifest, options));
  if (auto started = store->start_journal(); !started) {
    fs::remove_all(folder, error);
    return tl::unexpected(started.error());
  }
  return store;
}

Result<void> RunStore::start_journal() {
  auto journal =
      JournalWriter::create(journal_path(folder_, number_),
                            {number_, first_sequence_, from_, layout_hash(manifest_.spec), log_rows_});
  if (!journal) return tl::unexpected(journal.error());
  journal_ = std::move(*journal);
  return sync_directory(folder_ / "journal");
}

Result<void> RunStore::take(Time boundary, std::span<const std::span<const std::byte>> lanes) {
  LT_CHECK(boundary > position_.boundary || position_.sequence == 0);
  if (auto written = journal_.append(RecordKind::cycle, position_.sequence, boundary, lanes); !written)
    return written;
  for (const auto lane : lanes) LT_CHECK(open_->apply(lane));
  position_ = {position_.sequence + 1, boundary};
  if (boundary - from_ < manifest_.plan.length && open_->loose_bytes() < kMostLooseBytes) return {};
  return roll();
}

Result<void> RunStore::roll() {
  if (auto sealed = seal_all(); !sealed) return sealed;
  if (auto synced = journal_.sync(); !synced) return synced;
  if (auto started = start_sealing(); !started) return started;
  return start_journal();
}

Result<void> RunStore::start_sealing() {
  std::swap(open_, closing_);
  sealer_.emplace(manifest_.spec, *closing_,
                  SegmentInfo{number_, first_sequence_, position_.sequence, from_, position_.boundary},
                  log_rows_, segment_path(folder_, number_));
  for (size_t log = 0; log < log_rows_.size(); ++log) log_rows_[log] += closing_->log_rows(log);
  old_journals_.emplace_back(number_, position_.sequence);
  ++number_;
  first_sequence_ = position_.sequence;
  from_ = position_.boundary;
  open_->open(from_);
  return {};
}

Result<void> RunStore::seal_some() {
  const auto done = sealer_->step();
  if (!done) return tl::unexpected(done.error());
  if (!*done) return {};
  const auto& info = sealer_->info();
  segments_.push_back({info.number, info.end_sequence, info.to, sealer_->file_bytes()});
  sealer_.reset();
  // The segment lasts (its directory is synced), so what it replaces may go.
  if (auto dropped = drop_journals(); !dropped) return dropped;
  return drop_old_segments();
}

Result<void> RunStore::seal_all() {
  while (is_sealing()) {
    if (auto sealed = seal_some(); !sealed) return sealed;
  }
  return {};
}

Result<void> RunStore::drop_journals() {
  const uint64_t sealed_end = segments_.empty() ? 0 : segments_.back().end_sequence;
  while (!old_journals_.empty() && old_journals_.front().second <= std::min(sealed_end, keep_after_.load())) {
    if (auto removed = remove_file(journal_path(folder_, old_journals_.front().first)); !removed)
      return removed;
    old_journals_.pop_front();
  }
  return {};
}

Result<void> RunStore::drop_old_segments() {
  uint64_t bytes = 0;
  for (const auto& segment : segments_) bytes += segment.bytes;
  const auto is_too_much = [&] {
    const bool is_old =
        options_.keep_time.ns > 0 && position_.boundary - segments_.front().to > options_.keep_time;
    return is_old || (options_.keep_bytes > 0 && bytes > options_.keep_bytes);
  };
  // The newest stays, since it says where the journal begins; likewise the last before the position to come
  // back to.
  while (segments_.size() > 1 && segments_[1].end_sequence <= keep_after_ && is_too_much()) {
    if (auto removed = remove_file(segment_path(folder_, segments_.front().number)); !removed) return removed;
    bytes -= segments_.front().bytes;
    segments_.pop_front();
  }
  return {};
}

Result<void> RunStore::finish(const std::string& status, const std::string& fingerprint) {
  if (auto sealed = seal_all(); !sealed) return sealed;
  const bool is_empty = position_.sequence == first_sequence_;
  if (!is_empty) {
    if (auto synced = journal_.sync(); !synced) return synced;
    if (auto started = start_sealing(); !started) return started;
    if (auto sealed = seal_all(); !sealed) return sealed;
  } else if (auto removed = remove_file(journal_path(folder_, number_)); !removed) {
    return removed;
  }
  manifest_.status = status;
  manifest_.fingerprint = fingerprint;
  return write_manifest(folder_, manifest_);
}

}  // namespace looptwin::twin
