#include "mml/loop.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "mml/alarms.h"
#include "mml/column_functions.h"
#include "mml/derived.h"
#include "mml/derived_feeds.h"
#include "mml/dispatcher.h"
#include "mml/evaluator.h"
#include "mml/events.h"
#include "mml/notices.h"
#include "mml/operator.h"
#include "mml/processor.h"
#include "mml/rules.h"
#include "mml/sinks.h"

namespace looptwin::mml {

Loop::Loop(Parts parts, int threads)
    : p_(parts),
      workers_(threads),
      dirty_(p_.tables, p_.schema.tables.size()),
      inboxes_(p_.tables.shards().size()) {
  for (const auto& event : p_.events.all()) event_names_.push_back(hash64(event.config.name));
  for (const auto& rule : p_.rules.all()) rule_names_.push_back(hash64(rule.config.name));
  for (const auto& input : p_.people.inputs()) input_names_.push_back(hash64(input.config.name));
  for (const auto& alarm : p_.alarms.all()) alarm_names_.push_back(hash64(alarm.config.event.name));
}

const char* name_of(RunEnd end) {
  switch (end) {
    case RunEnd::reached_end:
      return "reached_end";
    case RunEnd::stopped:
      return "stopped";
    case RunEnd::failed:
      return "failed";
  }
  return "";
}

RunEnd Loop::run(Clock& clock, twin::Transport& transport, const std::atomic<bool>& stop,
                 const std::function<void(Time)>& each) {
  for (;;) {
    const Time boundary = clock.next();
    if (boundary == kNever) return stop ? RunEnd::stopped : RunEnd::reached_end;
    if (!cycle(boundary, transport)) return RunEnd::failed;
    if (each) each(boundary);
    if (stop) return RunEnd::stopped;
  }
}

/// What happened while the loop was away is known by samples at the most, nothing of it by looking: the last
/// look was at the last boundary, which may be well before it went. How much longer than usual it was from
/// there to this one.
Duration Loop::come_back(Time boundary) {
  const auto away = std::ranges::find(noticed_, twin::Notice::Kind::away, &twin::Notice::kind);
  if (away == noticed_.end()) return {};
  const Duration gap = std::min(nanoseconds(std::llround(away->value * 1e9)), boundary - now_ - p_.cycle);
  if (gap.ns <= 0) return {};
  p_.events.pause(now_);
  p_.evaluator.pause(now_, gap);
  for (size_t t = 0; t < p_.schema.tables.size(); ++t) dirty_.mark_all(TableId(t));
  return gap;
}

bool Loop::cycle(Time boundary, twin::Transport& transport) {
  log_.clear();
  leaving_.clear();
  if (everything_) {
    p_.evaluator.unsettle();
    for (size_t t = 0; t < p_.schema.tables.size(); ++t) dirty_.mark_all(TableId(t));
  }

  transport.begin(boundary);
  if (!transport.breakdown().empty()) return false;
  take_in_notices(boundary, transport);
  const Duration unseen = come_back(boundary);
  take_in(boundary, transport);
  take_in_people(boundary, transport);
  if (p_.functions != nullptr && !p_.functions->step(boundary, dirty_)) return false;
  p_.evaluator.evaluate(now_ + unseen, boundary, dirty_, workers_,
                        [&](size_t producer, size_t shard, size_t first, size_t count, Time* due) {
                          const size_t events = p_.events.all().size();
                          const size_t first_outs = events + p_.derived.size();
                          if (producer < events)
                            p_.events.step(producer, boundary, shard, first, count, due);
                          else if (producer < first_outs)
                            step(p_.derived[producer - events], p_.tables, boundary, first, count, due);
                          else
                            p_.events.step_first_out(producer - first_outs, boundary, shard, first, count,
                                                     due);
                        });
  decide(boundary);
  p_.derived_feeds.step(boundary);
  now_ = boundary;
  keep_fingerprint();
  const bool kept = p_.decisions == nullptr || p_.decisions->decided(boundary, log_);
  if (kept) {
    transport.send(boundary, leaving_);
    workers_.run(inboxes_.size(), [&](size_t shard, int) { transport.set_out(shard, boundary); });
  }
  dirty_.clear();
  // previous(event) is another at the next boundary, and so may be what is desired of whom something was
  // decided.
  for (const auto device : changed_) dirty_.mark(device.table, device.row.index());
  for (const Record& record : log_)
    if (record.device.row.valid()) dirty_.mark(record.device.table, record.device.row.index());
  return kept;
}

void Loop::take_in_notices(Time boundary, twin::Transport& transport) {
  noticed_.clear();
  transport.poll_notices(boundary, noticed_);
  p_.notices.take_in(noticed_, dirty_);
  if (p_.inputs != nullptr && !noticed_.empty()) p_.inputs->taken_in(boundary, std::span(noticed_));
}

void Loop::take_in(Time boundary, twin::Transport& transport) {
  workers_.run(inboxes_.size(), [&](size_t shard, int) {
    auto& inbox = inboxes_[shard];
    inbox.clear();
    transport.poll(shard, boundary, inbox);
    p_.processor.take_in(shard, inbox, boundary, dirty_);
  });
  for (size_t shard = 0; shard < inboxes_.size(); ++shard) {
    p_.dispatcher.acknowledge(inboxes_[shard].acknowledgements, boundary, log_);
    if (p_.inputs != nullptr) p_.inputs->taken_in(boundary, shard, inboxes_[shard]);
  }
}

void Loop::take_in_people(Time boundary, twin::Transport& transport) {
  p_.people.step(boundary, dirty_, log_);
  actions_.clear();
  transport.poll_people(boundary, actions_);
  for (const auto& action : actions_) act(action, boundary);
  if (p_.inputs != nullptr && !actions_.empty()) p_.inputs->taken_in(boundary, std::span(actions_));
}

void Loop::act(const twin::OperatorAction& action, Time boundary) {
  switch (action.of) {
    case twin::OperatorSubject::input:
      return p_.people.act(action, boundary, dirty_, log_);
    case twin::OperatorSubject::alarm: {
      const auto why = p_.alarms.operate(
          {operation_of(action.verb), action.subject, static_cast<uint32_t>(action.device.row.index()),
           p_.people.people()[action.by].name, action.comment, action.duration, 0,
           p_.people.may(action.by, p_.alarms.all()[action.subject].config.role)},
          boundary, log_);
      dirty_.mark(action.device.table,
                  action.device.row.index());  // a first-out may have waited for its reset
      return p_.people.count(!why.empty());
    }
  }
}

void Loop::decide(Time boundary) {
  changed_.clear();
  for (const EventChange& change : p_.events.take_changes()) {
    const Event& event = p_.events.all()[change.event];
    const twin::DeviceRef device{event.table, Row(change.row)};
    changed_.push_back(device);
    const uint64_t id = event_id(event.config.name, p_.registry.key(device), change.occurrence);
    const double evidence =
        event.evidence.valid() ? twin::load(p_.tables.column(event.table, event.evidence),
                                            p_.schema.column(event.table, event.evidence).storage, change.row)
                               : 0;
    const size_t first = log_.size();
    const bool first_out = change.kind == RecordKind::first_out;
    if (!event.of_alarm || first_out)
      log_.push_back({boundary, change.kind, static_cast<uint16_t>(change.event),
                      first_out ? static_cast<uint16_t>(event.first_out) : uint16_t{0}, device,
                      change.occurrence, evidence, id, 0});
    p_.alarms.on_change(change, id, boundary, log_);
    const auto [used, members] = count_members(event, change.row, p_.schema, p_.registry, p_.tables);
    for (size_t r = first; r < log_.size(); ++r) log_[r].used = used, log_[r].members = members;
    p_.rules.on_change(change, id, boundary, log_);
  }
  p_.alarms.step(boundary, log_);
  p_.rules.step(boundary, dirty_, log_);
  p_.dispatcher.step(boundary, leaving_, log_);
}

void Loop::keep_fingerprint() {
  for (const Record& record : log_) {
    const std::vector<uint64_t>* names[] = {&event_names_, &rule_names_, &alarm_names_, &input_names_};
    const auto of = static_cast<size_t>(subject_of(record.kind));
    fingerprint_.append(record, (*names[of])[record.subject], p_.registry.key(record.device));
  }
  fingerprint_.close();
}

void Loop::save(ArchiveWriter& archive) const {
  archive.section("loop", 3);
  archive.put(now_);
  fingerprint_.save(archive);
  dirty_.save(archive);
  p_.hot.save(archive);
  p_.rollups.save(archive);
  p_.processor.save(archive);
  p_.notices.save(archive);
  p_.people.save(archive);
  p_.evaluator.save(archive);
  p_.events.save(archive);
  p_.rules.save(archive);
  p_.alarms.save(archive);
  p_.dispatcher.save(archive);
}

void Loop::restore(ArchiveReader& archive) {
  if (archive.section("loop", 3) != 3) return archive.fail("written by another version");
  now_ = archive.get<Time>();
  fingerprint_.restore(archive);
  dirty_.restore(archive);
  p_.hot.restore(archive);
  p_.rollups.restore(archive);
  p_.processor.restore(archive);
  p_.notices.restore(archive);
  p_.people.restore(archive);
  p_.evaluator.restore(archive);
  p_.events.restore(archive);
  p_.rules.restore(archive);
  p_.alarms.restore(archive);
  p_.dispatcher.restore(archive);
}

}  // namespace looptwin::mml
