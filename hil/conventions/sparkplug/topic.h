// Sparkplug's topics: NAMESPACE/GROUP/TYPE/NODE[/DEVICE], and NAMESPACE/STATE/HOST.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace looptwin::hil::sparkplug {

enum class MessageType : uint8_t { nbirth, ndeath, ndata, ncmd, dbirth, ddeath, ddata, dcmd };

/// Whom a message is of or for; `device` is empty for the node itself.
struct Address {
  std::string group, node, device;
  bool operator==(const Address&) const = default;
};

struct Topic {
  MessageType type;
  std::string_view group, node, device;
};

/// Absent where it is none of the namespace.
std::optional<Topic> parse_topic(std::string_view space, std::string_view topic);
std::string topic_of(std::string_view space, MessageType type, const Address& address);

/// The address of a registry id: GROUP/NODE/DEVICE or GROUP/NODE, where a mapping names the group NODE/DEVICE
/// or NODE. Absent where it has other levels, or empty ones.
std::optional<Address> address_of(std::string_view group, std::string_view id);

}  // namespace looptwin::hil::sparkplug
