#include "testbed/replay/recording.h"

#include <fmt/format.h>

#include <algorithm>

#include "testbed/replay/input_names.h"
#include "testbed/scenario.h"
#include "testbed/wiring.h"
#include "twin/input_log/encoding.h"
#include "twin/registry.h"
#include "twin/warm/run_reader.h"

namespace looptwin::testbed {

Result<Recording> open_recording(const std::filesystem::path& folder, const Extensions* extensions) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(folder / twin::kInputLogFile, ignored))
    return failure(fmt::format("cannot replay {}: it holds no {}", folder.string(), twin::kInputLogFile),
                   "run the scenario with input_log: true, or --set input_log=true");
  auto run = twin::RunReader::open(folder);
  if (!run) return tl::make_unexpected(std::move(run.error()));
  auto noted = read_resumable(folder);
  if (!noted) return tl::make_unexpected(std::move(noted.error()));
  auto scenario = load(folder / noted->kept, noted->settings, {}, nullptr, extensions);
  if (!scenario) return tl::make_unexpected(std::move(scenario.error()));
  if (hash_of(*scenario, noted->settings) != noted->hash)
    return failure(fmt::format("cannot replay {}: {} is not what the run began with", folder.string(),
                               hashed(noted->kept, *scenario)),
                   "bring it back as it was");
  return Recording{folder,        std::move(*noted),  std::move(*scenario),
                   run->status(), run->fingerprint(), extensions};
}

Result<Scenario> scenario_to_replay(const Recording& recording, const OtherRules* rules) {
  auto scenario = recording.scenario;
  if (rules != nullptr) {
    auto other =
        load(recording.run / recording.noted.kept, recording.noted.settings, {}, rules, recording.extensions);
    if (!other) return other;
    scenario = std::move(*other);
  }
  // All of these have had their effect on what was taken in.
  scenario.faults.clear();
  scenario.restarts.clear();
  scenario.script.clear();
  scenario.tests.clear();
  scenario.snapshots.reset();
  scenario.input_log = false;
  return scenario;
}

ReplayInputs::ReplayInputs(twin::InputLogReader log, Assembly& assembly, Time until)
    : log_(std::move(log)),
      start_(assembly.scenario().start),
      until_(until),
      last_(log_.start().after),
      shards_(assembly.tables().shards()),
      states_(shards_.size()),
      registry_(assembly.registry()) {
  const auto& alarms = assembly.wired().alarms;
  for (const auto& name : log_.start().alarms) {
    const auto found = std::find_if(alarms.begin(), alarms.end(),
                                    [&](const auto& alarm) { return alarm.config.event.name == name; });
    alarms_.push_back(found == alarms.end() ? -1 : static_cast<int>(found - alarms.begin()));
  }
  for (const auto& alarm : alarms) alarm_tables_.push_back(alarm.table);
}

Result<std::unique_ptr<ReplayInputs>> ReplayInputs::open(const Recording& recording, Assembly& assembly,
                                                         Time until) {
  auto log = twin::InputLogReader::open(recording.run / twin::kInputLogFile);
  if (!log) return tl::make_unexpected(std::move(log.error()));
  const auto own = input_log_start(assembly, log->start().after);
  const auto& theirs = log->start();
  if (own.tables != theirs.tables || own.inputs != theirs.inputs || own.people != theirs.people)
    return failure(fmt::format("cannot replay {}: its input log is of other devices, fields or people",
                               recording.run.string()));
  return std::unique_ptr<ReplayInputs>(new ReplayInputs(std::move(*log), assembly, until));
}

Time ReplayInputs::next() {
  Time boundary;
  size_t count = 0;
  if (!broken_.empty() || !log_.next(boundary, parts_, count) || boundary > until_) return kNever;
  for (auto& state : states_) state.part = nullptr;
  people_ = notices_ = nullptr;
  for (size_t p = 0; p < count; ++p) {
    if (parts_[p].shard == twin::InputPart::kPeople)
      people_ = &parts_[p];
    else if (parts_[p].shard == twin::InputPart::kNotices)
      notices_ = &parts_[p];
    else if (parts_[p].shard < states_.size())
      states_[parts_[p].shard].part = &parts_[p];
  }
  ++counters_.boundaries;
  return last_ = boundary;
}

void ReplayInputs::refuse(Time boundary) {
  broken_ = {
      {Severity::error, {}, fmt::format("the input log at {} makes no sense", to_string(boundary)), {}}};
}

/// Of a device that there is, or of the loop, which has no model, and was away before the boundary.
bool ReplayInputs::fits(const twin::Notice& notice, Time boundary) const {
  const auto [table, row] = notice.about;
  using Kind = twin::Notice::Kind;
  if (notice.kind == Kind::away &&
      !(notice.at >= kStart && notice.value > 0 && notice.value <= (boundary - notice.at).seconds()))
    return false;
  if (table == registry_.site()) return row.index() == 0 && notice.kind != Kind::diverging;
  const bool of_device = notice.kind == Kind::diverging || notice.kind == Kind::violations;
  return of_device && table.index() < registry_.models().size() && row.index() < registry_.devices(table);
}

void ReplayInputs::poll_notices(Time boundary, std::vector<twin::Notice>& notices) {
  if (notices_ == nullptr) return;
  const size_t before = notices.size();
  const bool read = twin::decode(notices_->bytes, notices);
  if (read && std::all_of(notices.begin() + static_cast<long>(before), notices.end(),
                          [&](const auto& notice) { return fits(notice, boundary); }))
    return;
  notices.resize(before);
  refuse(boundary);
}

void ReplayInputs::poll(size_t shard, Time, twin::Inbox& inbox) {
  Shard& state = states_[shard];
  if (state.part == nullptr) return;
  if (!twin::decode(state.part->bytes, shards_[shard], inbox)) {
    state.unreadable = true;
    inbox.clear();
    return;
  }
  for (const auto& frame : inbox.frames) state.messages += frame.size();
  for (const auto& ack : inbox.acknowledgements) ++(sent_.contains(ack.id) ? state.answers : state.foreign);
}

void ReplayInputs::poll_people(Time boundary, std::vector<twin::OperatorAction>& actions) {
  for (const auto& state : states_)
    if (state.unreadable) refuse(boundary);
  if (people_ == nullptr) return;
  std::vector<twin::OperatorAction> recorded;
  if (!twin::decode(people_->bytes, recorded)) return refuse(boundary);
  for (auto& action : recorded) {
    if (action.of == twin::OperatorSubject::alarm) {
      const int alarm = action.subject < alarms_.size() ? alarms_[action.subject] : -1;
      if (alarm < 0 || alarm_tables_[static_cast<size_t>(alarm)] != action.device.table) {
        ++counters_.foreign_actions;
        continue;
      }
      action.subject = static_cast<uint16_t>(alarm);
    }
    ++counters_.actions;
    actions.push_back(std::move(action));
  }
}

void ReplayInputs::send(Time, std::span<const twin::Command> commands) {
  counters_.commands += commands.size();
  for (const auto& command : commands) sent_.insert(command.id);
}

ReplayInputs::Counters ReplayInputs::counters() const {
  Counters all = counters_;
  for (const auto& state : states_) {
    all.messages += state.messages;
    all.acknowledgements += state.answers;
    all.foreign_acknowledgements += state.foreign;
  }
  return all;
}

}  // namespace looptwin::testbed
