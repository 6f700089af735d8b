#include "testbed/replay/fork.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/check.h"
#include "base/stop.h"
#include "base/text.h"
#include "mml/loop.h"
#include "testbed/assembly.h"
#include "testbed/by_hand.h"
#include "testbed/driver.h"
#include "testbed/replay/fork_point.h"
#include "testbed/scenario.h"
#include "testbed/sim_transport.h"
#include "testbed/snapshots.h"
#include "testbed/virtual_clock.h"
#include "testbed/wiring.h"

namespace looptwin::testbed {
namespace {

constexpr const char* kMayChange =
    "a fork may change rules, events, alarms, derived, machines, models.MODEL.parameters, faults and script "
    "after it, duration, snapshots, keep_snapshots, retention and input_log";

bool may_change(const std::string& path) {
  static constexpr std::array<std::string_view, 13> kSections = {
      "rules",     "events",         "alarms",    "derived",   "machines", "faults", "script",
      "snapshots", "keep_snapshots", "retention", "input_log", "duration", "tests"};
  const std::string section = path.substr(0, path.find('.'));
  if (section != "models") return std::find(kSections.begin(), kSections.end(), section) != kSections.end();
  const auto model = path.find('.');
  const auto part = model == std::string::npos ? model : path.find('.', model + 1);
  return part != std::string::npos && path.compare(part, 12, ".parameters.") == 0;
}

tl::unexpected<Diagnostics> refused(const std::string& why) {
  return failure("cannot fork: " + why, kMayChange);
}

bool same_fault(const sim::FaultConfig& a, const sim::FaultConfig& b) {
  return a.kind == b.kind && a.device == b.device && a.sensor == b.sensor && a.after == b.after &&
         a.every == b.every && a.lasts == b.lasts && a.value == b.value && a.keeps == b.keeps &&
         a.values == b.values;
}

/// Faults that are others must come later, all of them; those before must stay in their places.
Result<void> check_faults(const Scenario& trunk, const Scenario& changed, Time at) {
  for (size_t f = 0; f < std::max(trunk.faults.size(), changed.faults.size()); ++f) {
    const auto* a = f < trunk.faults.size() ? &trunk.faults[f] : nullptr;
    const auto* b = f < changed.faults.size() ? &changed.faults[f] : nullptr;
    if (a != nullptr && b != nullptr && same_fault(*a, *b)) continue;
    for (const auto* fault : {a, b})
      if (fault != nullptr && !(fault->after && *fault->after > at))
        return refused(fmt::format("fault {} is another, and does not come after {}", f, to_string(at)));
    if (a != nullptr && b != nullptr &&
        (a->kind != b->kind || a->device != b->device || a->sensor != b->sensor))
      return refused(fmt::format("fault {} is of another kind, device or sensor: append it as a new one", f));
  }
  return {};
}

Result<void> check_script(const Scenario& trunk, const Scenario& changed, Time at) {
  const auto before = [&](const Scenario& s) {
    return std::count_if(s.script.begin(), s.script.end(), [&](const auto& e) { return e.action.at <= at; });
  };
  if (before(trunk) == before(changed)) return {};
  return refused(fmt::format("the script has other actions before {}", to_string(at)));
}

/// The names that a state's indices count.
template <typename T, typename Name>
Result<void> check_names(const char* what, const std::vector<T>& a, const std::vector<T>& b, Name&& name) {
  const bool same = std::equal(a.begin(), a.end(), b.begin(), b.end(),
                               [&](const T& x, const T& y) { return name(x) == name(y); });
  if (same) return {};
  return refused(fmt::format("there are other {}, or in another order", what));
}

Result<void> check_layout(const Assembly& trunk, const Assembly& changed) {
  const auto& a = trunk.wired();
  const auto& b = changed.wired();
  const auto of_event = [](const auto& event) { return event.config.name; };
  const auto of_alarm = [](const auto& alarm) { return alarm.config.event.name; };
  if (auto r = check_names("events", a.events, b.events, of_event); !r) return r;
  if (auto r = check_names("rules", a.rules, b.rules, of_event); !r) return r;
  if (auto r = check_names("alarms", a.alarms, b.alarms, of_alarm); !r) return r;
  if (auto r = check_names("derived values", a.derived, b.derived, of_event); !r) return r;
  for (size_t r = 0; r < a.rules.size(); ++r)
    if (a.rules[r].config.steps.size() != b.rules[r].config.steps.size())
      return refused(fmt::format("'{}' has another number of steps", a.rules[r].config.name));
  const auto window = [](const twin::WindowSpec& w) {
    return std::tuple(w.table, w.field, w.op, w.span, w.out);
  };
  if (auto r = check_names("windows over hot history", a.windows, b.windows, window); !r) return r;
  const auto& tables = trunk.schema().tables;
  for (size_t t = 0; t < tables.size(); ++t) {
    const auto column = [](const auto& c) { return std::pair(c.name, c.storage); };
    if (auto r = check_names("columns", tables[t].columns, changed.schema().tables[t].columns, column); !r)
      return r;
  }
  return {};
}

std::span<std::byte> bytes_of(Assembly& assembly, TableId table, ColumnId column) {
  const size_t width = lang::size_of(assembly.schema().column(table, column).storage);
  auto* data = static_cast<std::byte*>(assembly.tables().column(table, column));
  return {data, assembly.tables().rows(table) * width};
}

/// The newest snapshot at or before a time; nothing where there is none.
Result<std::optional<Snapshot>> snapshot_before(const std::filesystem::path& run, Time at) {
  std::optional<std::filesystem::path> best;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(run / "snapshots", error)) {
    if (entry.path().extension() != ".state") continue;
    if (std::strtoll(entry.path().stem().c_str(), nullptr, 10) > at.ns) continue;
    if (!best || entry.path() > *best) best = entry.path();
  }
  if (!best && std::filesystem::exists(run / kBeginState, error)) best = run / kBeginState;
  if (!best) return std::optional<Snapshot>();
  auto snapshot = read_snapshot(*best);
  if (!snapshot) return tl::make_unexpected(std::move(snapshot.error()));
  return std::optional(std::move(*snapshot));
}

}  // namespace

