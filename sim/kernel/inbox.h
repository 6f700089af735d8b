// The door through which other threads hand steps to a running kernel. Any number of threads post; the kernel
// looks at it before every batch of steps. Each post bears the time at which it is to act; one that is
// already past acts at once.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

#include "base/time.h"

namespace looptwin::sim {

class Handler;
enum class StepType : uint16_t;

class Inbox {
 public:
  static constexpr size_t kMaxPayload = 104;
  struct Post {
    Time at;
    Handler* handler;
    StepType type;
    uint8_t priority;
    uint8_t size;
    std::array<std::byte, kMaxPayload> payload;
  };

  /// From any thread. Posts of one thread stay in their order; those of several come as they arrive.
  void post(const Post& post) {
    {
      const std::lock_guard lock(mutex_);
      posts_.push_back(post);
      waiting_.store(true, std::memory_order_release);
    }
    if (wake_) wake_();
  }

  /// Called after each post, on the poster's thread: lets who paces a kernel sleep until there is something
  /// to do. Set it before the first post.
  void set_wake(std::function<void()> wake) { wake_ = std::move(wake); }

  bool waiting() const { return waiting_.load(std::memory_order_acquire); }

  /// Swaps all posts out; `into` must be empty. The two vectors change places for ever, so nothing is
  /// allocated once both have seen the largest burst.
  void take(std::vector<Post>& into) {
    const std::lock_guard lock(mutex_);
    posts_.swap(into);
    waiting_.store(false, std::memory_order_relaxed);
  }

  /// What waits, for an archive; and, out of one, in the place of what waits. Neither wakes anybody.
  std::vector<Post> posts() const {
    const std::lock_guard lock(mutex_);
    return posts_;
  }
  void replace(std::vector<Post> posts) {
    const std::lock_guard lock(mutex_);
    posts_ = std::move(posts);
    waiting_.store(!posts_.empty(), std::memory_order_release);
  }

 private:
  mutable std::mutex mutex_;
  std::vector<Post> posts_;
  std::atomic<bool> waiting_ = false;
  std::function<void()> wake_;
};

}  // namespace looptwin::sim
