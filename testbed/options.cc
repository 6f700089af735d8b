#include "testbed/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <optional>

#include "base/text.h"

namespace looptwin::testbed {
namespace {

/// An empty value is mostly a shell's variable that is not set: it must not pass for a value left out.
void refuse_empty_values(CLI::App& command) {
  for (auto* option : command.get_options())
    if (option->get_items_expected_max() > 0)
      option->check([](const std::string& value) { return std::string(value.empty() ? "it is empty" : ""); });
  for (auto* inner : command.get_subcommands({})) refuse_empty_values(*inner);
}

}  // namespace

Option Option::required() const { return Option(option_->required()); }
Option Option::value_name(const std::string& name) const { return Option(option_->type_name(name)); }
Option Option::show_default() const { return Option(option_->capture_default_str()); }
Option Option::one_of(const std::vector<std::string>& words) const {
  return Option(option_->check(CLI::IsMember(words)));
}
Option Option::between(int least, int most) const { return Option(option_->check(CLI::Range(least, most))); }
Option Option::between(double least, double most) const {
  return Option(option_->check(CLI::Range(least, most)));
}
Option Option::values(int least, int most) const { return Option(option_->expected(least, most)); }
Option Option::one_value_each() const { return Option(option_->allow_extra_args(false)); }
Option Option::separated_by(char sign) const { return Option(option_->delimiter(sign)); }
Option Option::needs(Option other) const { return Option(option_->needs(other.option_)); }
Option Option::excludes(Option other) const { return Option(option_->excludes(other.option_)); }
bool Option::given() const { return option_->count() > 0; }

Subcommand Subcommand::subcommand(const std::string& name, const std::string& about) const {
  return {app_->require_subcommand(1)->add_subcommand(name, about), outcome_};
}

void Subcommand::alias(const std::string& name) const { app_->alias(name); }

template <typename T>
Option Subcommand::option(const std::string& name, T& target, const std::string& about) const {
  return Option(app_->add_option(name, target, about));
}
template Option Subcommand::option(const std::string&, std::string&, const std::string&) const;
template Option Subcommand::option(const std::string&, std::vector<std::string>&, const std::string&) const;
template Option Subcommand::option(const std::string&, std::filesystem::path&, const std::string&) const;
template Option Subcommand::option(const std::string&, std::optional<std::filesystem::path>&,
                                   const std::string&) const;
template Option Subcommand::option(const std::string&, int&, const std::string&) const;
template Option Subcommand::option(const std::string&, int64_t&, const std::string&) const;
template Option Subcommand::option(const std::string&, uint64_t&, const std::string&) const;
template Option Subcommand::option(const std::string&, std::optional<int64_t>&, const std::string&) const;
template Option Subcommand::option(const std::string&, std::optional<uint64_t>&, const std::string&) const;
template Option Subcommand::option(const std::string&, std::optional<double>&, const std::string&) const;

Option Subcommand::key_values(const std::string& name, std::vector<std::string>& target,
                              const std::string& about) const {
  return option(name, target, about).value_name("KEY=VALUE");
}

Option Subcommand::choice_of(const std::string& name, const std::vector<std::string>& words,
                             const std::function<void(const std::string&)>& take,
                             const std::string& about) const {
  return Option(app_->add_option_function<std::string>(name, take, about)
                    ->transform(CLI::IsMember(words, CLI::ignore_case)));
}

void Subcommand::flag(const std::string& name, bool& target, const std::string& about) const {
  app_->add_flag(name, target, about);
}

bool Subcommand::given(const std::string& option) const { return app_->count(option) > 0; }

void Subcommand::job(std::function<Exit()> job) const {
  app_->callback([outcome = outcome_, job = std::move(job)] { *outcome = job(); });
}

ArgumentParser::ArgumentParser(const std::string& about, const std::string& version)
    : app_(std::make_unique<CLI::App>(about)) {
  app_->set_version_flag("--version", version);
  app_->require_subcommand(1);
  app_->failure_message(CLI::FailureMessage::help);
}

ArgumentParser::~ArgumentParser() = default;

Subcommand ArgumentParser::subcommand(const std::string& name, const std::string& about) {
  return {app_->add_subcommand(name, about), &outcome_};
}

Result<void> ArgumentParser::check_command(int argc, const char* const* argv) const {
  if (argc < 2 || argv[1][0] == '-') return {};
  std::vector<std::string> commands;
  for (const auto* command : std::as_const(*app_).get_subcommands({}))
    commands.push_back(command->get_name());
  if (std::find(commands.begin(), commands.end(), argv[1]) != commands.end()) return {};
  auto hint = did_you_mean(argv[1], commands);
  if (hint.empty()) hint = "commands: " + joined(commands);
  return failure(fmt::format("there is no command '{}'", argv[1]), std::move(hint));
}

Exit ArgumentParser::run(int argc, const char* const* argv) {
  refuse_empty_values(*app_);
  try {
    app_->parse(argc, argv);
    return outcome_;
  } catch (const CLI::ParseError& error) {
    return app_->exit(error) == 0 ? Exit::held : Exit::bad_input;
  }
}

void refuse_use(const std::string& what, const std::string& why) { throw CLI::ValidationError(what, why); }

}  // namespace looptwin::testbed
