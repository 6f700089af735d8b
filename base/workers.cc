#include "base/workers.h"

#include <atomic>
#include <thread>
#include <vector>

#include "base/check.h"

namespace looptwin {

// Parts are handed out by one atomic word that says of which call they are and how many that has, so that a
// thread that wakes late takes nothing of a call that is over, and nobody waits for it: a call ends when its
// parts are done, not when all threads have looked. Threads sleep on a generation counter (futex through
// std::atomic::wait) after a short spin, and after about a millisecond more in which they look while nothing
// else wants their core: the pause between two calls is often shorter than a wake-up, and of a cycle's calls
// some are as short.
struct Workers::Team {
  std::vector<std::thread> threads;
  std::atomic<uint32_t> generation{0};
  std::atomic<uint64_t> parts{0};  ///< how many << 32, and the next of them
  std::atomic<uint32_t> done{0};
  void* work = nullptr;  ///< as call: written while no part is out
  Call call = nullptr;
  std::atomic<bool> stop{false};  ///< who wakes late from an earlier call may look at any time

  void drain(int thread) {
    for (;;) {
      // Who gets a part of a call sees what was written before it, and it stays until the part is done.
      const uint64_t word = parts.fetch_add(1, std::memory_order_acq_rel);
      const auto count = static_cast<uint32_t>(word >> 32), part = static_cast<uint32_t>(word);
      if (part >= count) return;
      call(work, part, thread);
      if (done.fetch_add(1, std::memory_order_acq_rel) + 1 == count) done.notify_one();
    }
  }

  void start(int count) {
    for (int t = 1; t < count; ++t) {
      threads.emplace_back([this, t] {
        for (uint32_t seen = 0;;) {
          await_change(generation, seen);
          seen = generation.load(std::memory_order_acquire);
          if (stop.load(std::memory_order_relaxed)) return;
          drain(t);
        }
      });
    }
  }

  static void await_change(std::atomic<uint32_t>& value, uint32_t old) {
    for (int spin = 0; spin < 4000; ++spin) {
      if (value.load(std::memory_order_acquire) != old) return;
      __builtin_ia32_pause();
    }
    for (int turn = 0; turn < 1000; ++turn) {
      if (value.load(std::memory_order_acquire) != old) return;
      std::this_thread::yield();
    }
    value.wait(old, std::memory_order_acquire);
  }
};

Workers::Workers(int threads) : team_(std::make_unique<Team>()) {
  LT_CHECK(threads >= 1);
  team_->start(threads);
}

void Workers::begin_anew(int threads) {
  LT_CHECK(threads >= 1);
  static_cast<void>(team_.release());
  team_ = std::make_unique<Team>();
  team_->start(threads);
}

Workers::~Workers() {
  team_->stop.store(true, std::memory_order_relaxed);
  team_->generation.fetch_add(1, std::memory_order_release);
  team_->generation.notify_all();
  for (auto& thread : team_->threads) thread.join();
}

int Workers::threads() const { return static_cast<int>(team_->threads.size()) + 1; }

void Workers::run_erased(size_t parts, void* work, Call call) {
  Team& team = *team_;
  if (team.threads.empty() || parts <= 1) {
    for (size_t part = 0; part < parts; ++part) call(work, part, 0);
    return;
  }
  LT_CHECK(parts < (size_t{1} << 31));
  team.work = work;
  team.call = call;
  team.done.store(0, std::memory_order_relaxed);
  team.parts.store(static_cast<uint64_t>(parts) << 32, std::memory_order_release);
  team.generation.fetch_add(1, std::memory_order_release);
  team.generation.notify_all();
  team.drain(0);
  for (uint32_t done; (done = team.done.load(std::memory_order_acquire)) != parts;)
    Team::await_change(team.done, done);
}

}  // namespace looptwin
