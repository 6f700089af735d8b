#include "testbed/run_folder.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "testbed/assembly.h"
#include "testbed/replay/kept_scenario.h"
#include "testbed/scenario.h"
#include "twin/warm/disk.h"

namespace looptwin::testbed {
namespace {

std::atomic<bool> g_stop{false};  // a signal handler can reach nothing else

}  // namespace

Result<OwnRunFolder> own_run_folder(const std::string& name) {
  const std::filesystem::path runs = "runs";
  std::error_code error;
  for (int i = 1;;) {
    std::filesystem::create_directories(runs, error);
    if (error) return twin::disk_failure("create", runs, error.value());
    const auto folder = runs / (i == 1 ? name : fmt::format("{}-{}", name, i));
    if (::mkdir(folder.c_str(), 0777) == 0)
      return OwnRunFolder(new std::filesystem::path(folder), [](const std::filesystem::path* own) {
        // Neither goes where anything is in it.
        if (::rmdir(own->c_str()) == 0) ::rmdir(own->parent_path().c_str());
        delete own;
      });
    if (errno == EEXIST)
      ++i;
    else if (errno != ENOENT)  // somebody else has just removed runs/, which was empty
      return twin::disk_failure("create", folder, errno);
  }
}

Result<void> note_scenario(const Assembly& assembly, const std::filesystem::path& out, Resumable resumable) {
  const Scenario& scenario = assembly.scenario();
  const bool no_file = resumable.scenario.empty();
  if (scenario.input_log || no_file) {
    auto kept = keep_scenario(out, scenario);
    if (!kept) return tl::make_unexpected(std::move(kept.error()));
    resumable.kept = std::move(*kept);
  }
  if (no_file) {
    resumable.scenario = std::filesystem::absolute(out / resumable.kept).lexically_normal();
    if (auto written = twin::write_whole_file(resumable.scenario, scenario.sources.front()->text); !written)
      return written;
  }
  return write_resumable(out, resumable);
}

const std::atomic<bool>& stop_asked() { return g_stop; }

void ask_to_stop() { g_stop = true; }

void stop_on_signals() {
  g_stop = false;
  struct sigaction action {};
  action.sa_handler = [](int) { g_stop = true; };
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

}  // namespace looptwin::testbed
