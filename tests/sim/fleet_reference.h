// The homes of fleet_world.h once more, naively: one device after the other, one grid point after the other,
// nothing lazy, nothing in columns. What the fleet must equal bit for bit.
#pragma once

#include "tests/sim/fleet_world.h"

namespace looptwin::sim::test {

/// All that is received by `end` of one home. The link (setup.links[0], if any) has latency, loss,
/// duplication and reordering; faults are scheduled.
void simulate_home(const Setup& setup, uint32_t row, std::span<const Delivery> deliveries, Time end,
                   Received& out);

}  // namespace looptwin::sim::test
