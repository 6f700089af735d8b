// What a rig says of its devices, made whole: ready mappings under what the rig says itself, checked against
// the scenario's models.
#pragma once

#include "testbed/rig/rig_config.h"
#include "testbed/scenario.h"
#include "twin/registry.h"

namespace looptwin::testbed {

/// A mapping for each model of the scenario, in order.
Result<std::vector<hil::Mapping>> device_mappings(const RigConfig& rig, const Scenario& scenario);
/// Whether every device has an address on the wire, and names are names of devices.
Result<void> check_addresses(const RigConfig& rig, const std::vector<hil::Mapping>& mappings,
                             const twin::Registry& registry);
/// The periods that a rig's devices have, as changes of the scenario.
std::vector<Setting> period_settings(const RigConfig& rig);

/// The mappings that come with us, by name.
std::vector<std::string> ready_mapping_names();
/// The text of one; absent where there is none of that name.
std::optional<std::string_view> ready_mapping(std::string_view name);

}  // namespace looptwin::testbed
