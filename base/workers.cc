#include "base/workers.h"

#include <atomic>
#include <thread>
#include <vector>

#include "base/check.h"

namespace looptwin {

// A generation counter that waiters sleep on (futex through std::atomic::wait) after a short spin: cycles are
// often shorter than a wake-up, and the pause between two of them shorter still.
struct Workers::Team {
  std::vector<std::thread> threads;
  std::atomic<uint32_t> generation{0};
  std::atomic<uint32_t> busy{0};
  std::atomic<size_t> next{0};
  size_t parts = 0;
  void* work = nullptr;
  Call call = nullptr;
  bool stop = false;

  void drain(int thread) {
    for (size_t part; (part = next.fetch_add(1, std::memory_order_relaxed)) < parts;)
      call(work, part, thread);
  }

  void start(int count) {
    for (int t = 1; t < count; ++t) {
      threads.emplace_back([this, t] {
        for (uint32_t seen = 0;;) {
          await_change(generation, seen);
          seen = generation.load(std::memory_order_acquire);
          if (stop) return;
          drain(t);
          if (busy.fetch_sub(1, std::memory_order_acq_rel) == 1) busy.notify_one();
        }
      });
    }
  }

  static void await_change(std::atomic<uint32_t>& value, uint32_t old) {
    for (int spin = 0; spin < 4000; ++spin) {
      if (value.load(std::memory_order_acquire) != old) return;
      __builtin_ia32_pause();
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
  team_->stop = true;
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
  team.parts = parts;
  team.work = work;
  team.call = call;
  team.next.store(0, std::memory_order_relaxed);
  team.busy.store(static_cast<uint32_t>(team.threads.size()), std::memory_order_relaxed);
  team.generation.fetch_add(1, std::memory_order_release);
  team.generation.notify_all();
  team.drain(0);
  for (uint32_t left; (left = team.busy.load(std::memory_order_acquire)) != 0;)
    Team::await_change(team.busy, left);
}

}  // namespace looptwin
