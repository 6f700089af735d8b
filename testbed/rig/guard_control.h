// What may be asked of a running rig's safety and forces, over its control socket: arm, disarm, stop, force,
// unforce.
#pragma once

#include "testbed/rig/control_socket.h"
#include "testbed/rig/rig_guard.h"
#include "testbed/rig/rig_requests.h"

namespace looptwin::testbed {

/// Before the socket starts. The guard, and what is asked of it, outlive it.
void add_guard_handlers(ControlSocket& control, RigGuard& guard, RigRequests& requests);

}  // namespace looptwin::testbed
