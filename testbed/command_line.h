// The command line: one sub-command a job, each a call into the testbed.
#pragma once

namespace looptwin::testbed {

class Extensions;

/// Does what the words say, argv[0] being the program's name; returns the exit code. `extensions`: what
/// scenarios may use beside what we bring; on a rig, and for registries, nothing.
int command_line(int argc, const char* const* argv, const Extensions* extensions = nullptr);

}  // namespace looptwin::testbed
