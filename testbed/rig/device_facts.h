// Who the devices of a rig are, as far as anybody has said: for reports.
#pragma once

#include <map>
#include <string>

#include "testbed/rig/bindings.h"
#include "testbed/sequence/sequence_reports.h"
#include "twin/registry.h"

namespace looptwin::testbed {

/// By device: its model, and how it was bound at the end. `bindings`: null where all are real. Of fleets that
/// nobody would read through: none.
std::map<std::string, Facts> device_facts(const twin::Registry& registry, const Bindings* bindings);

}  // namespace looptwin::testbed
