#include <algorithm>

#include "testbed/rig/device_mappings.h"
#include "testbed/rig/ready_mapping_texts.h"

namespace looptwin::testbed {

std::vector<std::string> ready_mapping_names() {
  std::vector<std::string> names;
  for (const auto& [name, text] : kReadyMappings) names.emplace_back(name);
  return names;
}

std::optional<std::string_view> ready_mapping(std::string_view name) {
  const auto found = std::find_if(std::begin(kReadyMappings), std::end(kReadyMappings),
                                  [&](const auto& one) { return one.first == name; });
  return found != std::end(kReadyMappings) ? std::optional(found->second) : std::nullopt;
}

}  // namespace looptwin::testbed
