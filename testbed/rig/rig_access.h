// Who may connect to a rig's broker, and what a broker that is not ours has to know of that.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "testbed/rig/rig_config.h"
#include "testbed/run.h"

namespace looptwin::testbed {

/// Registries whose devices may connect: the rig's, and those that the fleet was drawn from.
/// By id, of a CSV of `id,secret`, as `looptwin registry import --secrets` writes it. An empty path: none.
Result<std::map<std::string, std::string>> read_secrets(const std::filesystem::path& file);

std::vector<std::filesystem::path> registries_of(const RigConfig& rig, const Scenario& scenario);

/// What `looptwin rig acl RIG` is asked.
struct AclRequest {
  std::filesystem::path rig;
  std::filesystem::path out;  ///< a folder, made where it is not there
  /// CSV of `id,secret`, as an import of the registry writes it; may be empty
  std::filesystem::path secrets;
};
/// Writes acl_file, and where secrets are known password_file, for a Mosquitto without our plugin.
Exit write_acl(const AclRequest& request);

}  // namespace looptwin::testbed
