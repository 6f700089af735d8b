// Listens at a broker for devices that announce themselves, as looptwin registry candidates does.
#pragma once

#include "hil/home_assistant.h"
#include "hil/mqtt_link.h"

namespace looptwin::hil {

struct Discovered {
  std::vector<Candidate> candidates;
  size_t unreadable = 0;  ///< announcements that could not be read, or for which there was no room
};

/// For so long; what the broker keeps comes at once. An error where it may not be heard.
Result<Discovered> discover(const MqttOptions& options, const std::string& prefix, Duration within);

}  // namespace looptwin::hil
