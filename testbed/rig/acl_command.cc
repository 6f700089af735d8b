#include <memory>

#include "testbed/commands.h"
#include "testbed/options.h"
#include "testbed/rig/rig_access.h"

namespace looptwin::testbed {

void add_acl_command(const Subcommand& rig) {
  auto asked = std::make_shared<AclRequest>();
  const auto command = rig.subcommand("acl", "writes acl_file and password_file for a Mosquitto of your own");
  command.option("RIG", asked->rig, "a folder with a rig.yaml, or the file").required();
  command.option("--out", asked->out, "the folder that they are written into").required();
  command.option("--secrets", asked->secrets, "CSV of id,secret, as `registry import --secrets` writes it");
  command.job([asked] { return write_acl(*asked); });
}

}  // namespace looptwin::testbed
