// A command with sub-commands that each do one thing to a file: `looptwin registry add FILE ...`.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "testbed/run.h"

namespace looptwin::testbed {

/// `Options`: what a sub-command's options are read into; has `file`, `id`, `by`, `version` and `format`.
template <typename Options>
class CommandSet {
 public:
  /// Each sub-command has options of its own, so that the defaults of one are not those of another.
  struct Command {
    CLI::App* app;
    Options& options;
  };

  /// `file`: what it is, as the help says.
  CommandSet(CLI::App& app, const std::string& name, const std::string& about, std::string file)
      : app_(app.add_subcommand(name, about)), file_(std::move(file)) {
    app_->require_subcommand(1);
  }

  Command command(const std::string& name, const std::string& about, std::function<Exit(Options&)> job) {
    auto* made = app_->add_subcommand(name, about);
    auto options = std::make_shared<Options>();
    made->add_option("FILE", options->file, file_)->required();
    jobs_.emplace_back(made, [options, job = std::move(job)] { return job(*options); });
    return {made, *options};
  }

  /// Runs the sub-command that was given; nothing when it was another command.
  std::optional<Exit> run() const {
    for (const auto& [command, job] : jobs_)
      if (*command) return job();
    return std::nullopt;
  }

  static void attributed(const Command& c) {
    c.app->add_option("--by", c.options.by, "who changes it (default: the user's name)");
  }
  static void with_id(const Command& c) { c.app->add_option("ID", c.options.id, "of a device")->required(); }
  static void with_version(const Command& c) {
    c.app->add_option("--version", c.options.version, "refuse unless the device has this version");
  }
  /// The first is the default.
  static void formatted(const Command& c, std::vector<std::string> formats) {
    c.options.format = formats.front();
    c.app->add_option("--format", c.options.format, joined(formats, ", "))->check(CLI::IsMember(formats));
  }

 private:
  CLI::App* app_;
  std::string file_;
  std::vector<std::pair<CLI::App*, std::function<Exit()>>> jobs_;
};

}  // namespace looptwin::testbed
