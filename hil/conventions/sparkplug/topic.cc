#include "hil/conventions/sparkplug/topic.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <vector>

namespace looptwin::hil::sparkplug {
namespace {

constexpr std::string_view kTypes[] = {"NBIRTH", "NDEATH", "NDATA", "NCMD",
                                       "DBIRTH", "DDEATH", "DDATA", "DCMD"};

std::vector<std::string_view> levels_of(std::string_view text) {
  std::vector<std::string_view> levels;
  for (size_t from = 0;;) {
    const size_t slash = text.find('/', from);
    levels.push_back(text.substr(from, slash - from));
    if (slash == std::string_view::npos) return levels;
    from = slash + 1;
  }
}

bool of_device(MessageType type) { return type >= MessageType::dbirth; }

}  // namespace

std::optional<Topic> parse_topic(std::string_view space, std::string_view topic) {
  const auto levels = levels_of(topic);
  if (levels.size() < 4 || levels.size() > 5 || levels[0] != space) return std::nullopt;
  const auto type = std::find(std::begin(kTypes), std::end(kTypes), levels[2]);
  if (type == std::end(kTypes)) return std::nullopt;
  Topic found{static_cast<MessageType>(type - std::begin(kTypes)), levels[1], levels[3], {}};
  if (of_device(found.type) != (levels.size() == 5)) return std::nullopt;
  if (levels.size() == 5) found.device = levels[4];
  return found;
}

std::string topic_of(std::string_view space, MessageType type, const Address& address) {
  auto topic =
      fmt::format("{}/{}/{}/{}", space, address.group, kTypes[static_cast<size_t>(type)], address.node);
  if (of_device(type)) topic += "/" + address.device;
  return topic;
}

std::optional<Address> address_of(std::string_view group, std::string_view id) {
  auto levels = levels_of(id);
  if (!group.empty()) levels.insert(levels.begin(), group);
  const auto bad = [](std::string_view level) {
    return level.empty() || level.find_first_of("+#") != std::string_view::npos;
  };
  if (levels.size() < 2 || levels.size() > 3 || std::any_of(levels.begin(), levels.end(), bad))
    return std::nullopt;
  Address address{std::string(levels[0]), std::string(levels[1]), {}};
  if (levels.size() == 3) address.device = levels[2];
  return address;
}

}  // namespace looptwin::hil::sparkplug
