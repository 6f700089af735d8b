#include "hil/broker_address.h"

#include <charconv>

namespace looptwin::hil {

std::optional<BrokerAddress> broker_address(std::string_view url) {
  constexpr std::string_view kPlain = "mqtt://", kTls = "mqtts://";
  BrokerAddress address;
  if (url.starts_with(kTls)) {
    address.tls = true;
    address.port = 8883;
    url.remove_prefix(kTls.size());
  } else if (url.starts_with(kPlain)) {
    url.remove_prefix(kPlain.size());
  } else {
    return std::nullopt;
  }
  const size_t bracket = url.starts_with('[') ? url.find(']') : 0;
  if (bracket == url.npos) return std::nullopt;
  const size_t colon = url.find(':', bracket);
  address.host = bracket > 0 ? url.substr(1, bracket - 1) : url.substr(0, colon);
  if (colon != url.npos) {
    const auto number = url.substr(colon + 1);
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), address.port);
    if (error != std::errc() || end != number.data() + number.size()) return std::nullopt;
  }
  if (address.host.empty() || address.port <= 0 || address.port > 65535) return std::nullopt;
  return address;
}

}  // namespace looptwin::hil
