// A command with sub-commands that each do one thing to a file: `looptwin registry add FILE ...`.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "testbed/options.h"

namespace looptwin::testbed {

/// `Options`: what a sub-command's options are read into; has `file`, `id`, `by`, `version` and `format`.
template <typename Options>
class CommandSet {
 public:
  /// Each sub-command has options of its own, so that the defaults of one are not those of another.
  struct Command : Subcommand {
    Options& options;
  };

  /// `file`: what it is, as the help says.
  CommandSet(Subcommand group, std::string file) : group_(group), file_(std::move(file)) {}

  Command command(const std::string& name, const std::string& about, std::function<Exit(Options&)> job) {
    const auto made = group_.subcommand(name, about);
    auto options = std::make_shared<Options>();
    made.option("FILE", options->file, file_).required();
    made.job([options, job = std::move(job)] { return job(*options); });
    return {made, *options};
  }

  static void attributed(const Command& c) {
    c.option("--by", c.options.by, "who changes it (default: the user's name)");
  }
  static void with_id(const Command& c) { c.option("ID", c.options.id, "of a device").required(); }
  static void with_version(const Command& c) {
    c.option("--version", c.options.version, "refuse unless the device has this version");
  }
  /// The first is the default.
  static void formatted(const Command& c, const std::vector<std::string>& formats) {
    c.options.format = formats.front();
    c.option("--format", c.options.format, joined(formats, ", ")).one_of(formats);
  }

 private:
  Subcommand group_;
  std::string file_;
};

}  // namespace looptwin::testbed
