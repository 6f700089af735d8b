#include "twin/warm/run_writer.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "base/check.h"
#include "twin/warm/run_store.h"

namespace looptwin::twin {
namespace {

using Wall = std::chrono::steady_clock;  // when to sync; no value of the run depends on it

/// What one cycle hands over. Batches go round between the cycle's thread and the storage thread, so that
/// their memory is found again and not asked for.
struct Batch {
  Time boundary;
  std::vector<std::vector<std::byte>> lanes;
  size_t bytes = 0;
};

}  // namespace

struct RunWriter::State {
  std::unique_ptr<RunStore> store;
  RunOptions options;
  std::deque<Lane> lanes;
  Position position;  // the cycle thread's: what was handed over

  std::mutex mutex;
  std::condition_variable work, progress;
  std::vector<Batch> batches;       // all of them
  std::vector<Batch*> free, queue;  // queue: oldest first; both reserved for all
  size_t queued_bytes = 0;          // of what is queued or being taken
  bool stop = false;
  bool is_idle = false;  // the storage thread waits for work
  bool hurry = false;    // somebody waits for a sync
  Diagnostics error;

  std::atomic<bool> failed = false;
  std::atomic<int64_t> journalled_ns = 0, durable_ns = 0;
  Wall::time_point sync_due;  // the storage thread's
  std::vector<Batch*> taken;
  std::vector<std::span<const std::byte>> pieces;
  std::thread thread;

  State(std::unique_ptr<RunStore> s, const RunOptions& o)
      : store(std::move(s)), options(o), position(store->position()) {
    options.lanes = std::max<size_t>(options.lanes, 1);
    for (size_t i = 0; i < options.lanes; ++i) lanes.emplace_back(store->spec());
    batches.resize(std::max<size_t>(options.queued_cycles, 1) + 1);
    free.reserve(batches.size());
    queue.reserve(batches.size());
    taken.reserve(batches.size());
    for (auto& batch : batches) {
      batch.lanes.resize(options.lanes);
      free.push_back(&batch);
    }
    pieces.reserve(options.lanes);
    journalled_ns = durable_ns = position.boundary.ns;
    thread = std::thread([this] { run(); });
  }

  ~State() { end(); }

  /// Lets the storage thread take what is queued, sync and return.
  void end() {
    if (!thread.joinable()) return;
    {
      std::lock_guard lock(mutex);
      stop = true;
    }
    work.notify_all();
    thread.join();
  }

  bool is_synced() const { return journalled_ns == durable_ns; }
  bool syncs_itself() const { return options.sync_every.ns >= 0; }

  /// All that is queued goes at once, so that the two threads wake each other once a group and not once a
  /// cycle.
  void run() {
    for (bool is_last = false; !is_last;) {
      bool sync_now = false;
      {
        std::unique_lock lock(mutex);
        const auto has_work = [&] {
          return !queue.empty() || stop || hurry || (!failed && store->is_sealing());
        };
        is_idle = true;
        if (is_synced() || !syncs_itself() || failed)
          work.wait(lock, has_work);
        else
          work.wait_until(lock, sync_due, has_work);
        is_idle = false;
        taken.swap(queue);
        sync_now = std::exchange(hurry, false);
        is_last = stop && taken.empty();
      }
      for (const auto* batch : taken) take(*batch);
      give_back();
      if (!failed && store->is_sealing()) note(store->seal_some());
      if (sync_now || is_last || (!is_synced() && syncs_itself() && Wall::now() >= sync_due)) sync();
    }
  }

  void take(const Batch& batch) {
    if (failed) return;
    pieces.clear();
    for (const auto& lane : batch.lanes) {
      if (!lane.empty()) pieces.emplace_back(lane);
    }
    if (is_synced())
      sync_due = Wall::now() + std::chrono::nanoseconds(std::max<int64_t>(options.sync_every.ns, 0));
    const auto result = store->take(batch.boundary, pieces);
    // A cycle that reached the journal counts, even where sealing after it failed.
    if (store->position().boundary == batch.boundary) journalled_ns = batch.boundary.ns;
    note(result);
  }

  void give_back() {
    if (taken.empty()) return;
    {
      std::lock_guard lock(mutex);
      for (auto* batch : taken) {
        queued_bytes -= batch->bytes;
        free.push_back(batch);
      }
      taken.clear();
    }
    progress.notify_all();
  }

