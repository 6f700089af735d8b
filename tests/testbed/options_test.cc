#include "testbed/options.h"

#include <catch2/catch.hpp>
#include <iostream>
#include <optional>
#include <sstream>

namespace looptwin::testbed {
namespace {

enum class Sort : uint8_t { hot, cold };

/// A program of one command, and of a group with another.
struct Program {
  std::string file, unit;
  std::vector<std::string> set;
  int jobs = 2;
  std::optional<uint64_t> version;
  Sort sort = Sort::hot;
  bool quiet = false;
  std::string done;  ///< whose job was done
  std::string said;  ///< on stdout and stderr

  Exit run(const std::vector<const char*>& words) {
    ArgumentParser parser("a program", "1.0");
    const auto take = parser.subcommand("take", "takes a file");
    take.option("FILE", file, "what is taken").required();
    const auto of = take.option("--unit", unit, "its unit").one_of({"m", "km"});
    take.key_values("--set", set, "changes it").one_value_each();
    take.option("--jobs", jobs, "at once").between(1, 8).show_default();
    take.option("--version", version, "of the file").excludes(of);
    take.choice("--sort", sort, {{"hot", Sort::hot}, {"cold", Sort::cold}}, "hot or cold");
    take.flag("--quiet", quiet, "says nothing");
    take.job([this, take] {
      if (quiet && take.given("--unit")) refuse_use("--unit", "nobody would see it");
      done = "take";
      return Exit::failed;
    });
    const auto lake = parser.subcommand("lake", "has commands of its own");
    lake.subcommand("fill", "fills it").job([this] {
      done = "fill";
      return Exit::held;
    });
    std::vector<const char*> argv{"program"};
    argv.insert(argv.end(), words.begin(), words.end());
    std::ostringstream out;
    auto* const cout = std::cout.rdbuf(out.rdbuf());
    auto* const cerr = std::cerr.rdbuf(out.rdbuf());
    const auto exit = parser.run(static_cast<int>(argv.size()), argv.data());
    std::cout.rdbuf(cout);
    std::cerr.rdbuf(cerr);
    said = out.str();
    return exit;
  }
};

bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST_CASE("options: the job of the command that is given is done, with its values") {
  Program taken;
  CHECK(taken.run({"take", "--set", "a=1", "x.csv", "--set", "b=", "--jobs", "8", "--version", "7", "--sort",
                   "COLD", "--quiet"}) == Exit::failed);
  CHECK(taken.done == "take");
  CHECK(taken.file == "x.csv");
  CHECK(taken.set == std::vector<std::string>{"a=1", "b="});
  CHECK(taken.jobs == 8);
  CHECK(taken.version == 7);
  CHECK(taken.sort == Sort::cold);
  CHECK(taken.quiet);

  Program filled;
  CHECK(filled.run({"lake", "fill"}) == Exit::held);
  CHECK(filled.done == "fill");
}

TEST_CASE("options: what cannot be read, and what a job refuses, is told with the command's help") {
  using Words = std::vector<const char*>;
  for (const auto& [words, told] :
       {std::pair<Words, const char*>{{"take"}, "FILE is required"},
        {{"take", "x", "--unit", "ft"}, "--unit: ft not in {m,km}"},
        {{"take", "x", "--sort", "warm"}, "--sort: warm not in {cold,hot}"},
        {{"take", "x", "--set", ""}, "--set: it is empty"},
        {{"take", "x", "--jobs", "9"}, "--jobs: Value 9 not in range 1 to 8"},
        {{"take", "x", "--unit", "m", "--version", "1"}, "--unit excludes --version"},
        {{"take", "x", "--unit", "m", "--quiet"}, "--unit: nobody would see it"},
        {{"lake"}, "A subcommand is required"}}) {
    Program program;
    CHECK(program.run(words) == Exit::bad_input);
    CHECK(program.done.empty());
    INFO(program.said);
    CHECK(holds(program.said, told));
    CHECK(holds(program.said, "Usage: program " + std::string(words.front())));
  }
}

TEST_CASE("options: the help shows names of values and defaults, and does no job") {
  Program program;
  CHECK(program.run({"take", "--help"}) == Exit::held);
  CHECK(program.done.empty());
  CHECK(holds(program.said, "--set KEY=VALUE"));
  CHECK(holds(program.said, "INT in [1 - 8]=2"));
  CHECK(holds(program.said, "--sort TEXT:{cold,hot}"));
}

TEST_CASE("options: a first word that is no command is refused with a hint") {
  ArgumentParser parser("a program", "1.0");
  parser.subcommand("take", "takes a file");
  const char* near[] = {"program", "tkae"};
  const auto known = parser.check_command(2, near);
  REQUIRE(!known);
  CHECK(holds(render(known.error()), "there is no command 'tkae'"));
  CHECK(holds(render(known.error()), "'take'"));
  const char* option[] = {"program", "--help"};
  CHECK(parser.check_command(2, option));
}

}  // namespace
}  // namespace looptwin::testbed
