#include "twin/device_record.h"

#include <fmt/format.h>
#include <algorithm>

#include "twin/record_rules.h"

namespace looptwin::twin {

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
  if (auto good = check_device_id(device.id); !good) return good;
  if (!is_word(device.model))
    return failure(fmt::format("'{}' is no name of a model", device.model),
                   "names are letters, digits and _");
  if (!is_line(device.link) || device.link.find(' ') != std::string::npos)
    return failure(fmt::format("'{}' is no name of a link", device.link), "names are letters, digits and _");
  for (const auto& tag : device.tags)
    if (auto good = check_tag(tag); !good) return good;
  for (const auto* values : {&device.parameters, &device.relations})
    for (const auto& [name, value] : *values) {
      if (!is_word(name))
        return failure(fmt::format("'{}' is no name of a parameter or relation", name),
                       "names are letters, digits and _");
      if (value.empty() || !is_line(value))
        return failure(value.empty() ? fmt::format("'{}' has no value", name)
                                     : fmt::format("the value of '{}' is not one line of text", name),
                       "a value is one line of text in UTF-8");
    }
  return {};
}

}  // namespace looptwin::twin
