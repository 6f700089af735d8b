#include "testbed/virtual_clock.h"

#include <algorithm>
#include <chrono>
#include <thread>

namespace looptwin::testbed {
namespace {

/// How close together arrivals are looked for.
constexpr Duration kLooks = milliseconds(1);

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

void VirtualClock::look_for(Duration least, std::function<bool(Time)> arrived) {
  least_ = least;
  arrived_ = std::move(arrived);
}

/// The boundary after another one; later than the end where none comes by then.
Time VirtualClock::after(Time boundary) {
  const Time latest = boundary + cycle_;
  if (!arrived_) return latest;
  Time at = boundary + least_;
  while (at < latest && at <= end_ && !arrived_(at)) at = std::min(latest, at + kLooks);
  return at;
}

Time VirtualClock::next() {
  if (stop_) return kNever;
  const Time boundary = after(now_);
  if (boundary > end_) return kNever;
  now_ = boundary;
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
