#include "testbed/rig/rig_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "testbed/rig/control_socket.h"
#include "testbed/rig/rig_config.h"

namespace looptwin::testbed {
namespace {

using Json = nlohmann::ordered_json;

struct Asked {
  std::filesystem::path rig;
  std::string device, to, entry;
};

/// A run folder has the socket; of a rig's own folder, or its file, the name tells where it is.
Result<std::filesystem::path> socket_at(const std::filesystem::path& rig) {
  std::error_code ignored;
  if (std::filesystem::exists(rig / kSocketFile, ignored)) return rig / kSocketFile;
  if (std::filesystem::is_directory(rig, ignored) && !std::filesystem::exists(rig / "rig.yaml", ignored))
    return failure(fmt::format("no rig runs in {}", rig.string()),
                   "name the run folder of a rig that runs, or the rig's own folder");
  auto config = load_rig(rig);
  if (!config) return tl::make_unexpected(std::move(config.error()));
  return socket_of(config->name);
}

Exit ask(const std::filesystem::path& rig, const Json& request) {
  const auto socket = socket_at(rig);
  if (!socket) return refuse(socket.error());
  const auto answer = ask_rig(*socket, request.dump(-1, ' ', false, Json::error_handler_t::replace));
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
  auto* act = add("act", "a person does something, as in a scenario's script");
  act->add_option("ENTRY", asked->entry, "'{by: anna, press: may_reopen, device: seg-17}'")->required();
  auto* status = add("status", "whether it runs");
  return [=]() -> std::optional<Exit> {
    if (*swap) return ask(asked->rig, {{"do", "swap"}, {"device", asked->device}, {"to", asked->to}});
    if (*act) return ask(asked->rig, {{"do", "act"}, {"entry", asked->entry}});
    if (*status) return ask(asked->rig, {{"do", "status"}});
    return std::nullopt;
  };
}

}  // namespace looptwin::testbed
