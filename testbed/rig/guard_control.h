// What may be asked of a running rig's safety and forces, over its control socket: arm, disarm, stop, force,
// unforce.
#pragma once

#include "testbed/rig/control_socket.h"
#include "testbed/rig/rig_guard.h"

namespace looptwin::testbed {

/// Before the socket starts. The guard outlives it.
void add_guard_handlers(ControlSocket& control, RigGuard& guard);

}  // namespace looptwin::testbed
