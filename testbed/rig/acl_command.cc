#include "testbed/rig/acl_command.h"

#include <CLI/CLI.hpp>
#include <memory>

#include "testbed/rig/rig_access.h"

namespace looptwin::testbed {

std::function<std::optional<Exit>()> add_acl_command(CLI::App& app) {
  auto asked = std::make_shared<AclRequest>();
  const auto there = app.get_subcommands([](const CLI::App* c) { return c->get_name() == "rig"; });
  auto* rig = there.empty() ? app.add_subcommand("rig", "prepares rigs") : there.front();
  rig->require_subcommand(1);
  auto* command = rig->add_subcommand("acl", "writes acl_file and password_file for a Mosquitto of your own");
  command->add_option("RIG", asked->rig, "a folder with a rig.yaml, or the file")->required();
  command->add_option("--out", asked->out, "the folder that they are written into")->required();
  command->add_option("--secrets", asked->secrets,
                      "CSV of id,secret, as `registry import --secrets` writes it");
  return [rig, command, asked]() -> std::optional<Exit> {
    return *rig && *command ? std::optional(write_acl(*asked)) : std::nullopt;
  };
}

}  // namespace looptwin::testbed
