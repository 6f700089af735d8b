// What a rig's file says to no effect in this run, and files of its that are not there. Apart from the
// reading of the file: what somebody else asks of a rig (`looptwin rig status`) hangs on none of it.
#pragma once

#include "hil/mapping.h"
#include "testbed/rig/rig_config.h"

namespace looptwin::testbed {

/// Whether somebody asks for the certificates that it names, and they can be read. Once its broker is known.
Result<void> check_certificates(const RigConfig& rig);
/// `has_registry`: it says whose devices may connect. Mappings as they are made whole.
Result<void> check_effects(const RigConfig& rig, const std::vector<hil::Mapping>& mappings,
                           bool has_registry);

}  // namespace looptwin::testbed
