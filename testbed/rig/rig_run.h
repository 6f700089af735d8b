// `looptwin hil`: a scenario's loop on real devices.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "testbed/run.h"

namespace looptwin::testbed {

struct HilRequest {
  std::filesystem::path rig;
  std::vector<Setting> settings;
  std::string broker;                        ///< in place of the rig's; empty: as the rig says
  std::optional<std::filesystem::path> out;  ///< absent: runs/NAME, or the first free one
  bool no_out = false;
  bool quiet = false;
};
Exit run_rig(const HilRequest& request);

/// What `looptwin rig acl RIG` is asked.
struct AclRequest {
  std::filesystem::path rig;
  std::filesystem::path out;  ///< a folder, made where it is not there
  std::filesystem::path
      secrets;  ///< CSV of `id,secret`, as an import of the registry writes it; may be empty
};
/// Writes acl_file, and where secrets are known password_file, for a Mosquitto without our plugin.
Exit write_acl(const AclRequest& request);

}  // namespace looptwin::testbed
