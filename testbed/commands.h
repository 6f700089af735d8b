// The commands of looptwin, each in a source of its name, with what it declares and does. What those of
// command_line.cc do stands in run.h.
#pragma once

namespace looptwin::testbed {

class ArgumentParser;
class Extensions;
class Subcommand;

/// Devices over years, kept in a database file; docs/registry.md shows the work with it.
void add_registry_command(ArgumentParser& parser);
/// What stands on the rigs of a lab, and who may use it now.
void add_inventory_command(ArgumentParser& parser);
/// Finds and runs tests, and says how they went.
void add_test_command(ArgumentParser& parser, const Extensions* extensions);
/// Searches for runs that break a scenario's requirements.
void add_falsify_command(ArgumentParser& parser, const Extensions* extensions);
/// A scenario's loop on real devices over MQTT.
void add_hil_command(ArgumentParser& parser);
/// Device models that others have described, as models.yaml.
void add_import_command(ArgumentParser& parser);
/// What is asked of a rig that runs, and `acl`.
void add_rig_command(ArgumentParser& parser);
/// What a broker that is not ours has to know of a rig's devices, as files that any Mosquitto reads without a
/// plugin.
void add_acl_command(const Subcommand& rig);
/// Why something happened in a run, and why something did not.
void add_explain_command(ArgumentParser& parser, const Extensions* extensions);
/// A recorded run's loop again, on what it took in.
void add_replay_command(ArgumentParser& parser, const Extensions* extensions);
/// What two runs, or two sets of rules on one, decided.
void add_diff_command(ArgumentParser& parser, const Extensions* extensions);

}  // namespace looptwin::testbed
