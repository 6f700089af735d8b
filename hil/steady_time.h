// The machine's steady clock behind a seam, so that pacing can be tested without waiting.
#pragma once

#include "base/time.h"

namespace looptwin::hil {

class SteadyTime {
 public:
  virtual ~SteadyTime() = default;
  /// Since an instant of its own that does not change.
  virtual Duration now() const = 0;
  /// Returns at `until` or a little later; earlier only where somebody wants to be heard (a signal).
  virtual void sleep_until(Duration until) = 0;
  /// Ends a sleep, or the next one, at once; from any thread.
  virtual void wake() = 0;
};

/// CLOCK_MONOTONIC.
class MachineTime final : public SteadyTime {
 public:
  MachineTime();
  ~MachineTime() override;
  MachineTime(const MachineTime&) = delete;
  MachineTime& operator=(const MachineTime&) = delete;
  Duration now() const override;
  void sleep_until(Duration until) override;
  void wake() override;

 private:
  int woken_ = -1;  ///< an eventfd: what a sleeper waits for beside the time
};

/// The civil time of the machine: where a run's start lies.
UnixTime civil_time();

}  // namespace looptwin::hil