Result<void> copy_state(Assembly& from, Assembly& to, const StopAsked& stop) {
  // What is long goes from column to column.
  for (const bool world : {true, false}) {
    ArchiveWriter writer(true);
    world ? from.save_world(writer) : from.save_loop(writer);
    if (wants_stop(stop)) return stopped_early();
    ArchiveReader reader(writer, to.loop().workers());
    world ? to.restore_world(reader) : to.restore_loop(reader);
    LT_CHECK(reader.ok() && reader.at_end(), reader.error());
    if (wants_stop(stop)) return stopped_early();
  }
  return {};
}

Result<std::unique_ptr<Assembly>> fork(Assembly& live, int threads) {
  auto twin =
      Assembly::build(live.scenario(), {.threads = threads, .as_recorded = live.recorder() != nullptr});
  if (!twin) return twin;
  if (auto copied = copy_state(live, **twin); !copied) return tl::make_unexpected(std::move(copied.error()));
  return twin;
}

Result<ForkPoint> reach(const std::filesystem::path& run, Time at, int threads,
                        const Extensions* extensions) {
  auto noted = read_simulated(run);
  if (!noted) return tl::make_unexpected(std::move(noted.error()));
  if (at < noted->begins)
    return failure(fmt::format("cannot fork {} at {}: it is a fork itself, which begins at {}", run.string(),
                               to_string(at), to_string(noted->begins)),
                   "fork the run that it was forked from");
  ForkPoint point{.trunk = std::move(*noted), .run = run, .scenario = {}, .state = {}, .assembly = {}};
  point.scenario = point.trunk.kept.empty() ? point.trunk.scenario : run / point.trunk.kept;
  auto scenario = load(point.scenario, point.trunk.settings, {}, nullptr, extensions);
  if (!scenario) return tl::make_unexpected(std::move(scenario.error()));
  if (hash_of(*scenario, point.trunk.settings) != point.trunk.hash)
    return failure(fmt::format("cannot fork {}: {} has changed since it began", run.string(),
                               hashed(point.scenario, *scenario)),
                   point.trunk.kept.empty()
                       ? "bring back the files as they were; a run with input_log: true keeps its own copy"
                       : "bring back what it refers to as it was");
  if (at > kStart + scenario->duration)
    return failure(fmt::format("cannot fork {} at {}: it ends at {}", run.string(), to_string(at),
                               to_string(kStart + scenario->duration)));
  for (const Away& away : restarts_of(*scenario, Restarted::mml))
    if (floor_to(at, scenario->cycle) >= away.from && floor_to(at, scenario->cycle) < away.to)
      return failure(fmt::format("cannot fork {} at {}: its MML is away from {} to {}", run.string(),
                                 to_string(at), to_string(away.from), to_string(away.to)),
                     "fork it before or after that");
  auto snapshot = snapshot_before(run, at);
  if (!snapshot) return tl::make_unexpected(std::move(snapshot.error()));
  if (auto added = add_faults_by_hand(run, *scenario); !added)
    return tl::make_unexpected(std::move(added.error()));
  scenario->snapshots.reset();
  scenario->input_log = false;

  auto assembly = Assembly::build(std::move(*scenario), {.threads = threads, .as_recorded = true});
  if (!assembly) return tl::make_unexpected(std::move(assembly.error()));
  point.assembly = std::move(*assembly);
  Assembly& trunk = *point.assembly;
  auto driver = Driver::make(trunk, {}, point.trunk.settings);
  if (!driver) return tl::make_unexpected(std::move(driver.error()));
  const std::atomic<bool> never{false};
  VirtualClock clock(trunk.scenario().start, trunk.scenario().cycle, at, never);
  trunk.keep_cycle(clock);
  if (*snapshot) {
    ArchiveReader world((*snapshot)->world), loop((*snapshot)->loop);
    trunk.restore_world(world);
    trunk.restore_loop(loop);
    if (!world.ok() || !loop.ok()) return refused(world.ok() ? loop.error() : world.error());
    clock.go_on_after((*snapshot)->boundary);
    driver->skip_to((*snapshot)->boundary);
  }
  const Time after = *snapshot ? (*snapshot)->boundary : kLongAgo;
  if (auto added = add_acts_by_hand(run, trunk, after); !added)
    return tl::make_unexpected(std::move(added.error()));
  if (driver->run(clock, never) == mml::RunEnd::failed) {
    auto problems = driver->error();
    const auto& broken = trunk.transport().breakdown();
    problems.insert(problems.end(), broken.begin(), broken.end());
    return tl::make_unexpected(std::move(problems));
  }
  ArchiveWriter world, loop;
  trunk.save_world(world);
  trunk.save_loop(loop);
  point.state.boundary = trunk.loop().now();
  point.state.world = world.take();
  point.state.loop = loop.take();
  return point;
}

