// The rows of a rig's summary: what its broker and its clock have seen.
#pragma once

#include "hil/broker_registry.h"
#include "hil/paced_clock.h"
#include "hil/rig_transport.h"
#include "testbed/rig/incident_log.h"

namespace looptwin::testbed {

void print_rig(const hil::RigTransport& transport, const hil::MqttLink& link, const hil::PacedClock& clock,
               const IncidentLog& incidents);
/// Where there is anything to say of it: how often a broker of our own was started again, and could not be
/// told of a registry's changes. `registry`: null where anybody may connect.
void print_broker(uint64_t restarts, const hil::BrokerRegistry* registry);

}  // namespace looptwin::testbed
