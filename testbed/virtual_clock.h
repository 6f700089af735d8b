// The Clock of a simulation: every boundary of the cycle, as fast as it is asked, or at a multiple of the
// wall's time.
#pragma once

#include <atomic>
#include <functional>
#include <optional>

#include "base/clock.h"

namespace looptwin::testbed {

class VirtualClock final : public Clock {
 public:
  /// Boundaries at cycle, 2·cycle, …, up to `end`. `speed`: simulated seconds a second at the most; absent:
  /// no limit.
  VirtualClock(UnixTime start, Duration cycle, Time end, const std::atomic<bool>& stop,
               std::optional<double> speed = {});

  /// Boundaries come on arrival from now on, no sooner than `least` after the last one and no later than the
  /// cycle: `arrived` says whether anything has by a time, and is asked of later and later ones.
  void look_for(Duration least, std::function<bool(Time)> arrived);

  Time next() override;
  UnixTime civil(Time t) const override { return start_ + (t - kStart); }
  /// Another end.
  void go_on_to(Time end) { end_ = end; }
  /// The last boundary that it gave, or goes on after.
  Time last() const { return now_; }
  /// Goes on after a boundary that was restored.
  void go_on_after(Time boundary) { now_ = boundary; }

 private:
  Time after(Time boundary);

  UnixTime start_;
  Duration cycle_;
  Time end_;
  const std::atomic<bool>& stop_;
  std::optional<double> speed_;
  Duration least_{};
  std::function<bool(Time)> arrived_;  ///< null: the cycle is fixed
  Time now_ = kStart;
  int64_t wall_begin_ns_ = 0;
};

}  // namespace looptwin::testbed