Result<void> check_change(const ForkPoint& point, const Scenario& changed,
                          const std::vector<Setting>& settings) {
  for (const auto& setting : settings)
    if (!may_change(setting.path))
      return refused(fmt::format("'{}' is part of what the state at {} is of", setting.path,
                                 to_string(point.state.boundary)));
  const auto& trunk = point.assembly->scenario();
  if (auto checked = check_faults(trunk, changed, point.state.boundary); !checked) return checked;
  return check_script(trunk, changed, point.state.boundary);
}

Result<void> restore_changed(const ForkPoint& point, Assembly& changed) {
  Assembly& trunk = *point.assembly;
  if (auto checked = check_layout(trunk, changed); !checked) return checked;
  // Parameters are no state: they are what the changed scenario says.
  std::vector<std::pair<std::span<std::byte>, std::vector<std::byte>>> parameters;
  for (const auto& model : changed.registry().models())
    for (const ColumnId column : model.parameters) {
      const auto bytes = bytes_of(changed, model.table, column);
      parameters.emplace_back(bytes, std::vector<std::byte>(bytes.begin(), bytes.end()));
    }
  ArchiveReader world(point.state.world), loop(point.state.loop);
  changed.restore_world(world);
  changed.restore_loop(loop);
  if (!world.ok() || !loop.ok()) return refused(world.ok() ? loop.error() : world.error());
  for (const auto& [column, bytes] : parameters) std::copy(bytes.begin(), bytes.end(), column.begin());
  changed.transport().skip_script_to(point.state.boundary);
  return {};
}

}  // namespace looptwin::testbed
