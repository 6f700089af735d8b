// What the broker says of itself: who is connected (our plugin, $looptwin/presence/ID), what it has refused
// ($looptwin/violations), and how many messages it had no room for ($SYS/broker/publish/messages/dropped).
// Nothing of it can be said by a device.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hil/broker_access.h"
#include "hil/incident.h"
#include "hil/mqtt_link.h"

namespace looptwin::hil {

class BrokerStatus {
 public:
  static std::vector<std::string> filters();
  /// Clouds' topics begin with `$` as well.
  static bool is_status(std::string_view topic) {
    return topic.starts_with("$looptwin/") || topic.starts_with("$SYS/");
  }

  struct Session {
    std::string device;
    bool online = false;
  };
  /// A device's coming or going, if it is that. The rest is counted, and goes to `sink`.
  std::optional<Session> take(const MqttMessage& message, Time at, const IncidentSink& sink);

  uint64_t violations(Violation kind) const { return violations_[static_cast<size_t>(kind)]; }
  uint64_t violations() const;
  /// "wrong_secret 2, flood 1200"; empty: none.
  std::string violations_text() const;
  uint64_t dropped() const { return dropped_; }
  /// "mosquitto version 2.0.11"; empty where it does not say.
  const std::string& version() const { return version_; }

 private:
  std::array<uint64_t, kViolations> violations_{};
  std::string version_;
  uint64_t dropped_ = 0;          ///< by the broker, since we listen
  std::optional<uint64_t> told_;  ///< what it said last; it begins anew with the broker
};

}  // namespace looptwin::hil
