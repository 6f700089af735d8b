// How rules hear that the loop is behind: what a rig.yaml says under `pace` is done by a person of the
// scenario, at the boundary after one that was late, and after the first that was in time again.
#pragma once

#include <vector>

#include "hil/paced_clock.h"
#include "testbed/assembly.h"
#include "testbed/rig/bound_transport.h"
#include "testbed/rig/rig_config.h"

namespace looptwin::testbed {

class PaceActs {
 public:
  static Result<PaceActs> make(const RigConfig& rig, const Assembly& assembly);

  /// After each boundary.
  void look(const hil::PacedClock& clock, BoundTransport& transport);

 private:
  Duration tolerance_{};
  std::vector<twin::OperatorAction> late_, in_time_;
  bool behind_ = false;
};

}  // namespace looptwin::testbed
