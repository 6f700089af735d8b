// What may be asked of a rig that runs, over its control socket: swaps of devices, acts of people, how it is.
#pragma once

#include <optional>

#include "testbed/assembly.h"
#include "testbed/rig/bound_transport.h"
#include "testbed/rig/control_socket.h"
#include "testbed/rig/rig_guard.h"
#include "testbed/sequence/answers.h"

namespace looptwin::testbed {

/// Open, and answering. `run`: its run folder, where it has one; `inventory` may be null;
/// `answers`: of the sequence that it carries out, or null. All outlive it.
Result<std::unique_ptr<ControlSocket>> open_control(const RigConfig& rig,
                                                    const std::optional<std::filesystem::path>& run,
                                                    Assembly& assembly, BoundTransport& transport,
                                                    RigGuard& guard, RigRequests& requests,
                                                    const RigInventory* inventory, Answers* answers);

}  // namespace looptwin::testbed
