#include "hil/message_properties.h"

#include <charconv>

#include "hil/mqtt_link.h"

namespace looptwin::hil {

void take_property(MqttMessage& message, std::string_view name, std::string_view value) {
  if (name == kOriginProperty) {
    message.origin = value;
  } else if (name == kBrokerTimeProperty) {
    int64_t ns = 0;
    const auto* end = value.data() + value.size();
    const auto [read, problem] = std::from_chars(value.data(), end, ns);
    message.at_broker.reset();
    if (problem == std::errc{} && read == end && ns > 0) message.at_broker = UnixTime{ns};
  }
}

}  // namespace looptwin::hil
