#include "testbed/rig/rig_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "base/json_tree.h"
#include "testbed/rig/control_socket.h"
#include "testbed/rig/rig_config.h"

namespace looptwin::testbed {
namespace {

struct Asked {
  std::filesystem::path rig;
  std::string device, to, entry, by, force, answer;
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

std::function<std::optional<Exit>()> add_rig_command(CLI::App& app) {
  auto asked = std::make_shared<Asked>();
  auto* rig = app.add_subcommand("rig", "asks something of a rig that runs");
  rig->require_subcommand(1);
  const auto add = [&](const char* name, const char* about) {
    auto* command = rig->add_subcommand(name, about);
    command->add_option("RIG", asked->rig, "its run folder, or its own folder or rig.yaml")->required();
    return command;
  };
  auto* swap = add("swap", "binds devices to real ones, to their models, or to both");
  swap->add_option("DEVICE", asked->device, "a device, or a pattern of several")->required();
  swap->add_option("TO", asked->to, "real, simulated or shadow")->required();
  const auto by = [&](CLI::App* command) {
    command->add_option("--by", asked->by, "who does it, for the rig's journal")->default_val("command line");
  };
  by(swap);
  auto* act = add("act", "a person does something, as in a scenario's script");
  act->add_option("ENTRY", asked->entry, "'{by: anna, press: may_reopen, device: seg-17}'")->required();
  auto* status = add("status", "whether it runs, what is there, and how many commands were acknowledged");
  auto* arm = add("arm", "devices may be told what the loop wants");
  arm->add_option("DEVICE", asked->device, "a device, or a pattern of several")->required();
  by(arm);
  auto* disarm = add("disarm", "sends the devices' safe values, then nothing more");
  disarm->add_option("DEVICE", asked->device, "a device, or a pattern of several")->required();
  by(disarm);
  auto* stop = add("stop", "the emergency stop: safe values to all, then nothing until it is armed again");
  by(stop);
  auto* force = add("force", "begins a force or a fault on a signal");
  force
      ->add_option("FORCE", asked->force,
                   "'{device: cellar/pump-1, field: level, force: 3 m, for: 10 s, owner: anna}'")
      ->required();
  auto* unforce = add("unforce", "ends forces");
  unforce->add_option("NAME", asked->force, "which; all where it is left out");
  by(unforce);
  auto* answer = add("answer", "answers what the rig's sequence of test steps asks");
  answer->add_option("ANSWER", asked->answer, "yes or no")->required();
  by(answer);
  return [=]() -> std::optional<Exit> {
    if (*swap)
      return ask(asked->rig,
                 {{"do", "swap"}, {"device", asked->device}, {"to", asked->to}, {"by", asked->by}});
    if (*act) return ask(asked->rig, {{"do", "act"}, {"entry", asked->entry}});
    const auto about = [&](const char* what) {
      return OrderedJson{{"do", what}, {"device", asked->device}, {"by", asked->by}};
    };
    if (*arm) return ask(asked->rig, about("arm"));
    if (*disarm) return ask(asked->rig, about("disarm"));
    if (*stop) return ask(asked->rig, about("stop"));
    if (*force) return ask(asked->rig, {{"do", "force"}, {"force", asked->force}});
    if (*unforce) return ask(asked->rig, {{"do", "unforce"}, {"name", asked->force}, {"by", asked->by}});
    if (*answer) return ask(asked->rig, {{"do", "answer"}, {"answer", asked->answer}, {"by", asked->by}});
    if (*status) return ask(asked->rig, {{"do", "status"}});
    return std::nullopt;
  };
}

}  // namespace looptwin::testbed
