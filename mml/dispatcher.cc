#include "mml/dispatcher.h"

#include <algorithm>

#include "base/check.h"
#include "mml/status.h"
#include "twin/ahead.h"

namespace looptwin::mml {
namespace {

/// The quantity that a command is about, by one number: commands apart from setpoints.
uint16_t quantity_of(const twin::Command& c) {
  return static_cast<uint16_t>(c.index | (c.kind == twin::Command::Kind::command ? kImperative : 0));
}

}  // namespace

Dispatcher::Dispatcher(const twin::Registry& registry, twin::Tables& tables,
                       std::vector<std::string> rule_names, std::vector<Verification> verifications)
    : registry_(registry),
      tables_(tables),
      rule_names_(std::move(rule_names)),
      verifications_(std::move(verifications)) {
  for (const auto& model : registry_.models()) {
    auto& quantities = last_.emplace_back();
    quantities.resize(model.config.setpoints.size() + model.config.commands.size());
  }
}

void Dispatcher::expect(TableId table, uint16_t setpoint) { lasts(table, setpoint); }

LargeVector<Dispatcher::Last>& Dispatcher::lasts(TableId table, size_t quantity) {
  auto& rows = last_[table.index()][quantity];
  if (rows.empty()) rows.resize(tables_.rows(table));
  return rows;
}

Dispatcher::Last& Dispatcher::last_of(const twin::Command& command) {
  const TableId table = command.device.table;
  const bool setpoint = command.kind == twin::Command::Kind::setpoint;
  const size_t first = setpoint ? 0 : registry_.model(table).config.setpoints.size();
  return lasts(table, first + command.index)[command.device.row.index()];
}

void Dispatcher::record(RecordKind kind, const Active& active, Time now, std::vector<Record>& log) const {
  const auto& r = active.request;
  log.push_back({now, kind, r.rule, quantity_of(r.command), r.command.device, r.occurrence, r.command.value,
                 r.command.id, r.cause});
}

void Dispatcher::schedule(uint32_t slot, Time at) {
  slots_[slot].wake = at;
  timers_.push({at, slot, slots_[slot].request.command.id});
}

void Dispatcher::schedule_repeat(uint32_t slot, Time now) {
  schedule(slot, std::min(now + kRepeatAfter, slots_[slot].request.command.expires));
}

void Dispatcher::forget_newest(uint32_t slot) {
  const auto& command = slots_[slot].request.command;
  if (command.kind != twin::Command::Kind::setpoint) return;
  Last& last = last_of(command);
  if (last.slot == slot) last.slot = kNoSlot;
}

/// Ended; but it was sent, and its device may answer.
void Dispatcher::close(uint32_t slot, State state, Time now) {
  forget_newest(slot);
  slots_[slot].state = state;
  ++closed_;
  schedule(slot, now + kAnswersWithin);
}

void Dispatcher::finish(uint32_t slot) {
  Active& active = slots_[slot];
  forget_newest(slot);
  by_id_.erase(active.request.command.id);
  if (has_ended(active.state)) --closed_;
  active.request.command.id = 0;
  free_.push_back(slot);
}

void Dispatcher::issue(Request request, Time now, std::vector<Record>& log) {
  auto& command = request.command;
  const bool setpoint = command.kind == twin::Command::Kind::setpoint;
  Last& last = last_of(command);
  if (const uint32_t older = last.slot; older != kNoSlot) {
    record(RecordKind::command_superseded, slots_[older], now, log);
    ++counters_.superseded;
    if (slots_[older].state == State::sent)
      close(older, State::superseded, now);
    else
      finish(older);
  }
  command.id = command_id(rule_names_[request.rule], request.cause, registry_.key(command.device),
                          quantity_of(command), ++last.version);
  command.issued = now;
  last.id = command.id;
  last.rule = request.rule;
  uint32_t slot;
  if (free_.empty()) {
    slot = static_cast<uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  slots_[slot] = {request, State::issued, 0, last.version, kNever, kNever};
  const bool first = by_id_.insert(command.id, slot);
  LT_CHECK(first, "two commands with one id");
  if (setpoint) last.slot = slot;
  leaving_.push_back(slot);
  record(RecordKind::command_issued, slots_[slot], now, log);
  ++counters_.issued;
}

void Dispatcher::acknowledge(std::span<const twin::Acknowledgement> acks, Time now,
                             std::vector<Record>& log) {
  for (size_t i = 0; i < acks.size(); ++i) {
    ahead(acks, i);
    acknowledge(acks[i], now, log);
  }
}

/// Answers come in no order of commands: their memory is asked for while others are taken in.
void Dispatcher::ahead(std::span<const twin::Acknowledgement> acks, size_t next) const {
  constexpr size_t kStep = 8;
  const auto slot_after = [&](size_t steps) {
    const size_t i = next + steps * kStep;
    return i < acks.size() ? by_id_.find(acks[i].id) : kNoSlot;
  };
  if (next + 3 * kStep < acks.size()) by_id_.ahead(acks[next + 3 * kStep].id);
  if (const uint32_t slot = slot_after(2); slot != kNoSlot) prefetch(&slots_[slot], sizeof(Active));
  if (const uint32_t slot = slot_after(1); slot != kNoSlot) {
    const auto& command = slots_[slot].request.command;
    if (command.kind == twin::Command::Kind::setpoint)
      ahead(command.device.table, command.index, command.device.row.index());
  }
}

void Dispatcher::acknowledge(const twin::Acknowledgement& ack, Time now, std::vector<Record>& log) {
  const uint32_t slot = by_id_.find(ack.id);
  if (slot == kNoSlot) {
    // Of a command that is over: failed, or acknowledged twice. News only if its resident now ends it.
    uint16_t quantity = 0;
    const Last* last = ack.outcome == twin::Outcome::refused_local ? find_last(ack, quantity) : nullptr;
    if (last != nullptr)
      ended_.push_back({static_cast<uint16_t>(last->rule), ack.device, quantity, ack.outcome});
    return;
  }
  Active& active = slots_[slot];
  if (has_ended(active.state)) return answered_late(slot, ack, now, log);
  const bool ended_by_resident =
      active.state == State::acknowledged && ack.outcome == twin::Outcome::refused_local;
  if (active.state != State::sent && !ended_by_resident) return;
  const auto& command = active.request.command;
  if (ack.outcome != twin::Outcome::accepted) {
    const bool expired = ack.outcome == twin::Outcome::expired;
    record(expired ? RecordKind::command_expired : RecordKind::command_refused, active, now, log);
    ++(expired ? counters_.expired : counters_.refused);
    ended_.push_back({active.request.rule, command.device, command.index, ack.outcome});
    finish(slot);
    return;
  }
  accept(active, ack, now, log);
  active.state = State::acknowledged;
  if (active.request.verification < 0) {
    finish(slot);
    return;
  }
  awaiting_.push_back(slot);
  schedule(slot, now + verifications_[static_cast<size_t>(active.request.verification)].within);
}

void Dispatcher::answered_late(uint32_t slot, const twin::Acknowledgement& ack, Time now,
                               std::vector<Record>& log) {
  Active& active = slots_[slot];
  if (ack.outcome == twin::Outcome::accepted) {
    accept(active, ack, now, log);
  } else if (ack.outcome != twin::Outcome::expired) {
    record(RecordKind::command_refused, active, now, log);
    ++counters_.refused;
  } else if (active.state != State::expired) {
    record(RecordKind::command_expired, active, now, log);
    ++counters_.expired;
  }
  finish(slot);
}

/// The device has applied the command: that is what it reports from now on, unless it has applied a later
/// one.
void Dispatcher::accept(Active& active, const twin::Acknowledgement& ack, Time now,
                        std::vector<Record>& log) {
  record(RecordKind::command_acknowledged, active, now, log);
  ++counters_.acknowledged;
  // A device's clock that runs ahead is corrected as it is for samples (twin/ahead.h), so that both
  // compare.
  active.applied_at =
      ack.applied_at > ack.received_at + twin::kFutureTolerance ? ack.received_at : ack.applied_at;
  const auto& command = active.request.command;
  if (command.kind != twin::Command::Kind::setpoint) return;
  Last& last = last_of(command);
  if (std::pair(active.applied_at, active.version) < std::pair(last.applied_at, last.applied_version)) return;
  last.applied_at = active.applied_at;
  last.applied_version = active.version;
  const TableId table = command.device.table;
  const size_t row = command.device.row.index();
  const auto& model = registry_.model(table);
  tables_.values<double>(table, model.setpoints[command.index].reported)[row] = command.value;
  ++tables_.values<uint32_t>(table, model.version)[row];
}

const Dispatcher::Last* Dispatcher::find_last(const twin::Acknowledgement& ack, uint16_t& quantity) const {
  const auto& quantities = last_[ack.device.table.index()];
  const auto setpoints = registry_.model(ack.device.table).config.setpoints.size();
  for (quantity = 0; quantity < setpoints; ++quantity) {
    const auto& rows = quantities[quantity];
    if (rows.empty()) continue;
    const Last& last = rows[ack.device.row.index()];
    if (last.version > 0 && last.id == ack.id) return &last;
  }
  return nullptr;
}

bool Dispatcher::offline(twin::DeviceRef device) const {
  const ColumnId status = registry_.model(device.table).status;
  return tables_.values<uint8_t>(device.table, status)[device.row.index()] ==
         static_cast<uint8_t>(DeviceStatus::offline);
}

bool Dispatcher::verified(const Active& active) const {
  const auto& verification = verifications_[static_cast<size_t>(active.request.verification)];
  const auto device = active.request.command.device;
  for (const ColumnId sampled : verification.sampled) {
    const int64_t at = tables_.values<int64_t>(device.table, sampled)[device.row.index()];
    if (at == kNever.ns || at <= active.applied_at.ns) return false;
  }
  return tables_.values<uint8_t>(device.table, verification.that)[device.row.index()] == 1;
}

void Dispatcher::check_verifications(Time now, std::vector<Record>& log) {
  size_t kept = 0;
  for (const uint32_t slot : awaiting_) {
    const Active& active = slots_[slot];
    if (active.request.command.id == 0 || active.state != State::acknowledged) continue;  // ended otherwise
    if (verified(active)) {
      record(RecordKind::command_verified, active, now, log);
      ++counters_.verified;
      finish(slot);
    } else if (active.wake <= now) {
      record(RecordKind::command_failed, active, now, log);
      ++counters_.failed;
      finish(slot);
    } else {
      awaiting_[kept++] = slot;
    }
  }
  awaiting_.resize(kept);
}

void Dispatcher::take_timer(uint32_t slot, Time now, std::vector<twin::Command>& out,
                            std::vector<Record>& log) {
  Active& active = slots_[slot];
  const auto& command = active.request.command;
  if (has_ended(active.state)) return finish(slot);
  if (active.state != State::sent) return;  // check_verifications() sees to what is acknowledged
  if (command.expires <= now) {
    record(RecordKind::command_expired, active, now, log);
    ++counters_.expired;
    close(slot, State::expired, now);
  } else if (offline(command.device)) {
    schedule_repeat(slot, now);  // it waits at the broker, which sends it when the device is back
  } else if (active.attempts >= kAttempts) {
    record(RecordKind::command_failed, active, now, log);
    ++counters_.failed;
    ended_.push_back({active.request.rule, command.device, command.index, twin::Outcome::expired});
    finish(slot);
  } else {
    active.request.command.attempt = active.attempts++;
    out.push_back(command);
    ++counters_.repeated;
    schedule_repeat(slot, now);
  }
}

void Dispatcher::step(Time now, std::vector<twin::Command>& out, std::vector<Record>& log) {
  check_verifications(now, log);
  while (!timers_.empty() && timers_.top().at <= now) {
    const Timer timer = timers_.top();
    timers_.pop();
    const Active& active = slots_[timer.slot];
    if (active.request.command.id == timer.id && active.wake == timer.at)
      take_timer(timer.slot, now, out, log);
  }
  for (const uint32_t slot : leaving_) {
    Active& active = slots_[slot];
    if (active.request.command.id == 0 || active.state != State::issued)
      continue;  // superseded in the same cycle
    out.push_back(active.request.command);
    active.state = State::sent;
    active.attempts = 1;
    record(RecordKind::command_sent, active, now, log);
    ++counters_.sent;
    schedule_repeat(slot, now);
  }
  leaving_.clear();
}

void Dispatcher::save(ArchiveWriter& archive) const {
  archive.section("dispatcher", 3);
  archive.put_vector(slots_);
  archive.put_vector(free_);
  archive.put_vector(leaving_);
  archive.put_vector(awaiting_);
  archive.put(counters_);
  for (const auto& quantities : last_) {
    for (const auto& rows : quantities) {
      archive.put<uint8_t>(!rows.empty());
      if (!rows.empty()) archive.put_column(rows);
    }
  }
}

void Dispatcher::restore(ArchiveReader& archive) {
  if (archive.section("dispatcher", 3) != 3) return archive.fail("written by another version");
  slots_ = archive.get_vector<Active>();
  free_ = archive.get_vector<uint32_t>();
  leaving_ = archive.get_vector<uint32_t>();
  awaiting_ = archive.get_vector<uint32_t>();
  counters_ = archive.get<DispatcherCounters>();
  for (size_t t = 0; t < last_.size(); ++t) {
    for (auto& rows : last_[t]) {
      rows.resize(archive.get<uint8_t>() != 0 ? tables_.rows(TableId(t)) : 0);
      if (!rows.empty()) archive.get_span(std::span(rows.data(), rows.size()));
    }
  }
  if (!archive.ok()) return;
  by_id_.clear();
  closed_ = 0;
  timers_ = {};
  for (uint32_t slot = 0; slot < slots_.size(); ++slot) {
    const auto& active = slots_[slot];
    const auto& command = active.request.command;
    if (command.id == 0) continue;
    by_id_.insert(command.id, slot);
    if (has_ended(active.state)) ++closed_;
    if (active.wake != kNever) timers_.push({active.wake, slot, command.id});
  }
}

}  // namespace looptwin::mml
