// User properties of messages that tell more than their payload: MQTT 5 only.
#pragma once

#include <string_view>

namespace looptwin::hil {

struct MqttMessage;

/// Where a message comes from, where that is not the device itself.
inline constexpr const char* kOriginProperty = "origin";
/// When the broker had it, in Unix nanoseconds by its clock. Our plugin says so, last of all.
inline constexpr const char* kBrokerTimeProperty = "looptwin-broker-time";

/// One of a message's properties, in their order; others than these are passed over.
void take_property(MqttMessage& message, std::string_view name, std::string_view value);

}  // namespace looptwin::hil
