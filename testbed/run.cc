#include "testbed/run.h"

#include <unistd.h>

#include <fmt/format.h>
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "testbed/assembly.h"
#include "testbed/driver.h"
#include "testbed/moment.h"
#include "testbed/replay/fork.h"
#include "testbed/replay/fork_point.h"
#include "testbed/requirements/report.h"
#include "testbed/run_folder.h"
#include "testbed/snapshots.h"
#include "testbed/stopwatch.h"
#include "testbed/summary.h"
#include "testbed/virtual_clock.h"
#include "twin/warm/disk.h"

namespace looptwin::testbed {
namespace {

/// One line on a terminal, rewritten a few times a second; nothing where nobody looks.
class Progress {
 public:
  Progress(Assembly& assembly, bool quiet)
      : assembly_(assembly), on_(!quiet && ::isatty(STDERR_FILENO) == 1) {}
  ~Progress() {
    if (drawn_) std::fputs("\r\033[K", stderr);
  }

  void show(Time now) {
    const double wall = watch_.seconds();
    if (!on_ || wall - last_ < 0.25) return;
    const auto& scenario = assembly_.scenario();
    const auto messages = assembly_.processor().counters().messages;
    std::fputs(fmt::format("\r\033[K{}  {:3.0f} %  {:.0f}x  {} messages/s  {} alarms", to_string(now),
                           100 * now.seconds() / scenario.duration.seconds(), now.seconds() / wall,
                           grouped(static_cast<long long>(static_cast<double>(messages) / wall)),
                           assembly_.alarms().counters().raised)
                   .c_str(),
               stderr);
    std::fflush(stderr);
    last_ = wall;
    drawn_ = true;
  }
  double wall() const { return watch_.seconds(); }

