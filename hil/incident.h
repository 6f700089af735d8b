// Something that happened at the rig and is no message of a device: people are to see it.
#pragma once

#include <functional>
#include <string>

#include "base/time.h"

namespace looptwin::hil {

struct Incident {
  Time at;             ///< in the run's time; who does not know that leaves it to whoever takes the incident
  std::string kind;    ///< "wrong_secret" and so on (name_of(Violation)), "broker_lost", "shed"
  std::string device;  ///< whose, or who somebody said to be; may be empty
  std::string detail;  ///< a topic, an address
  uint64_t count = 1;
};
using IncidentSink = std::function<void(const Incident&)>;

}  // namespace looptwin::hil
