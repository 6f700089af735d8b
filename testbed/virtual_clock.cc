#include "testbed/virtual_clock.h"

#include <algorithm>
#include <chrono>
#include <thread>

namespace looptwin::testbed {
namespace {

/// Only for --speed: how long the run has taken, in ns of an arbitrary epoch.
int64_t wall_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

VirtualClock::VirtualClock(UnixTime start, Duration cycle, Time end, const std::atomic<bool>& stop,
                           std::optional<double> speed)
    : start_(start), cycle_(cycle), end_(end), stop_(stop), speed_(speed) {}

Time VirtualClock::next() {
  if (now_ + cycle_ > end_ || stop_) return kNever;
  now_ = now_ + cycle_;
  if (speed_) {
    if (wall_begin_ns_ == 0) wall_begin_ns_ = wall_ns();
    const auto due = wall_begin_ns_ + static_cast<int64_t>(static_cast<double>(now_.ns) / *speed_);
    // In short naps, so that a request to stop is heard.
    for (int64_t left; (left = due - wall_ns()) > 0 && !stop_;)
      std::this_thread::sleep_for(std::chrono::nanoseconds(std::min<int64_t>(left, 50'000'000)));
    if (stop_) return kNever;
  }
  return now_;
}

}  // namespace looptwin::testbed
