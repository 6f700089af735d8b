#include "testbed/hil_command.h"

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdlib>
#include <memory>

#include "testbed/rig/rig_run.h"
#include "testbed/sequence_options.h"
#include "testbed/settings_option.h"

namespace looptwin::testbed {
namespace {

struct HilOptions {
  HilRequest request;
  std::vector<std::string> set;
  std::string out, duration, play, speed;
  SequenceOptions sequence;
};

/// What only a run of the loop heeds.
void check_play(const CLI::App& command) {
  for (const auto* name : {"--arm", "--out", "--duration", "--reservation", "--owner"})
    if (command.count(name) != 0)
      throw CLI::ValidationError(name, "it has no effect with --play, which runs no loop; leave it out");
}

double speed_of(const std::string& text, bool plays) {
  char* end = nullptr;
  const double speed = std::strtod(text.c_str(), &end);
  if (*end == 'x') ++end;
  if (end == text.c_str() || *end != '\0' || !(speed > 0) || !std::isfinite(speed))
    throw CLI::ValidationError("--speed", "'" + text + "' is not a speed; write 4x");
  if (!plays)
    throw CLI::ValidationError("--speed",
                               "it is that of a recording, and the loop keeps the wall's time; write "
                               "--play RUN as well, or leave it out");
  return speed;
}

}  // namespace

std::function<std::optional<Exit>()> add_hil_command(CLI::App& app) {
  auto asked = std::make_shared<HilOptions>();
  auto* command = app.add_subcommand("hil", "runs a scenario's loop on real devices over MQTT");
  command->add_option("RIG", asked->request.rig, "a folder with a rig.yaml, or the file")->required();
  command->add_option("--broker", asked->request.broker,
                      "mqtt://HOST:PORT, in place of the rig's or of our own");
  command
      ->add_option("--arm", asked->request.arm,
                   "devices that may be told anything, an id or a pattern; '**' is all")
      ->type_name("PATTERN")
      ->allow_extra_args(false);
  auto* play = command->add_option(
      "--play", asked->play, "publishes what this run has recorded, in place of its devices; runs no loop");
  command->add_option("--speed", asked->speed, "of --play, so many times as fast as it was: 4x");
  command->add_option("--reservation", asked->request.reservation,
                      "uses this reservation of the rig's inventory, which goes on after the run");
  command->add_option("--owner", asked->request.owner, "who reserves the devices (default: the user's name)");
  command->add_option("--set", asked->set, "changes one value of the scenario")->type_name("KEY=VALUE");
  auto* duration = command->add_option("--duration", asked->duration, "how long to run: '6 h'");
  command->add_option("--out", asked->out, "the run folder; 'none' writes nothing (default: runs/NAME)");
  command->add_flag("--quiet", asked->request.quiet, "no summary");
  asked->sequence.add(*command);
  asked->sequence.given->excludes(duration)->excludes(play);
  return [command, asked]() -> std::optional<Exit> {
    if (!*command) return std::nullopt;
    auto& request = asked->request;
    request.settings = settings_of(asked->set);
    if (!asked->duration.empty()) request.settings.push_back({"duration", asked->duration});
    if (asked->out == "none")
      request.no_out = true;
    else if (!asked->out.empty())
      request.out = asked->out;
    request.sequence = asked->sequence.request();
    if (!asked->play.empty()) request.play = asked->play;
    if (request.play) check_play(*command);
    if (!asked->speed.empty()) request.speed = speed_of(asked->speed, request.play.has_value());
    return run_rig(request);
  };
}

}  // namespace looptwin::testbed
