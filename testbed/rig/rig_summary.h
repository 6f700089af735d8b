// What a rig's broker, devices and clock have seen: the rows of its summary, and what the run's status says.
#pragma once

#include <string>

#include "hil/broker_registry.h"
#include "hil/paced_clock.h"
#include "hil/rig_transport.h"
#include "testbed/rig/incident_log.h"

namespace looptwin::testbed {

struct RigSeen {
  const hil::RigTransport& transport;
  const hil::MqttLink& link;
  const IncidentLog& incidents;
  uint64_t restarts;                    ///< of a broker of our own
  const hil::BrokerRegistry* registry;  ///< null: none is followed
};

void print_rig(const RigSeen& seen, const hil::PacedClock& clock);
/// The run's status (JSON) with the counters of its messages, conventions and incidents, under `rig`.
std::string with_seen(const std::string& status, const RigSeen& seen);

}  // namespace looptwin::testbed
