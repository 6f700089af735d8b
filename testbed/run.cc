#include "testbed/run.h"

#include <fmt/format.h>
#include <algorithm>
#include <cstdio>

#include "base/json_tree.h"
#include "base/text.h"
#include "mml/alarms.h"
#include "mml/processor.h"
#include "testbed/by_hand.h"
#include "testbed/moment.h"
#include "testbed/notes.h"
#include "testbed/replay/fork.h"
#include "testbed/replay/fork_point.h"
#include "testbed/run_folder.h"
#include "testbed/scenario.h"
#include "testbed/simulation.h"
#include "testbed/snapshots.h"
#include "testbed/stopwatch.h"
#include "testbed/summary.h"
#include "testbed/terminal_line.h"
#include "testbed/trial.h"
#include "twin/warm/disk.h"

namespace looptwin::testbed {
namespace {

void show_progress(TerminalLine& line, Assembly& assembly, Time now) {
  if (!line.due()) return;
  const double wall = line.seconds();
  const auto messages = assembly.processor().counters().messages;
  line.draw(fmt::format("{}  {:3.0f} %  {:.0f}x  {} messages/s  {} alarms", to_string(now),
                        100 * now.seconds() / assembly.scenario().duration.seconds(), now.seconds() / wall,
                        grouped(static_cast<long long>(static_cast<double>(messages) / wall)),
                        assembly.alarms().counters().raised));
}

/// What is run: the scenario with its settings, into which folder, and from which state.
struct Prepared {
  Scenario scenario;
  std::filesystem::path path;  ///< where the scenario was loaded from
  std::vector<Setting> settings;
  AssemblyOptions options;
  std::optional<Snapshot> from;
  std::optional<ForkPoint> fork;
  OwnRunFolder own{};  ///< where no folder was named
};

/// The folder that was asked for, or one of the run's own.
Result<void> choose_folder(const RunRequest& request, Prepared& prepared) {
  if (request.no_out) return {};
  prepared.options.out = request.out;
  if (request.out) return {};
  auto own = own_run_folder(prepared.scenario.name);
  if (!own) return tl::make_unexpected(std::move(own.error()));
  prepared.own = std::move(*own);
  prepared.options.out = *prepared.own;
  return {};
}

Result<Prepared> prepare_new(const RunRequest& request) {
  auto scenario = load(request.scenario, request.settings, {}, nullptr, request.extensions);
  if (!scenario) return tl::make_unexpected(std::move(scenario.error()));
  Prepared prepared{std::move(*scenario), request.scenario, request.settings, {}, {}, {}};
  if (auto chosen = choose_folder(request, prepared); !chosen)
    return tl::make_unexpected(std::move(chosen.error()));
  return prepared;
}

/// A run that has not reached its end goes on from its newest snapshot, or anew where it has none.
Result<Prepared> prepare_resumed(const std::filesystem::path& run, const Extensions* extensions) {
  auto resumable = read_simulated(run);
  if (!resumable) return tl::make_unexpected(std::move(resumable.error()));
  const auto manifest = load_json<Json>(twin::read_whole_file(run / "manifest.json").value_or(""));
  if (manifest.is_object() && manifest.contains("status") &&
      manifest["status"].value("state", std::string()) == "reached_end")
    return failure(fmt::format("{} has reached its end: there is nothing to resume", run.string()));
  auto scenario = load(resumable->scenario, resumable->settings, {}, nullptr, extensions);
  if (!scenario) return tl::make_unexpected(std::move(scenario.error()));
  if (hash_of(*scenario, resumable->settings) != resumable->hash)
    return failure(fmt::format("cannot resume {}: {} has changed since it began", run.string(),
                               hashed(resumable->scenario, *scenario)),
                   "run the scenario anew, or bring back the files as they were");
  if (auto added = add_faults_by_hand(run, *scenario); !added)
    return tl::make_unexpected(std::move(added.error()));
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
  auto point = reach(request.from.substr(0, sign), *at, request.threads, request.extensions);
  if (!point) return tl::make_unexpected(std::move(point.error()));
  auto settings = point->trunk.settings;
  settings.insert(settings.end(), request.settings.begin(), request.settings.end());
  auto scenario = load(point->scenario, settings, {}, nullptr, request.extensions);
  if (!scenario) return tl::make_unexpected(std::move(scenario.error()));
  if (auto added = add_faults_by_hand(point->run, *scenario); !added)
    return tl::make_unexpected(std::move(added.error()));
  if (auto checked = check_change(*point, *scenario, request.settings); !checked)
    return tl::make_unexpected(std::move(checked.error()));
  Prepared prepared{std::move(*scenario), point->scenario, std::move(settings), {}, {}, std::move(*point)};
  prepared.options.begins = prepared.fork->state.boundary;
  prepared.options.as_recorded = true;
  if (auto chosen = choose_folder(request, prepared); !chosen)
    return tl::make_unexpected(std::move(chosen.error()));
  return prepared;
}

/// Puts the trunk's state into the fork, and beside it what a replay or a further fork begins with.
Result<void> begin_fork(const Prepared& prepared, Assembly& assembly, uint64_t hash) {
  const auto& trunk = prepared.fork->run;
  const auto& out = prepared.options.out;
  if (auto added = add_acts_by_hand(trunk, assembly, prepared.fork->state.boundary); !added) return added;
  std::error_code ignored;
  if (out && std::filesystem::exists(trunk / kByHandFile, ignored))
    std::filesystem::copy_file(trunk / kByHandFile, *out / kByHandFile, ignored);
  if (prepared.fork->state.boundary == kStart) return {};  // a run of the changed scenario, from its start
  if (auto restored = restore_changed(*prepared.fork, assembly); !restored) return restored;
  if (!out) return {};
  ArchiveWriter world, loop;
  assembly.save_world(world);
  assembly.save_loop(loop);
  Snapshot begin{
      .boundary = prepared.fork->state.boundary, .scenario = hash, .recorder = {}, .world = {}, .loop = {}};
  begin.recorder.feeds.resize(assembly.scenario().feeds.size());
  begin.world = world.take();
  begin.loop = loop.take();
  return write_snapshot(*out / kBeginState, begin);
}

Result<void> restore(Assembly& assembly, const Snapshot& from) {
  ArchiveReader world(from.world), loop(from.loop);
  assembly.restore_world(world);
  assembly.restore_loop(loop);
  if (world.ok() && loop.ok()) return {};
  return failure(fmt::format("cannot resume: {}", world.ok() ? loop.error() : world.error()),
                 "this version of looptwin keeps other state: run the scenario anew");
}

/// All that is wrong with the scenario, where that is why it cannot be run.
Diagnostics all_of(const RunRequest& request, const Diagnostics& problems) {
  const bool of_files =
      std::all_of(problems.begin(), problems.end(), [](const auto& p) { return p.span.source != nullptr; });
  if (request.resume || !request.from.empty() || !of_files) return problems;
  const CheckRequest check{request.scenario, request.settings, false, request.extensions};
  Trial trial = try_out(check);
  return trial.assembly ? problems : all_problems(std::move(trial), check);
}

}  // namespace

Exit refuse(const Diagnostics& problems) {
  std::fputs(render(problems).c_str(), stderr);
  return Exit::bad_input;
}

Exit run(const RunRequest& request) {
  auto prepared = request.resume          ? prepare_resumed(*request.resume, request.extensions)
                  : !request.from.empty() ? prepare_fork(request)
                                          : prepare_new(request);
  if (!prepared) return refuse_counted(all_of(request, prepared.error()));
  prepared->options.threads = request.threads;
  Diagnostics warnings;
  note_late(prepared->scenario, prepared->settings, warnings);
  const auto& out = prepared->options.out;
  auto made = Simulation::make(
      {std::move(prepared->scenario), std::move(prepared->path), std::move(prepared->settings)},
      prepared->options, stop_asked(), request.speed);
  if (!made) return refuse_counted(all_of(request, made.error()));
  stop_on_signals();
  Simulation& simulation = **made;
  Assembly& assembly = simulation.assembly();
  warnings.insert(warnings.begin(), assembly.warnings().begin(), assembly.warnings().end());
  std::fputs(render(warnings).c_str(), stderr);
  if (prepared->from) {
    if (auto restored = restore(assembly, *prepared->from); !restored)
      return refuse_counted(restored.error());
    simulation.go_on_after(prepared->from->boundary);
  }
  if (request.resume) {
    const Time after = prepared->from ? prepared->from->boundary : kLongAgo;
    if (auto added = add_acts_by_hand(*request.resume, assembly, after); !added)
      return refuse_counted(added.error());
  }
  if (prepared->fork) {
    if (auto begun = begin_fork(*prepared, assembly, simulation.hash()); !begun) {
      made->reset();
      std::error_code ignored;
      if (out) std::filesystem::remove_all(*out, ignored);
      return refuse_counted(begun.error());
    }
    simulation.go_on_after(prepared->options.begins);
    prepared->fork.reset();
  }
  Ending ending;
  double wall = 0;
  {
    TerminalLine line(!request.quiet);
    const auto end =
        simulation.advance(simulation.end(), [&](Time now) { show_progress(line, assembly, now); });
    wall = line.seconds();
    ending = simulation.finish(end, wall);
  }
  if (!request.quiet) {
    print_summary(assembly, simulation.driver(), ending.end, wall);
    if (out) print_row("run folder", out->string());
  }
  if (!ending.problems.empty()) return refuse_counted(ending.problems);
  return ending.held ? Exit::held : Exit::failed;
}

}  // namespace looptwin::testbed