  void sync() {
    if (failed) return;
    const int64_t boundary = journalled_ns;
    if (boundary != durable_ns) note(store->sync());
    if (failed) return;
    {
      std::lock_guard lock(mutex);
      durable_ns = boundary;
    }
    progress.notify_all();
  }

  void note(const Result<void>& result) {
    if (result) return;
    {
      std::lock_guard lock(mutex);
      error.insert(error.end(), result.error().begin(), result.error().end());
      failed = true;
    }
    progress.notify_all();
  }
};

RunWriter::RunWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
RunWriter::RunWriter(RunWriter&&) noexcept = default;
RunWriter& RunWriter::operator=(RunWriter&&) noexcept = default;
RunWriter::~RunWriter() = default;

Result<RunWriter> RunWriter::create(const fs::path& folder, const RunSpec& spec, const RunOptions& options) {
  auto store = RunStore::create(folder, spec, options);
  if (!store) return tl::unexpected(store.error());
  return RunWriter(std::make_unique<State>(std::move(*store), options));
}

Result<RunWriter> RunWriter::resume(const fs::path& folder, const RunSpec& spec, std::optional<Position> at,
                                    const RunOptions& options) {
  auto store = RunStore::resume(folder, spec, at, options);
  if (!store) return tl::unexpected(store.error());
  return RunWriter(std::make_unique<State>(std::move(*store), options));
}

const RunSpec& RunWriter::spec() const { return state_->store->spec(); }

std::optional<GridId> RunWriter::grid(std::string_view name) const { return spec().grid(name); }
std::optional<LogId> RunWriter::log(std::string_view name) const { return spec().log(name); }

Lane& RunWriter::lane(size_t part) {
  LT_CHECK(part < state_->lanes.size());
  return state_->lanes[part];
}

void RunWriter::end_cycle(Time boundary) {
  auto& s = *state_;
  LT_CHECK(boundary > s.position.boundary || s.position.sequence == 0);
  size_t bytes = 0;
  for (const auto& lane : s.lanes) bytes += lane.bytes().size();
  Batch* batch = nullptr;
  {
    std::unique_lock lock(s.mutex);
    s.progress.wait(lock, [&] {
      return !s.free.empty() && (s.queued_bytes == 0 || s.queued_bytes + bytes <= s.options.queued_bytes);
    });
    batch = s.free.front();  // in turn, so that after one round every batch has its memory
    s.free.erase(s.free.begin());
  }
  batch->boundary = boundary;
  batch->bytes = bytes;
  for (size_t i = 0; i < s.lanes.size(); ++i) s.lanes[i].exchange(batch->lanes[i]);
  s.position = {s.position.sequence + 1, boundary};
  bool wake = false;
  {
    std::lock_guard lock(s.mutex);
    s.queue.push_back(batch);
    s.queued_bytes += bytes;
    wake = s.is_idle;
  }
  if (wake) s.work.notify_one();
}

Position RunWriter::position() const { return state_->position; }

Position RunWriter::mark() {
  state_->store->keep_after(state_->position.sequence);
  return state_->position;
}

Time RunWriter::journalled() const { return {state_->journalled_ns}; }
Time RunWriter::durable() const { return {state_->durable_ns}; }
bool RunWriter::failed() const { return state_->failed; }

Diagnostics RunWriter::error() const {
  std::lock_guard lock(state_->mutex);
  return state_->error;
}

Result<void> RunWriter::await_journalled(Time boundary) {
  auto& s = *state_;
  LT_CHECK(boundary <= s.position.boundary);
  std::unique_lock lock(s.mutex);
  s.progress.wait(lock, [&] { return s.failed || s.journalled_ns >= boundary.ns; });
  if (s.journalled_ns >= boundary.ns) return {};
  return tl::unexpected(s.error);
}

Result<void> RunWriter::await_durable(Time boundary) {
  auto& s = *state_;
  LT_CHECK(boundary <= s.position.boundary);
  std::unique_lock lock(s.mutex);
  s.hurry = true;
  s.work.notify_one();
  s.progress.wait(lock, [&] { return s.failed || s.durable_ns >= boundary.ns; });
  if (s.durable_ns >= boundary.ns) return {};
  return tl::unexpected(s.error);
}

Result<void> RunWriter::finish(const std::string& status_json, const std::string& fingerprint) {
  state_->end();
  if (state_->failed) return tl::unexpected(state_->error);
  return state_->store->finish(status_json, fingerprint);
}

}  // namespace looptwin::twin
