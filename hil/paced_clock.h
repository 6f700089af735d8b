// The Clock of a rig: a boundary at each cycle of the wall's time, or as soon as something has arrived; and
// what becomes of those that come too late.
#pragma once

#include <array>
#include <atomic>
#include <functional>

#include "base/clock.h"
#include "hil/steady_time.h"

namespace looptwin::hil {

/// When a cycle takes longer than its period the next boundary is overdue.
enum class Overrun : uint8_t {
  catch_up,  ///< it and all that follow are run one after the other until none is overdue
  skip,      ///< boundaries whose successor is due as well are not run; nothing that arrived is lost by it
  stretch,   ///< the run's time stands still for as long as it is late
  abort,     ///< the run ends
};

/// How punctual boundaries are. All counts are of boundaries.
struct PacingCounters {
  uint64_t run = 0;
  uint64_t late = 0;     ///< begun more than the tolerance after they were due
  uint64_t skipped = 0;  ///< not run at all
  Duration last{};       ///< how late the last one was
  Duration worst{};
  Duration busy{};  ///< the time from each boundary to the call for the next one, summed
  /// [k] boundaries that were late by up to 2^k µs; the last one has all above.
  std::array<uint64_t, 24> histogram{};
};

class PacedClock final : public Clock {
 public:
  struct Options {
    UnixTime start;    ///< the civil instant of the run's start
    Duration cycle{};  ///< > 0
    /// Boundaries come once arrived() was called, so long after the last one at the soonest. 0: at each
    /// cycle.
    Duration least{};
    Time end = kNever;  ///< the last boundary lies at or before it
    Overrun policy = Overrun::catch_up;
    Duration tolerance{};  ///< so much after it was due a boundary is not late
    Duration begun{};      ///< since the run's start; negative: it is still to come
  };
  /// The run's start is `begun` before now. `time` and `stop` outlive it.
  PacedClock(const Options& options, SteadyTime& time, const std::atomic<bool>& stop);

  Time next() override;
  /// Something is there to be taken in; from any thread.
  void arrived();
  /// What cannot wait for a boundary: done in the thread that waits for one, as soon as urgent() was called,
  /// from any thread. No boundary comes of it, and none is moved by it. To be set before the first next().
  void on_urgent(std::function<void(Time now)> act) { act_ = std::move(act); }
  void urgent();
  UnixTime civil(Time t) const override { return options_.start + (t - kStart); }

  /// The run's time of a steady time: what messages are received at.
  Time at(Duration steady) const { return kStart + (steady - begin()); }
  const PacingCounters& counters() const { return counters_; }
  /// Overrun::abort has ended the run.
  bool aborted() const { return aborted_; }

 private:
  Duration begin() const { return Duration{begin_.load(std::memory_order_relaxed)}; }
  Duration due(Time boundary) const { return begin() + (boundary - kStart); }
  void wait_until(Duration due, bool or_arrival = false);
  Time wait_fixed();
  Time wait_for_arrival();
  void note(Duration late);

  Options options_;
  SteadyTime& time_;
  const std::atomic<bool>& stop_;
  std::atomic<int64_t> begin_;  ///< ns, the steady time of the run's start
  std::atomic<bool> arrived_{false}, urgent_{false};
  std::function<void(Time)> act_;
  Duration resumed_;  ///< the steady time at which the last boundary was handed out
  Time now_ = kStart;
  bool aborted_ = false;
  PacingCounters counters_;
};

}  // namespace looptwin::hil
