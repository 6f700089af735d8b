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
};

/// CLOCK_MONOTONIC.
class MachineTime final : public SteadyTime {
 public:
  Duration now() const override;
  void sleep_until(Duration until) override;
};

/// The civil time of the machine: where a run's start lies.
UnixTime civil_time();

}  // namespace looptwin::hil
