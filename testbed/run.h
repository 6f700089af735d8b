// `looptwin run`: a scenario from its folder to a run folder and a summary.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "testbed/setting.h"

namespace looptwin::testbed {

class Extensions;

/// Exit codes of all commands.
enum class Exit : int {
  held = 0,
  failed = 1,
  bad_input = 2,
  internal_fault = 3,
  invalid = 4,  ///< of a rig: a force had nothing to act on, so that the run shows nothing
};

/// Shows on stderr why something is not done.
Exit refuse(const Diagnostics& problems);

struct RunRequest {
  std::filesystem::path scenario;
  std::vector<Setting> settings;
  int threads = 0;                           ///< 0: as many as the machine has and the fleet has use for
  std::optional<double> speed;               ///< simulated seconds a second; absent: as fast as possible
  std::optional<std::filesystem::path> out;  ///< absent: runs/NAME, or the first free runs/NAME-2, -3, …
  bool no_out = false;                       ///< write no run folder
  bool quiet = false;
  std::optional<std::filesystem::path> resume;  ///< goes on with this run folder, of its own scenario
  std::string
      from;  ///< "RUN@T": goes on from this moment of that run, into a folder of its own; empty: not so
  const Extensions* extensions = nullptr;  ///< null: there are none
};
Exit run(const RunRequest& request);

struct CheckRequest {
  std::filesystem::path scenario;
  std::vector<Setting> settings;
  bool explain = false;
  const Extensions* extensions = nullptr;  ///< null: there are none
};
Exit check(const CheckRequest& request);

/// `looptwin info RUN`, `looptwin export RUN FILE`.
Exit info(const std::filesystem::path& run);
Exit export_run(const std::filesystem::path& run, const std::filesystem::path& file);

}  // namespace looptwin::testbed
