// What the words of a command line may be: commands, their options and flags, and what each command does.
// CLI11 parses them, writes the help and the messages; options.cc alone sees it. What is declared here are
// handles, which live as long as their parser.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/result.h"
#include "testbed/run.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace looptwin::testbed {

/// An option, or a positional argument. What is asked of it is chained.
class Option {
 public:
  explicit Option(CLI::Option* option) : option_(option) {}
  Option required() const;
  /// What the help calls its value.
  Option value_name(const std::string& name) const;
  /// The help shows what its target holds before parsing.
  Option show_default() const;
  Option one_of(const std::vector<std::string>& words) const;
  Option between(int least, int most) const;
  Option between(double least, double most) const;
  /// How many values follow it.
  Option values(int least, int most) const;
  /// Of a list: one value each time that it is given, so that a positional argument may come after it.
  Option one_value_each() const;
  Option separated_by(char sign) const;
  Option needs(Option other) const;
  Option excludes(Option other) const;
  bool given() const;

 private:
  CLI::Option* option_;
};

/// A command; or a group of them, of which one has to be given.
class Subcommand {
 public:
  Subcommand(CLI::App* app, Exit* outcome) : app_(app), outcome_(outcome) {}
  Subcommand subcommand(const std::string& name, const std::string& about) const;
  void alias(const std::string& name) const;

  /// `name` begins with -- unless it is that of a positional argument. An empty value is refused. Values are
  /// read into `target`: text, a path, a number, an optional one of them, or a list of texts (options.cc has
  /// the types).
  template <typename T>
  Option option(const std::string& name, T& target, const std::string& about) const;
  /// A list of KEY=VALUE, which are not looked into.
  Option key_values(const std::string& name, std::vector<std::string>& target,
                    const std::string& about) const;
  /// One of these words, in any case.
  template <typename T>
  Option choice(const std::string& name, T& target,
                const std::type_identity_t<std::map<std::string, T>>& words, const std::string& about) const {
    std::vector<std::string> all;
    for (const auto& [word, value] : words) all.push_back(word);
    return choice_of(
        name, all, [&target, words](const std::string& word) { target = words.at(word); }, about);
  }
  void flag(const std::string& name, bool& target, const std::string& about) const;
  bool given(const std::string& option) const;

  /// What is done where this command is given, after all words are read; it may still refuse_use().
  void job(std::function<Exit()> job) const;

 private:
  Option choice_of(const std::string& name, const std::vector<std::string>& words,
                   const std::function<void(const std::string&)>& take, const std::string& about) const;
  CLI::App* app_;
  Exit* outcome_;
};

/// All commands of a program, of which one has to be given.
class ArgumentParser {
 public:
  /// `version`: what --version prints.
  ArgumentParser(const std::string& about, const std::string& version);
  ArgumentParser(const ArgumentParser&) = delete;
  ~ArgumentParser();
  Subcommand subcommand(const std::string& name, const std::string& about);

  /// Refuses a first word that is no command and no option, with a hint.
  Result<void> check_command(int argc, const char* const* argv) const;
  /// Does the job of the command that is given; or prints the help, the version, or what is wrong.
  Exit run(int argc, const char* const* argv);

 private:
  std::unique_ptr<CLI::App> app_;
  Exit outcome_ = Exit::held;
};

/// Ends a job before it has done anything, as a word that cannot be read does: by an exception, which the
/// parser shows with the command's help. `what`: the option or the command.
[[noreturn]] void refuse_use(const std::string& what, const std::string& why);

}  // namespace looptwin::testbed
