// Options that several commands have.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "testbed/options.h"
#include "testbed/setting.h"

namespace looptwin::testbed {

/// What --set, --seed and --duration change of a scenario.
struct SettingOptions {
  std::vector<std::string> set;
  std::string seed, duration;

  /// To be called from a command's job: refuses a --set without '='.
  std::vector<Setting> settings() const;
};

/// --out: where the run folder goes.
struct OutOption {
  std::string out;

  void add(const Subcommand& command);
  bool none() const { return out == "none"; }
  /// The folder that was named, if any.
  std::optional<std::filesystem::path> folder() const;
};

/// How many times faster than its clock: "60x", "0.5"; refuses what is none. To be called from a command's
/// job.
double speed_of(const std::string& text);

}  // namespace looptwin::testbed
