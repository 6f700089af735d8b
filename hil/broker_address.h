// Where a broker is, for clients that want its parts: mqtt://HOST:PORT, mqtts://HOST, mqtt://[::1]:1883.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace looptwin::hil {

struct BrokerAddress {
  std::string host;
  int port = 1883;  ///< 8883 for mqtts
  bool tls = false;
};
std::optional<BrokerAddress> broker_address(std::string_view url);

}  // namespace looptwin::hil
