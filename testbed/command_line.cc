#include "testbed/command_line.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <system_error>
#include <thread>

#include "testbed/commands.h"
#include "testbed/common_options.h"
#include "testbed/new.h"
#include "testbed/rig/rig_config.h"
#include "testbed/run.h"
#include "testbed/scenario.h"
#include "testbed/sequence/sequence_simulated.h"
#include "testbed/sequence_options.h"
#include "testbed/shell_word.h"

namespace looptwin::testbed {
namespace {

constexpr const char* kOutOfMemory =
    "error: there is not enough memory\n"
    "    write smaller counts in fleet:, or give looptwin more memory (ulimit -v)\n";

/// Memory that is not there ends the command: on this thread by an exception, which others cannot give.
void report_lack_of_memory() {
  static std::thread::id main_thread;
  main_thread = std::this_thread::get_id();
  std::set_new_handler([] {
    if (std::this_thread::get_id() == main_thread) throw std::bad_alloc();
    if (::write(STDERR_FILENO, kOutOfMemory, std::strlen(kOutOfMemory)) >= 0)
      ::_exit(static_cast<int>(Exit::bad_input));
  });
}

/// What chooses the width of vectors (base/simd.h), which says nothing of a word that it does not know.
Result<void> check_environment() {
  const std::string_view levels[] = {"v2", "v3", "v4"};
  const char* wish = std::getenv("LOOPTWIN_SIMD");
  if (wish == nullptr || std::find(std::begin(levels), std::end(levels), wish) != std::end(levels)) return {};
  return failure(fmt::format("LOOPTWIN_SIMD={} is no level of vectors", wish),
                 "write v2, v3 or v4, or leave it unset");
}

Exit write_new(const std::filesystem::path& folder) {
  const auto files = write_new_scenario(folder);
  if (!files) {
    std::fputs(render(files.error()).c_str(), stderr);
    return Exit::bad_input;
  }
  for (const auto& file : *files) std::printf("%s\n", file.c_str());
  std::printf("\nrun it with: looptwin run %s\n", shell_word(folder.string()).c_str());
  return Exit::held;
}

/// Whether all that was printed has gone out, after a message where it has not: a full disk shows only here.
bool is_printed() {
  errno = 0;
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return true;
  const std::string why = errno == 0 ? "" : fmt::format(": {}", std::strerror(errno));
  fmt::print(stderr, "error: cannot write what is printed{}\n", why);
  return false;
}

std::string schema_of_files(const std::string& what) {
  if (what == "rig") return rig_schema();
  return what == "sequence" ? sequence_schema() : json_schema();
}

struct ScenarioOptions {
  Option scenario, duration;
};
/// SCENARIO and what is changed of it.
ScenarioOptions add_scenario(const Subcommand& command, std::filesystem::path& scenario,
                             SettingOptions& changes) {
  const auto given = command.option("SCENARIO", scenario, "a scenario's folder, or its scenario.yaml");
  command.key_values("--set", changes.set, "changes one value: models.home.parameters.UA.default='200 W/K'");
  command.option("--seed", changes.seed, "the run's seed");
  const auto duration = command.option("--duration", changes.duration, "how long to simulate: '6 h'");
  return {given, duration};
}

struct RunOptions {
  RunRequest request;
  SettingOptions changes;
  OutOption out;
  SequenceOptions sequence;
  std::string speed, resume;
};

Exit run_as_asked(RunOptions& asked) {
  auto& request = asked.request;
  if (!asked.resume.empty()) {
    request.resume = asked.resume;
    if (!request.settings.empty() || !asked.out.out.empty())
      refuse_use("--resume", "a resumed run keeps its scenario, settings and folder");
  }
  request.no_out = asked.out.none();
  request.out = asked.out.folder();
  if (!asked.speed.empty()) request.speed = speed_of(asked.speed);
  if (const auto sequence = asked.sequence.request()) return run_sequence(request, *sequence);
  return run(request);
}

void add_run_command(ArgumentParser& parser, const Extensions* extensions) {
  auto asked = std::make_shared<RunOptions>();
  asked->request.extensions = extensions;
  const auto command = parser.subcommand("run", "simulates a scenario and writes a run folder");
  const auto [scenario, duration] = add_scenario(command, asked->request.scenario, asked->changes);
  command
      .option("--threads", asked->request.threads, "0: as many as the machine has and the fleet has use for")
      .between(0, 1024);
  command.option("--speed", asked->speed, "at most so many times as fast as the wall clock: 60x");
  asked->out.add(command);
  command.flag("--quiet", asked->request.quiet, "no progress and no summary");
  const auto resume =
      command.option("--resume", asked->resume,
                     "goes on with a run folder from its newest snapshot, in place of a SCENARIO");
  const auto from = command.option(
      "--from", asked->request.from,
      "RUN@T: goes on from this moment of a run, with what --set changes, in place of a SCENARIO");
  asked->sequence.add(command).excludes(resume).excludes(from).excludes(duration);
  command.job([asked, scenario = scenario, resume, from] {
    asked->request.settings = asked->changes.settings();
    if (scenario.given() + resume.given() + from.given() != 1)
      refuse_use("run", "give a SCENARIO, --resume RUN or --from RUN@T");
    return run_as_asked(*asked);
  });
}

void add_check_command(ArgumentParser& parser, const Extensions* extensions) {
  struct CheckOptions {
    CheckRequest request;
    SettingOptions changes;
  };
  auto asked = std::make_shared<CheckOptions>();
  asked->request.extensions = extensions;
  const auto command = parser.subcommand("check", "reads and checks a scenario without running it");
  add_scenario(command, asked->request.scenario, asked->changes).scenario.required();
  command.flag("--explain", asked->request.explain, "shows type, unit, cost and memory of every expression");
  command.job([asked] {
    asked->request.settings = asked->changes.settings();
    return check(asked->request);
  });
}

void add_schema_command(ArgumentParser& parser) {
  auto of = std::make_shared<std::string>("scenario");
  const auto command =
      parser.subcommand("schema", "prints the JSON Schema of scenario files, rigs or sequences, for editors");
  command.option("OF", *of, "scenario, rig or sequence")
      .show_default()
      .one_of({"scenario", "rig", "sequence"});
  command.job([of] {
    std::puts(schema_of_files(*of).c_str());
    return Exit::held;
  });
}

void add_folder_commands(ArgumentParser& parser) {
  auto folder = std::make_shared<std::filesystem::path>(), file = std::make_shared<std::filesystem::path>();
  const auto make = parser.subcommand("new", "writes a small working scenario into a new folder");
  make.option("FOLDER", *folder, "must not exist, or be empty").required();
  make.job([folder] { return write_new(*folder); });
  const auto show = parser.subcommand("info", "shows what a run folder holds");
  show.option("RUN", *folder, "a run's folder").required();
  show.job([folder] { return info(*folder); });
  const auto merge = parser.subcommand("export", "makes one HDF5 file of a run folder");
  merge.option("RUN", *folder, "a run's folder").required();
  merge.option("FILE", *file, "the file to write; must not exist").required();
  merge.job([folder, file] { return export_run(*folder, *file); });
}

Exit carry_out(int argc, const char* const* argv, const Extensions* extensions) {
  // A failed check aborts, having said why; who called us sees the exit code of an internal fault.
  std::signal(SIGABRT, [](int) { ::_exit(static_cast<int>(Exit::internal_fault)); });
  ArgumentParser parser("looptwin: a testbed for monitor-and-manage loops", "looptwin " LT_VERSION);
  add_run_command(parser, extensions);
  add_check_command(parser, extensions);
  add_schema_command(parser);
  add_folder_commands(parser);
  add_registry_command(parser);
  add_inventory_command(parser);
  add_test_command(parser, extensions);
  add_falsify_command(parser, extensions);
  add_hil_command(parser);
  add_import_command(parser);
  add_rig_command(parser);
  add_explain_command(parser, extensions);
  add_replay_command(parser, extensions);
  add_diff_command(parser, extensions);

  if (auto known = parser.check_command(argc, argv); !known) return refuse(known.error());
  if (auto sound = check_environment(); !sound) return refuse(sound.error());
  report_lack_of_memory();
  try {
    return parser.run(argc, argv);
  } catch (const std::bad_alloc&) {
    std::fputs(kOutOfMemory, stderr);
    return Exit::bad_input;
  }
}

}  // namespace

int command_line(int argc, const char* const* argv, const Extensions* extensions) {
  auto exit = Exit::bad_input;
  try {
    exit = carry_out(argc, argv, extensions);
  } catch (const std::system_error&) {
    if (std::ferror(stdout) == 0) throw;  // else it is fmt's, which could not print
  }
  if (!is_printed() && exit == Exit::held) exit = Exit::bad_input;
  return static_cast<int>(exit);
}

}  // namespace looptwin::testbed
