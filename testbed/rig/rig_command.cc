#include <fmt/format.h>

#include <memory>

#include "base/json_tree.h"
#include "testbed/commands.h"
#include "testbed/options.h"
#include "testbed/rig/control_socket.h"
#include "testbed/rig/rig_config.h"

namespace looptwin::testbed {
namespace {

struct Asked {
  std::filesystem::path rig;
  std::string device, to, entry, by = "command line", force, answer;
};

/// A run folder has the socket; of a rig's own folder, or its file, the key tells where it is.
Result<std::filesystem::path> socket_at(const std::filesystem::path& rig) {
  std::error_code ignored;
  if (std::filesystem::exists(rig / kSocketFile, ignored)) return rig / kSocketFile;
  if (std::filesystem::is_directory(rig, ignored) && !std::filesystem::exists(rig / "rig.yaml", ignored))
    return failure(fmt::format("no rig runs in {}", rig.string()),
                   "name the run folder of a rig that runs, or the rig's own folder");
  auto config = load_rig(rig);
  if (!config) return tl::make_unexpected(std::move(config.error()));
  return socket_of(config->key);
}

Exit ask(const std::filesystem::path& rig, const OrderedJson& request) {
  const auto socket = socket_at(rig);
  if (!socket) return refuse(socket.error());
  const auto answer = ask_rig(*socket, dump_json(request));
  if (!answer) return refuse(answer.error());
  for (const auto& member : answer->members)
    if (member.name != "ok") fmt::print("{}: {}\n", member.name, member.value.text);
  return Exit::held;
}

}  // namespace

void add_rig_command(ArgumentParser& parser) {
  auto asked = std::make_shared<Asked>();
  const auto rig = parser.subcommand("rig", "asks something of a rig that runs");
  // What is asked has the name of its command, and these members.
  using Members = std::vector<std::pair<const char*, const std::string*>>;
  const auto add = [&](const char* name, const char* about, const Members& members) {
    const auto command = rig.subcommand(name, about);
    command.option("RIG", asked->rig, "its run folder, or its own folder or rig.yaml").required();
    command.job([asked, name, members] {
      OrderedJson request = {{"do", name}};
      for (const auto& [member, value] : members) request[member] = *value;
      return ask(asked->rig, request);
    });
    return command;
  };
  const auto with_devices = [&](const Subcommand& command) {
    command.option("DEVICE", asked->device, "a device, or a pattern of several").required();
  };
  const auto with_author = [&](const Subcommand& command) {
    command.option("--by", asked->by, "who does it, for the rig's journal").show_default();
  };
  const std::pair device{"device", &asked->device}, by{"by", &asked->by};

  const auto swap = add("swap", "binds devices to real ones, to their models, or to both",
                        {device, {"to", &asked->to}, by});
  with_devices(swap);
  swap.option("TO", asked->to, "real, simulated or shadow").required();
  with_author(swap);
  const auto act =
      add("act", "a person does something, as in a scenario's script", {{"entry", &asked->entry}});
  act.option("ENTRY", asked->entry, "'{by: anna, press: may_reopen, device: seg-17}'").required();
  add("status", "whether it runs, what is there, and how many commands were acknowledged", {});
  const auto arm = add("arm", "devices may be told what the loop wants", {device, by});
  with_devices(arm);
  with_author(arm);
  const auto disarm = add("disarm", "sends the devices' safe values, then nothing more", {device, by});
  with_devices(disarm);
  with_author(disarm);
  const auto stop = add(
      "stop", "the emergency stop: safe values to all, then nothing until it is armed again", {device, by});
  with_author(stop);
  const auto force = add("force", "begins a force or a fault on a signal", {{"force", &asked->force}});
  force
      .option("FORCE", asked->force,
              "'{device: cellar/pump-1, field: level, force: 3 m, for: 10 s, owner: anna}'")
      .required();
  const auto unforce = add("unforce", "ends forces", {{"name", &asked->force}, by});
  unforce.option("NAME", asked->force, "which; all where it is left out");
  with_author(unforce);
  const auto answer =
      add("answer", "answers what the rig's sequence of test steps asks", {{"answer", &asked->answer}, by});
  answer.option("ANSWER", asked->answer, "yes or no").required();
  with_author(answer);
  add_acl_command(rig);
}

}  // namespace looptwin::testbed
