#include "hil/discovery.h"

#include <fmt/format.h>

#include <chrono>
#include <thread>

namespace looptwin::hil {

Result<Discovered> discover(const MqttOptions& options, const std::string& prefix, Duration within) {
  auto link = connect_mqtt(options);
  if (!link) return tl::make_unexpected(link.error());
  (*link)->subscribe({prefix + "/+/+/config", prefix + "/+/+/+/config"});
  std::this_thread::sleep_for(std::chrono::nanoseconds(within.ns));
  for (const auto& incident : (*link)->take_incidents())
    if (incident.kind == kSubscriptionRefused)
      return failure(
          fmt::format("{} does not let {} hear {}", options.broker,
                      options.user.empty() ? "nameless clients" : "user " + options.user, incident.detail),
          "grant it there, or say who we are with --rig");
  std::vector<MqttMessage> messages;
  (*link)->take(messages);
  Announcements announcements(prefix);
  for (const auto& message : messages) announcements.take(message.topic, message.payload);
  const auto counters = (*link)->counters();
  return Discovered{announcements.candidates(),
                    announcements.unreadable() + counters.dropped_in + counters.shed + counters.too_long};
}

}  // namespace looptwin::hil
