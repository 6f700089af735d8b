#include "mml/alarms.h"

#include <algorithm>

#include "base/check.h"

namespace looptwin::mml {

void add_columns(lang::Schema& schema, Alarm& alarm) {
  alarm.state =
      schema.add_column(alarm.table, {"." + alarm.config.event.name + ".alarm", {}, {}, lang::Storage::code});
}

void join(lang::Schema& schema, Alarm& alarm, FirstOut& group) {
  const auto member = std::find(group.members.begin(), group.members.end(), alarm.event);
  if (member == group.members.end()) return;
  const auto code = static_cast<uint8_t>(member - group.members.begin() + 1);
  alarm.first_out = FirstOutPlace{group.name, group.column, code};
  if (!alarm.config.latched) return;
  alarm.held = schema.add_column(
      alarm.table,
      {"." + alarm.config.event.name + ".held", lang::Type::boolean(), {}, lang::Storage::boolean});
  group.held.push_back(alarm.held);
}

const char* name_of(AlarmPriority priority) {
  static constexpr const char* kNames[kAlarmPriorities] = {"low", "medium", "high", "urgent"};
  return kNames[static_cast<size_t>(priority)];
}

Alarms::Alarms(std::vector<Alarm> alarms, const std::vector<Event>& events, const lang::Schema& schema,
               const twin::Registry& registry, twin::Tables& tables, AlarmSink* sink)
    : alarms_(std::move(alarms)),
      events_(events),
      registry_(registry),
      tables_(tables),
      sink_(sink),
      showing_(schema, registry, tables),
      followers_(events.size()) {
  for (size_t a = 0; a < alarms_.size(); ++a) {
    // What suppresses it is heard first, so that what begins suppressed is never shown.
    if (alarms_[a].suppression != kNoEvent) followers_[alarms_[a].suppression].push_back({a, true});
    if (alarms_[a].event != kNoEvent) followers_[alarms_[a].event].push_back({a, false});
    if (!alarms_[a].config.flood) continue;
    Flood flood{.alarm = a, .member = std::vector<bool>(alarms_.size()), .raised = {}};
    for (const size_t member : alarms_[a].members) flood.member[member] = true;
    floods_.push_back(std::move(flood));
  }
}

void Alarms::bind(bool fresh) {
  state_.clear();
  held_.clear();
  for (const Alarm& alarm : alarms_) {
    state_.push_back(tables_.values<uint8_t>(alarm.table, alarm.state).data());
    if (fresh)
      std::fill_n(state_.back(), tables_.rows(alarm.table), static_cast<uint8_t>(AlarmState::normal));
    held_.push_back(alarm.held.valid() ? tables_.values<uint8_t>(alarm.table, alarm.held).data() : nullptr);
    if (fresh && held_.back() != nullptr) std::fill_n(held_.back(), tables_.rows(alarm.table), uint8_t{0});
  }
}

AlarmTraits Alarms::traits(Key key) const {
  const auto& config = alarms_[key.alarm].config;
  return {config.latched, config.confirm};
}

Alarms::Cell& Alarms::cell(Key key) {
  const auto [found, fresh] = cells_.try_emplace(key);
  if (fresh) found->second.priority = alarms_[key.alarm].config.priority;
  return found->second;
}

/// The column shows it; a cell that says nothing goes; the clock is set for what time will bring.
void Alarms::settle(Key key) {
  const auto found = cells_.find(key);
  if (found == cells_.end()) return;
  const AlarmStanding& standing = found->second.standing;
  state_[key.alarm][key.row] = static_cast<uint8_t>(shown(standing));
  if (held_[key.alarm] != nullptr) held_[key.alarm][key.row] = standing.state != AlarmState::normal;
  if (standing == AlarmStanding{})
    cells_.erase(found);
  else
    due_ = std::min(due_, due(key, found->second));
}

void Alarms::note(RecordKind kind, Key key, const Said& said, Time now, std::vector<Record>& log) {
  const Cell& c = cells_.at(key);
  const Alarm& alarm = alarms_[key.alarm];
  const twin::DeviceRef device{alarm.table, Row(key.row)};
  const Hidden hidden = c.standing.hidden;
  const Record record{now,
                      kind,
                      static_cast<uint16_t>(key.alarm),
                      hidden,
                      device,
                      c.occurrence,
                      static_cast<double>(c.priority),
                      alarm_id(alarm.config.event.name, registry_.key(device), c.occurrence),
                      said.cause};
  log.push_back(record);
  figures_.take(
      {now, kind, {key.alarm, static_cast<uint32_t>(alarm.table.index()), key.row}, c.priority, hidden});
  if (sink_ != nullptr)
    sink_->journal(
        {record, shown(c.standing), c.priority, said.person, said.text, said.until, first_out(key)});
}

std::string_view Alarms::first_out(Key key) const {
  const auto& place = alarms_[key.alarm].first_out;
  if (!place) return {};
  const auto first = tables_.values<uint8_t>(alarms_[key.alarm].table, place->column)[key.row];
  return first == place->code ? std::string_view(place->group) : std::string_view();
}

/// Tells the operator, in words.
void Alarms::tell(Key key, Time now) {
  const Alarm& alarm = alarms_[key.alarm];
  const Cell& c = cells_.at(key);
  const twin::DeviceRef device{alarm.table, Row(key.row)};
  RaisedAlarm raised{now,
                     key.alarm,
                     device,
                     c.occurrence,
                     alarm_id(alarm.config.event.name, registry_.key(device), c.occurrence),
                     showing_.text(alarm.cause, device),
                     showing_.text(alarm.consequence, device),
                     showing_.text(alarm.action, device),
                     std::string(first_out(key)),
                     shown(c.standing)};
  if (sink_ != nullptr) sink_->raised(raised);
  if (c.standing.hidden != 0) return;
  latest_.push_back(std::move(raised));
  if (latest_.size() > kLatest) latest_.pop_front();
}

void Alarms::on_change(const EventChange& change, uint64_t event_id, Time now, std::vector<Record>& log) {
  const bool rises = change.kind == RecordKind::event_raised;
  const bool ends = change.kind == RecordKind::event_cleared;
  if (!rises && !ends) return;
  for (const Follower& follower : followers_[change.event]) {
    const Key key{static_cast<uint32_t>(follower.alarm), change.row};
    if (follower.suppression)
      follow_suppression(key, event_id, now, log);
    else if (rises)
      occurs(key, change.occurrence, {.cause = event_id}, now, log);
    else
      returns(key, {.cause = event_id}, now, log);
    settle(key);
  }
}

/// Reads the event's column instead of waiting for its change, which may come later at the same boundary.
void Alarms::follow_suppression(Key key, uint64_t cause, Time now, std::vector<Record>& log) {
  const Alarm& alarm = alarms_[key.alarm];
  if (alarm.suppression == kNoEvent) return;
  const bool stands = tables_.values<uint8_t>(alarm.table, events_[alarm.suppression].standing)[key.row] == 1;
  const auto found = cells_.find(key);
  const bool is = found != cells_.end() && (found->second.standing.hidden & kByDesign) != 0;
  if (stands && !is) hide(key, kByDesign, RecordKind::alarm_suppressed, {.cause = cause}, now, log);
  if (!stands && is) lift(key, kByDesign, RecordKind::alarm_unsuppressed, {.cause = cause}, now, log);
}

/// One that a person has raised is over when its condition raises it.
void Alarms::occurs(Key key, uint32_t occurrence, const Said& said, Time now, std::vector<Record>& log) {
  returns(key, {.cause = said.cause}, now, log);
  follow_suppression(key, said.cause, now, log);
  const bool flooded = count_in_floods(key.alarm, now, log);
  Cell& c = cell(key);
  // A flood hides what begins in it; what a person sees, as one that has returned unanswered, stays.
  const bool seen = c.standing.hidden == 0 && c.standing.state != AlarmState::normal;
  if (flooded && !seen) c.standing.hidden |= kByFlood;
  c.occurrence = occurrence;
  c.cause = said.cause;
  c.by_hand = false;
  c.priority = alarms_[key.alarm].config.priority;
  c.late = false;
  LT_CHECK(move(c.standing, AlarmInput::occurs, traits(key)) == nullptr);
  if (c.standing.hidden == 0) c.shown = c.respond_from = now;
  ++counters_.raised;
  ++counters_.raised_by_priority[static_cast<size_t>(c.priority)];
  ++counters_.standing_by_priority[static_cast<size_t>(c.priority)];
  note(RecordKind::alarm_raised, key, said, now, log);
  tell(key, now);
}

void Alarms::returns(Key key, const Said& said, Time now, std::vector<Record>& log) {
  const auto found = cells_.find(key);
  if (found == cells_.end() || !is_active(found->second.standing.state)) return;
  Cell& c = found->second;
  c.by_hand = false;
  LT_CHECK(move(c.standing, AlarmInput::returns, traits(key)) == nullptr);
  // What comes and goes within a flood is over with it; what is latched waits for the flood's end.
  if ((c.standing.hidden & kByFlood) != 0 && c.standing.state != AlarmState::latched_unacknowledged &&
      c.standing.state != AlarmState::latched) {
    c.standing.hidden &= static_cast<Hidden>(~kByFlood);
    if (c.standing.hidden == 0) LT_CHECK(move(c.standing, AlarmInput::show, traits(key)) == nullptr);
  }
  ++counters_.returned;
  --counters_.standing_by_priority[static_cast<size_t>(c.priority)];
  note(RecordKind::alarm_returned, key, said, now, log);
}

void Alarms::hide(Key key, Hidden why, RecordKind kind, const Said& said, Time now,
                  std::vector<Record>& log) {
  Cell& c = cell(key);
  c.standing.hidden |= why;
  if (why == kShelved) c.shelved_until = said.until;
  note(kind, key, said, now, log);
}

void Alarms::lift(Key key, Hidden why, RecordKind kind, const Said& said, Time now,
                  std::vector<Record>& log) {
  Cell& c = cell(key);
  c.standing.hidden &= static_cast<Hidden>(~why);
  if (why == kShelved) c.shelved_until = kNever;
  if (c.standing.hidden == 0) LT_CHECK(move(c.standing, AlarmInput::show, traits(key)) == nullptr);
  if (kind != RecordKind::alarm_shown) note(kind, key, said, now, log);
  if (c.standing.hidden != 0 || !waits_for_answer(c.standing.state)) return;
  c.shown = c.respond_from = now;
  c.late = false;
  note(RecordKind::alarm_shown, key, {.cause = c.cause}, now, log);
}

Time Alarms::due(Key key, const Cell& cell) const {
  const auto& config = alarms_[key.alarm].config;
  Time due = cell.shelved_until;
  if (cell.standing.hidden != 0 || !is_active(cell.standing.state)) return due;
  if (config.realarm.ns > 0) due = std::min(due, cell.shown + config.realarm);
  const bool waits = cell.standing.state == AlarmState::unacknowledged && !cell.late;
  if (waits && config.respond_within.ns > 0) due = std::min(due, cell.respond_from + config.respond_within);
  return due;
}

void Alarms::pass_time(Key key, Time now, std::vector<Record>& log) {
  const auto& config = alarms_[key.alarm].config;
  Cell& c = cells_.at(key);
  if (c.shelved_until <= now) lift(key, kShelved, RecordKind::alarm_unshelved, {}, now, log);
  if (c.standing.hidden != 0 || !is_active(c.standing.state)) return;
  const bool unanswered = c.standing.state == AlarmState::unacknowledged;
  if (unanswered && !c.late && config.respond_within.ns > 0 &&
      c.respond_from + config.respond_within <= now) {
    c.late = true;
    if (config.escalate_to && *config.escalate_to > c.priority) {
      --counters_.standing_by_priority[static_cast<size_t>(c.priority)];
      c.priority = *config.escalate_to;
      ++counters_.standing_by_priority[static_cast<size_t>(c.priority)];
    }
    note(RecordKind::alarm_late, key, {.cause = c.cause}, now, log);
  }
  if (config.realarm.ns > 0 && c.shown + config.realarm <= now) {
    LT_CHECK(move(c.standing, AlarmInput::realarm, traits(key)) == nullptr);
    if (!unanswered) {
      c.respond_from = now;
      c.late = false;
    }
    c.shown = now;
    note(RecordKind::alarm_repeated, key, {.cause = c.cause}, now, log);
  }
}

void Alarms::step(Time now, std::vector<Record>& log) {
  if (now < due_) return;
  due_ = kNever;
  end_floods(now, log);
  due_now_.clear();
  for (const auto& [key, c] : cells_) {
    const Time when = due(key, c);
    if (when <= now)
      due_now_.push_back(key);
    else
      due_ = std::min(due_, when);
  }
  for (const Key key : due_now_) {
    pass_time(key, now, log);
    settle(key);
  }
}

}  // namespace looptwin::mml
