#include "testbed/hil_command.h"

#include <CLI/CLI.hpp>
#include <memory>

#include "testbed/rig/rig_run.h"
#include "testbed/settings_option.h"

namespace looptwin::testbed {
namespace {

struct HilOptions {
  HilRequest request;
  std::vector<std::string> set;
  std::string out, duration;
};

}  // namespace

std::function<std::optional<Exit>()> add_hil_command(CLI::App& app) {
  auto asked = std::make_shared<HilOptions>();
  auto* command = app.add_subcommand("hil", "runs a scenario's loop on real devices over MQTT");
  command->add_option("RIG", asked->request.rig, "a folder with a rig.yaml, or the file")->required();
  command->add_option("--broker", asked->request.broker,
                      "mqtt://HOST:PORT, in place of the rig's or of our own");
  command->add_option("--set", asked->set, "changes one value of the scenario")->type_name("KEY=VALUE");
  command->add_option("--duration", asked->duration, "how long to run: '6 h'");
  command->add_option("--out", asked->out, "the run folder; 'none' writes nothing (default: runs/NAME)");
  command->add_flag("--quiet", asked->request.quiet, "no summary");
  return [command, asked]() -> std::optional<Exit> {
    if (!*command) return std::nullopt;
    auto& request = asked->request;
    request.settings = settings_of(asked->set);
    if (!asked->duration.empty()) request.settings.push_back({"duration", asked->duration});
    if (asked->out == "none")
      request.no_out = true;
    else if (!asked->out.empty())
      request.out = asked->out;
    return run_rig(request);
  };
}

}  // namespace looptwin::testbed
