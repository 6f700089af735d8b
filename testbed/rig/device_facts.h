// Who the devices of a rig are, as far as anybody has said: for reports.
#pragma once

#include <map>
#include <string>

#include "testbed/rig/bindings.h"
#include "testbed/rig/rig_inventory.h"
#include "testbed/sequence/sequence_reports.h"
#include "twin/registry.h"

namespace looptwin::testbed {

/// By device: its model, how it was bound at the end, and what the inventory has of it. `bindings`: null
/// where all are real; `inventory`: null where there is none. Of fleets that nobody would read through: only
/// those that the inventory has.
std::map<std::string, Facts> device_facts(const twin::Registry& registry, const Bindings* bindings,
                                          const RigInventory* inventory);

}  // namespace looptwin::testbed
