#include "twin/device_record.h"

#include <fmt/format.h>
#include <algorithm>

#include "base/text.h"

namespace looptwin::twin {
namespace {

constexpr size_t kLongestId = 255;

bool is_word(std::string_view text) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !text.empty() && letter(text[0]) &&
         std::ranges::all_of(text, [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

/// UTF-8 without control characters: what stands in a line of any file.
bool is_line(std::string_view text) {
  return first_not_utf8(text) == std::string_view::npos &&
         std::ranges::none_of(text, [](char c) { return (c >= 0 && c < 0x20) || c == 0x7f; });
}

}  // namespace

std::string_view name_of(DeviceState state) { return kDeviceStates[static_cast<size_t>(state)]; }

std::optional<DeviceState> device_state(std::string_view name) {
  const auto found = std::find(kDeviceStates.begin(), kDeviceStates.end(), name);
  if (found == kDeviceStates.end()) return std::nullopt;
  return static_cast<DeviceState>(found - kDeviceStates.begin());
}

bool may_become(DeviceState from, DeviceState to) {
  using enum DeviceState;
  switch (from) {
    case provisioned:
      return to == active || to == suspended || to == retired;
    case active:
      return to == suspended || to == retired;
    case suspended:
      return to == active || to == retired;
    case retired:
      return false;
  }
  return false;
}

bool may_connect(DeviceState state) {
  return state == DeviceState::provisioned || state == DeviceState::active;
}

Result<void> check_device(const DeviceRecord& device) {
  const auto& id = device.id;
  if (id.empty() || id.size() > kLongestId || !is_line(id) ||
      id.find_first_of(" *?+#{}\";,") != std::string::npos)
    return failure(fmt::format("'{}' is no device id", id),
                   "an id has 1 to 255 bytes of UTF-8, without blanks and none of * ? + # { } \" ; ,");
  if (!is_word(device.model))
    return failure(fmt::format("'{}' is no name of a model", device.model),
                   "names are letters, digits and _");
  if (!is_line(device.link) || device.link.find(' ') != std::string::npos)
    return failure(fmt::format("'{}' is no name of a link", device.link), "names are letters, digits and _");
  for (const auto& tag : device.tags)
    if (tag.empty() || !is_line(tag) || tag.find_first_of("; ,") != std::string::npos)
      return failure(fmt::format("'{}' is no tag", tag), "a tag has no blanks and none of ; ,");
  for (const auto* values : {&device.parameters, &device.relations})
    for (const auto& [name, value] : *values) {
      if (!is_word(name))
        return failure(fmt::format("'{}' is no name of a parameter or relation", name),
                       "names are letters, digits and _");
      if (value.empty() || !is_line(value))
        return failure(fmt::format("'{}' has no value", name), "a value is one line of text in UTF-8");
    }
  return {};
}

}  // namespace looptwin::twin
