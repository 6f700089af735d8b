#include "testbed/command_line.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <system_error>
#include <thread>

#include "base/text.h"
#include "testbed/explain_command.h"
#include "testbed/falsify_command.h"
#include "testbed/hil_command.h"
#include "testbed/import_command.h"
#include "testbed/inventory_command.h"
#include "testbed/new.h"
#include "testbed/registry_command.h"
#include "testbed/replay/replay_command.h"
#include "testbed/rig/acl_command.h"
#include "testbed/rig/rig_command.h"
#include "testbed/rig/rig_config.h"
#include "testbed/run.h"
#include "testbed/scenario.h"
#include "testbed/sequence/sequence_simulated.h"
#include "testbed/sequence_options.h"
#include "testbed/settings_option.h"
#include "testbed/shell_word.h"
#include "testbed/test_command.h"

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

/// What CLI11 would take for a missing command.
Result<void> check_command(const CLI::App& app, int argc, const char* const* argv) {
  if (argc < 2 || argv[1][0] == '-') return {};
  std::vector<std::string> commands;
  for (const auto* command : app.get_subcommands({})) commands.push_back(command->get_name());
  if (std::find(commands.begin(), commands.end(), argv[1]) != commands.end()) return {};
  auto hint = did_you_mean(argv[1], commands);
  if (hint.empty()) hint = "commands: " + joined(commands);
  return failure(fmt::format("there is no command '{}'", argv[1]), std::move(hint));
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

/// An empty value is mostly a shell's variable that is not set: it must not pass for a value left out.
void refuse_empty_values(CLI::App& command) {
  for (auto* option : command.get_options())
    if (option->get_items_expected_max() > 0)
      option->check([](const std::string& value) { return std::string(value.empty() ? "it is empty" : ""); });
  for (auto* inner : command.get_subcommands({})) refuse_empty_values(*inner);
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

int carry_out(int argc, const char* const* argv, const Extensions* extensions) {
  // A failed check aborts, having said why; who called us sees the exit code of an internal fault.
  std::signal(SIGABRT, [](int) { ::_exit(static_cast<int>(Exit::internal_fault)); });
  CLI::App app{"looptwin: a testbed for monitor-and-manage loops"};
  app.set_version_flag("--version", "looptwin " LT_VERSION);
  app.require_subcommand(1);
  app.failure_message(CLI::FailureMessage::help);

  std::vector<std::string> set;
  std::string seed, duration;
  const auto scenario_options = [&](CLI::App* command, std::filesystem::path& path) {
    auto* scenario = command->add_option("SCENARIO", path, "a scenario's folder, or its scenario.yaml");
    command->add_option("--set", set, "changes one value: models.home.parameters.UA.default='200 W/K'")
        ->type_name("KEY=VALUE");
    command->add_option("--seed", seed, "the run's seed");
    command->add_option("--duration", duration, "how long to simulate: '6 h'");
    return scenario;
  };
  const auto all_settings = [&] {
    auto settings = settings_of(set);
    if (!seed.empty()) settings.push_back({"seed", seed});
    if (!duration.empty()) settings.push_back({"duration", duration});
    return settings;
  };

  RunRequest run_request;
  std::string out;
  std::string speed;
  auto* run_command = app.add_subcommand("run", "simulates a scenario and writes a run folder");
  auto* run_scenario = scenario_options(run_command, run_request.scenario);
  run_command
      ->add_option("--threads", run_request.threads,
                   "0: as many as the machine has and the fleet has use for")
      ->check(CLI::Range(0, 1024));
  run_command->add_option("--speed", speed, "at most so many times as fast as the wall clock: 60x");
  run_command->add_option("--out", out, "the run folder; 'none' writes nothing (default: runs/NAME)");
  run_command->add_flag("--quiet", run_request.quiet, "no progress and no summary");
  std::string resume;
  auto* resume_option = run_command->add_option(
      "--resume", resume, "goes on with a run folder from its newest snapshot, in place of a SCENARIO");
  auto* from_option = run_command->add_option(
      "--from", run_request.from,
      "RUN@T: goes on from this moment of a run, with what --set changes, in place of a SCENARIO");

  SequenceOptions sequence;
  sequence.add(*run_command);
  sequence.given->excludes(resume_option)->excludes(from_option)->excludes("--duration");

  CheckRequest check_request;
  auto* check_scenario = app.add_subcommand("check", "reads and checks a scenario without running it");
  scenario_options(check_scenario, check_request.scenario)->required();
  check_scenario->add_flag("--explain", check_request.explain,
                           "shows type, unit, cost and memory of every expression");

  std::string schema_of = "scenario";
  auto* schema_command = app.add_subcommand(
      "schema", "prints the JSON Schema of scenario files, rigs or sequences, for editors");
  schema_command->add_option("OF", schema_of, "scenario, rig or sequence")
      ->capture_default_str()
      ->check(CLI::IsMember({"scenario", "rig", "sequence"}));

  std::filesystem::path new_folder;
  auto* new_command = app.add_subcommand("new", "writes a small working scenario into a new folder");
  new_command->add_option("FOLDER", new_folder, "must not exist, or be empty")->required();

  std::filesystem::path run_folder, file;
  auto* info_command = app.add_subcommand("info", "shows what a run folder holds");
  info_command->add_option("RUN", run_folder, "a run's folder")->required();
  auto* export_command = app.add_subcommand("export", "makes one HDF5 file of a run folder");
  export_command->add_option("RUN", run_folder, "a run's folder")->required();
  export_command->add_option("FILE", file, "the file to write; must not exist")->required();

  const auto run_registry = add_registry_command(app);
  const auto run_inventory = add_inventory_command(app);
  const auto run_test = add_test_command(app, extensions);
  const auto run_falsify = add_falsify_command(app, extensions);
  const auto run_hil = add_hil_command(app);
  const auto run_import = add_import_command(app);
  const auto run_rig_command = add_rig_command(app);
  const auto run_explain = add_explain_command(app, extensions);
  const auto run_replay = add_replay_command(app, extensions);
  const auto run_diff = add_diff_command(app, extensions);
  const auto run_acl = add_acl_command(app);

  if (auto known = check_command(app, argc, argv); !known) return static_cast<int>(refuse(known.error()));
  if (auto sound = check_environment(); !sound) return static_cast<int>(refuse(sound.error()));
  refuse_empty_values(app);
  report_lack_of_memory();
  try {
    app.parse(argc, argv);
    if (*run_command) {
      run_request.settings = all_settings();
      if (!resume.empty()) run_request.resume = resume;
      if (run_scenario->count() + resume_option->count() + from_option->count() != 1)
        throw CLI::ValidationError("run", "give a SCENARIO, --resume RUN or --from RUN@T");
      if (run_request.resume && (!run_request.settings.empty() || !out.empty()))
        throw CLI::ValidationError("--resume", "a resumed run keeps its scenario, settings and folder");
      run_request.extensions = extensions;
      if (out == "none")
        run_request.no_out = true;
      else if (!out.empty())
        run_request.out = out;
      if (!speed.empty()) {
        char* end = nullptr;
        run_request.speed = std::strtod(speed.c_str(), &end);
        if (*end == 'x') ++end;
        if (*end != '\0' || !(*run_request.speed > 0))
          throw CLI::ValidationError("--speed", "'" + speed + "' is not a speed; write 60x");
      }
      if (const auto asked = sequence.request()) return static_cast<int>(run_sequence(run_request, *asked));
      return static_cast<int>(run(run_request));
    }
    if (*check_scenario) {
      check_request.settings = all_settings();
      check_request.extensions = extensions;
      return static_cast<int>(check(check_request));
    }
    if (*schema_command) {
      std::puts(schema_of_files(schema_of).c_str());
      return 0;
    }
    if (*new_command) return static_cast<int>(write_new(new_folder));
    if (const auto done = run_registry()) return static_cast<int>(*done);
    if (const auto done = run_inventory()) return static_cast<int>(*done);
    if (const auto done = run_test()) return static_cast<int>(*done);
    if (const auto done = run_falsify()) return static_cast<int>(*done);
    if (const auto done = run_hil()) return static_cast<int>(*done);
    if (const auto done = run_import()) return static_cast<int>(*done);
    if (const auto done = run_rig_command()) return static_cast<int>(*done);
    if (const auto done = run_explain()) return static_cast<int>(*done);
    if (const auto done = run_replay()) return static_cast<int>(*done);
    if (const auto done = run_diff()) return static_cast<int>(*done);
    if (const auto done = run_acl()) return static_cast<int>(*done);
    if (*info_command) return static_cast<int>(info(run_folder));
    if (*export_command) return static_cast<int>(export_run(run_folder, file));
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? 0 : static_cast<int>(Exit::bad_input);
  } catch (const std::bad_alloc&) {
    std::fputs(kOutOfMemory, stderr);
    return static_cast<int>(Exit::bad_input);
  }
  return 0;
}

}  // namespace

int command_line(int argc, const char* const* argv, const Extensions* extensions) {
  int code = static_cast<int>(Exit::bad_input);
  try {
    code = carry_out(argc, argv, extensions);
  } catch (const std::system_error&) {
    if (std::ferror(stdout) == 0) throw;  // else it is fmt's, which could not print
  }
  return is_printed() || code != 0 ? code : static_cast<int>(Exit::bad_input);
}

}  // namespace looptwin::testbed
