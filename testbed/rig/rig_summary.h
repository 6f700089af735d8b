// The rows of a rig's summary: what its broker and its clock have seen.
#pragma once

#include "hil/paced_clock.h"
#include "hil/rig_transport.h"
#include "testbed/rig/incident_log.h"

namespace looptwin::testbed {

void print_rig(const hil::RigTransport& transport, const hil::MqttLink& link, const hil::PacedClock& clock,
               const IncidentLog& incidents);

}  // namespace looptwin::testbed
