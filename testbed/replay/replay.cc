#include "testbed/replay/replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "mml/loop.h"
#include "testbed/absent_fleet.h"
#include "testbed/assembly.h"
#include "testbed/replay/fork_point.h"
#include "testbed/scenario.h"
#include "testbed/summary.h"
#include "testbed/wiring.h"
#include "twin/registry.h"

namespace looptwin::testbed {
namespace {

constexpr size_t kShownFirst = 3;

/// A fork's loop begins with what the trunk's knew.
Result<void> begin_as_fork(const Recording& recording, const ReplayOptions& options, Assembly& assembly) {
  if (options.rules != nullptr)
    return failure(
        fmt::format("cannot replay {} with other rules: it is a fork, and begins with what its own "
                    "rules had come to",
                    recording.run.string()),
        "replay the run that it was forked from");
  auto begin = read_snapshot(recording.run / kBeginState);
  if (!begin) return tl::make_unexpected(std::move(begin.error()));
  ArchiveReader loop(begin->loop);
  assembly.restore_loop(loop);
  if (loop.ok()) return {};
  return failure(fmt::format("cannot replay {}: {}", recording.run.string(), loop.error()));
}

}  // namespace

Result<Replayed> replay(const Recording& recording, const ReplayOptions& options, TextPool& pool) {
  auto scenario = scenario_to_replay(recording, options.rules);
  if (!scenario) return tl::make_unexpected(std::move(scenario.error()));
  scenario->requirements.clear();  // there is no truth
  DecisionRowSink sink(pool);
  AssemblyOptions parts{.threads = options.threads, .out = options.out};
  parts.as_recorded = recording.noted.begins > kStart;  // its state has what a run folder needs
  parts.decisions = &sink;
  parts.fleet = [](const twin::Registry&, twin::Tables&) { return std::make_unique<AbsentFleet>(); };
  auto assembly = Assembly::build(std::move(*scenario), parts);
  if (!assembly) return tl::make_unexpected(std::move(assembly.error()));
  Assembly& a = **assembly;
  sink.describe(std::make_unique<DecisionText>(a.scenario(), a.schema(), a.registry(), a.wired()),
                a.registry());

  auto inputs = ReplayInputs::open(recording, a, options.until);
  if (!inputs) return tl::make_unexpected(std::move(inputs.error()));
  ReplayInputs& log = **inputs;
  if (log.after() > kStart)
    if (auto begun = begin_as_fork(recording, options, a); !begun)
      return tl::make_unexpected(std::move(begun.error()));
  const std::atomic<bool> never{false};
  const auto end = a.loop().run(log, log, never);
  if (!log.breakdown().empty()) return tl::make_unexpected(log.breakdown());
  if (auto finished = a.finish(status_json(a, a.loop().now(), end, 0)); !finished)
    return tl::make_unexpected(std::move(finished.error()));
  return Replayed{std::move(*assembly), sink.take(), log.counters(), log.after(),
                  log.last(),           log.ended(), log.damage()};
}

namespace {

/// The firings of one kind by their names' numbers, in file order.
class Count {
 public:
  Count(const Replayed& replayed, const TextPool& pool) : replayed_(replayed), pool_(pool) {
    for (uint8_t kind = 0; kind < mml::kRecordKinds; ++kind)
      kinds_.emplace(mml::name_of(static_cast<mml::RecordKind>(kind)), static_cast<mml::RecordKind>(kind));
    const auto& wired = replayed.assembly->wired();
    for (const auto& event : wired.events)
      if (!event.of_alarm) add(Firing::Of::event, event.config.name);
    for (const auto& alarm : wired.alarms) add(Firing::Of::alarm, alarm.config.event.name);
    for (const auto& rule : wired.rules) add(Firing::Of::rule, rule.config.name);
  }

  std::vector<Firing> all() {
    for (const auto& row : replayed_.rows) count(row);
    return std::move(firings_);
  }

 private:
  void add(Firing::Of of, const std::string& name) {
    index_.emplace(std::pair(of, name), firings_.size());
    firings_.push_back({.of = of, .name = name});
  }
  Firing* find(Firing::Of of, const DecisionRow& row) {
    const auto found = index_.find({of, pool_.text(row.subject)});
    return found == index_.end() ? nullptr : &firings_[found->second];
  }
  void once(Firing* firing, const DecisionRow& row) {
    if (firing == nullptr) return;
    ++firing->times;
    if (firing->first.size() < kShownFirst) firing->first.emplace_back(row.at, pool_.text(row.device));
  }

  void count(const DecisionRow& row) {
    using enum mml::RecordKind;
    const auto kind = kinds_.at(pool_.text(row.kind));
    if (kind == event_raised || kind == alarm_raised) by_id_.emplace(row.id, &row);
    if (kind == alarm_raised) by_id_.emplace(row.cause, &row);  // its own event has no record
    if (kind == event_raised) return once(find(Firing::Of::event, row), row);
    if (kind == alarm_raised) return once(find(Firing::Of::alarm, row), row);
    if (kind != claimed && kind != command_issued && kind != published && kind != step_begun) return;
    Firing* rule = find(Firing::Of::rule, row);
    if (rule == nullptr) return;
    rule->claims += kind == claimed;
    rule->commands += kind == command_issued;
    rule->publications += kind == published;
    // Once for each occurrence of what it acts on, shown on the device on which that occurred.
    if (!acted_on_.emplace(row.subject, row.cause).second) return;
    DecisionRow shown = row;
    if (const auto cause = by_id_.find(row.cause); cause != by_id_.end())
      shown.device = cause->second->device;
    once(rule, shown);
  }

  const Replayed& replayed_;
  const TextPool& pool_;
  std::map<std::string, mml::RecordKind, std::less<>> kinds_;
  std::map<std::pair<Firing::Of, std::string>, size_t> index_;
  std::vector<Firing> firings_;
  std::map<uint64_t, const DecisionRow*> by_id_;  ///< occurrences of events and alarms
  std::set<std::pair<uint32_t, uint64_t>> acted_on_;
};

}  // namespace

std::vector<Firing> firings_of(const Replayed& replayed, const TextPool& pool) {
  return Count(replayed, pool).all();
}

}  // namespace looptwin::testbed