 private:
  Assembly& assembly_;
  bool on_;
  bool drawn_ = false;
  Stopwatch watch_;
  double last_ = 0;  ///< s, when it was drawn
};

Exit refuse(const Diagnostics& problems) {
  std::fputs(render(problems).c_str(), stderr);
  size_t errors = 0;
  for (const auto& p : problems) errors += p.severity == Severity::error;
  fmt::print(stderr, "{} error{}\n", errors, errors == 1 ? "" : "s");
  return Exit::bad_input;
}

/// What is run: the scenario with its settings, into which folder, and from which state.
struct Prepared {
  Scenario scenario;
  std::filesystem::path path;  ///< where the scenario was loaded from
  std::vector<Setting> settings;
  AssemblyOptions options;
  std::optional<Snapshot> from;
  std::optional<ForkPoint> fork;
};

Result<Prepared> prepare_new(const RunRequest& request) {
  auto scenario = load(request.scenario, request.settings);
  if (!scenario) return tl::make_unexpected(std::move(scenario.error()));
  Prepared prepared{std::move(*scenario), request.scenario, request.settings, {}, {}, {}};
  if (!request.no_out)
    prepared.options.out = request.out.value_or(default_run_folder(prepared.scenario.name));
  return prepared;
}

/// A run that has not reached its end goes on from its newest snapshot, or anew where it has none.
Result<Prepared> prepare_resumed(const std::filesystem::path& run) {
  auto resumable = read_resumable(run);
  if (!resumable) return tl::make_unexpected(std::move(resumable.error()));
  const auto manifest =
      nlohmann::json::parse(twin::read_whole_file(run / "manifest.json").value_or(""), nullptr, false);
  if (manifest.is_object() && manifest.contains("status") &&
      manifest["status"].value("state", std::string()) == "reached_end")
    return failure(fmt::format("{} has reached its end: there is nothing to resume", run.string()));
  auto scenario = load(resumable->scenario, resumable->settings);
  if (!scenario) return tl::make_unexpected(std::move(scenario.error()));
  if (hash_of(*scenario, resumable->settings) != resumable->hash)
    return failure(fmt::format("cannot resume {}: {} has changed since it began", run.string(),
                               resumable->scenario.string()),
                   "run the scenario anew, or bring back the files as they were");
  auto snapshot = newest_snapshot(run);
  if (!snapshot) return tl::make_unexpected(std::move(snapshot.error()));
  if (*snapshot && (*snapshot)->scenario != resumable->hash)
    return failure(fmt::format("cannot resume {}: its snapshot is of another scenario", run.string()));
  // A fork that has no snapshot of its own yet goes on from what it began with.
  if (!*snapshot && resumable->begins > kStart) {
    auto begin = read_snapshot(run / kBeginState);
    if (!begin) return tl::make_unexpected(std::move(begin.error()));
    *snapshot = std::move(*begin);
  }
  Prepared prepared{std::move(*scenario),           resumable->scenario,
                    std::move(resumable->settings), {},
                    std::move(*snapshot),           {}};
  prepared.options.out = run;
  prepared.options.resume = prepared.from ? prepared.from->recorder : RecorderState{};
  if (prepared.from) prepared.options.begins = prepared.from->boundary;
  return prepared;
}

/// A run that goes on from a moment of another, with further settings.
Result<Prepared> prepare_fork(const RunRequest& request) {
  const auto sign = request.from.rfind('@');
  if (sign == std::string::npos || sign == 0)
    return failure(fmt::format("--from {}: it names no moment of a run", request.from),
                   "write --from RUN@T, as in --from 'runs/homes@90 min'");
  const auto at = moment_of("--from", request.from.substr(sign + 1));
  if (!at) return tl::make_unexpected(at.error());
  auto point = reach(request.from.substr(0, sign), *at, request.threads);
  if (!point) return tl::make_unexpected(std::move(point.error()));
  auto settings = point->trunk.settings;
  settings.insert(settings.end(), request.settings.begin(), request.settings.end());
  auto scenario = load(point->scenario, settings);
  if (!scenario) return tl::make_unexpected(std::move(scenario.error()));
  if (auto checked = check_change(*point, *scenario, request.settings); !checked)
    return tl::make_unexpected(std::move(checked.error()));
  Prepared prepared{std::move(*scenario), point->scenario, std::move(settings), {}, {}, std::move(*point)};
  prepared.options.begins = prepared.fork->state.boundary;
  prepared.options.as_recorded = true;
  if (!request.no_out)
    prepared.options.out = request.out.value_or(default_run_folder(prepared.scenario.name));
  return prepared;
}

/// Puts the trunk's state into the fork, and beside it what a replay or a further fork begins with.
Result<void> begin_fork(const Prepared& prepared, Assembly& assembly, uint64_t hash) {
  if (prepared.fork->state.boundary == kStart) return {};  // a run of the changed scenario, from its start
  if (auto restored = restore_changed(*prepared.fork, assembly); !restored) return restored;
  if (!prepared.options.out) return {};
  ArchiveWriter world, loop;
  assembly.save_world(world);
  assembly.save_loop(loop);
  Snapshot begin{
      .boundary = prepared.fork->state.boundary, .scenario = hash, .recorder = {}, .world = {}, .loop = {}};
  begin.recorder.feeds.resize(assembly.scenario().feeds.size());
  begin.world = world.take();
  begin.loop = loop.take();
  return write_snapshot(*prepared.options.out / kBeginState, begin);
}

Result<void> restore(Assembly& assembly, const Snapshot& from) {
  ArchiveReader world(from.world), loop(from.loop);
  assembly.restore_world(world);
  assembly.restore_loop(loop);
  if (world.ok() && loop.ok()) return {};
  return failure(fmt::format("cannot resume: {}", world.ok() ? loop.error() : world.error()),
                 "this version of looptwin keeps other state: run the scenario anew");
}

/// Whether all requirements held, or may yet; what each came to stands in the run folder.
Result<bool> judge(const Assembly& assembly, const std::optional<std::filesystem::path>& out) {
  const auto& all = assembly.requirements().all();
  if (all.empty()) return true;
  const auto results = assembly.requirements().results();
  if (out)
    if (auto written = twin::write_whole_file(*out / "requirements.json", requirements_json(all, results));
        !written)
      return tl::make_unexpected(std::move(written.error()));
  return std::none_of(results.begin(), results.end(),
                      [](const auto& result) { return result.verdict == Verdict::violated; });
}

}  // namespace

Exit run(const RunRequest& request) {
  auto prepared = request.resume          ? prepare_resumed(*request.resume)
                  : !request.from.empty() ? prepare_fork(request)
                                          : prepare_new(request);
  if (!prepared) return refuse(prepared.error());
  prepared->options.threads = request.threads;
  const auto& out = prepared->options.out;
  const auto hash = hash_of(prepared->scenario, prepared->settings);
  auto built = Assembly::build(std::move(prepared->scenario), prepared->options);
  if (!built) return refuse(built.error());
  Assembly& assembly = **built;
  std::fputs(render(assembly.warnings()).c_str(), stderr);
  if (out && !request.resume)
    if (auto noted = note_scenario(assembly, *out,
                                   {prepared->path, prepared->settings, hash, prepared->options.begins, {}});
        !noted)
      return refuse(noted.error());
  auto driver = Driver::make(assembly, out, prepared->settings);
  if (!driver) return refuse(driver.error());

  const auto& stop = stop_on_signals();
  VirtualClock clock(assembly.scenario().start, assembly.scenario().cycle,
                     kStart + assembly.scenario().duration, stop, request.speed);
  if (prepared->from) {
    if (auto restored = restore(assembly, *prepared->from); !restored) return refuse(restored.error());
    clock.go_on_after(prepared->from->boundary);
    driver->skip_to(prepared->from->boundary);
  }
  if (prepared->fork) {
    if (auto begun = begin_fork(*prepared, assembly, hash); !begun) {
      built->reset();
      std::error_code ignored;
      if (out) std::filesystem::remove_all(*out, ignored);
      return refuse(begun.error());
    }
    clock.go_on_after(prepared->options.begins);
    driver->skip_to(prepared->options.begins);
    prepared->fork.reset();
  }
  mml::RunEnd end;
  double wall = 0;
  {
    Progress progress(assembly, request.quiet);
    end = driver->run(clock, stop, [&](Time now) { progress.show(now); });
    wall = progress.wall();
  }
  Diagnostics problems = driver->error();
  const auto& broken = assembly.loop_transport().breakdown();
  if (end == mml::RunEnd::failed) problems.insert(problems.end(), broken.begin(), broken.end());
  if (end == mml::RunEnd::failed && problems.empty() && assembly.recorder() != nullptr)
    problems = assembly.recorder()->error();
  if (auto finished = assembly.finish(status_json(assembly, end, wall)); !finished && problems.empty())
    problems = finished.error();
  const auto held = judge(assembly, out);
  if (!held) problems.insert(problems.end(), held.error().begin(), held.error().end());
  if (!request.quiet) {
    print_summary(assembly, *driver, end, wall);
    if (out) print_row("run folder", out->string());
  }
  if (!problems.empty()) return refuse(problems);
  return *held ? Exit::held : Exit::failed;
}

}  // namespace looptwin::testbed
