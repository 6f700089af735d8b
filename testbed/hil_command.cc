#include <memory>

#include "testbed/commands.h"
#include "testbed/common_options.h"
#include "testbed/rig/rig_run.h"
#include "testbed/sequence_options.h"

namespace looptwin::testbed {
namespace {

struct HilOptions {
  HilRequest request;
  SettingOptions changes;
  OutOption out;
  std::string play, speed;
  SequenceOptions sequence;
};

/// What only a run of the loop heeds.
void check_play(const Subcommand& command) {
  for (const auto* name : {"--arm", "--out", "--duration", "--reservation", "--owner"})
    if (command.given(name))
      refuse_use(name, "it has no effect with --play, which runs no loop; leave it out");
}

double playing_speed(const std::string& text, bool plays) {
  const double speed = speed_of(text);
  if (!plays)
    refuse_use("--speed",
               "it is that of a recording, and the loop keeps the wall's time; write "
               "--play RUN as well, or leave it out");
  return speed;
}

}  // namespace

void add_hil_command(ArgumentParser& parser) {
  auto asked = std::make_shared<HilOptions>();
  const auto command = parser.subcommand("hil", "runs a scenario's loop on real devices over MQTT");
  command.option("RIG", asked->request.rig, "a folder with a rig.yaml, or the file").required();
  command.option("--broker", asked->request.broker, "mqtt://HOST:PORT, in place of the rig's or of our own");
  command
      .option("--arm", asked->request.arm,
              "devices that may be told anything, an id or a pattern; '**' is all")
      .value_name("PATTERN")
      .one_value_each();
  const auto play = command.option(
      "--play", asked->play, "publishes what this run has recorded, in place of its devices; runs no loop");
  command.option("--speed", asked->speed, "of --play, so many times as fast as it was: 4x");
  command.option("--reservation", asked->request.reservation,
                 "uses this reservation of the rig's inventory, which goes on after the run");
  command.option("--owner", asked->request.owner, "who reserves the devices (default: the user's name)");
  command.key_values("--set", asked->changes.set, "changes one value of the scenario");
  const auto duration = command.option("--duration", asked->changes.duration, "how long to run: '6 h'");
  asked->out.add(command);
  command.flag("--quiet", asked->request.quiet, "no summary");
  asked->sequence.add(command).excludes(duration).excludes(play);
  command.job([command, asked] {
    auto& request = asked->request;
    request.settings = asked->changes.settings();
    request.no_out = asked->out.none();
    request.out = asked->out.folder();
    request.sequence = asked->sequence.request();
    if (!asked->play.empty()) request.play = asked->play;
    if (request.play) check_play(command);
    if (!asked->speed.empty()) request.speed = playing_speed(asked->speed, request.play.has_value());
    return run_rig(request);
  });
}

}  // namespace looptwin::testbed
