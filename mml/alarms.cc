#include "mml/alarms.h"

#include <algorithm>

namespace looptwin::mml {

void add_columns(lang::Schema& schema, Alarm& alarm) {
  alarm.state =
      schema.add_column(alarm.table, {"." + alarm.config.event.name + ".alarm", {}, {}, lang::Storage::code});
}

const char* name_of(AlarmPriority priority) {
  static constexpr const char* kNames[] = {"low", "medium", "high", "urgent"};
  return kNames[static_cast<size_t>(priority)];
}

Alarms::Alarms(std::vector<Alarm> alarms, const std::vector<Event>& events, const lang::Schema& schema,
               const twin::Registry& registry, twin::Tables& tables, AlarmSink* sink)
    : alarms_(std::move(alarms)),
      events_(events),
      registry_(registry),
      tables_(tables),
      sink_(sink),
      showing_(schema, registry, tables) {}

void Alarms::bind(bool fresh) {
  state_.clear();
  occurrence_.clear();
  for (const Alarm& alarm : alarms_) {
    state_.push_back(tables_.values<uint8_t>(alarm.table, alarm.state).data());
    occurrence_.push_back(tables_.values<uint32_t>(alarm.table, events_[alarm.event].occurrence).data());
    if (fresh)
      std::fill_n(state_.back(), tables_.rows(alarm.table), static_cast<uint8_t>(AlarmState::normal));
  }
}

Record Alarms::record(RecordKind kind, size_t alarm, uint32_t row, uint32_t occurrence, uint64_t cause,
                      Time now) const {
  const twin::DeviceRef device{alarms_[alarm].table, Row(row)};
  const uint64_t id = alarm_id(alarms_[alarm].config.event.name, registry_.key(device), occurrence);
  return {now,
          kind,
          static_cast<uint16_t>(alarm),
          0,
          device,
          occurrence,
          static_cast<double>(alarms_[alarm].config.priority),
          id,
          cause};
}

void Alarms::on_change(const EventChange& change, uint64_t event_id, Time now, std::vector<Record>& log) {
  for (size_t a = 0; a < alarms_.size(); ++a) {
    if (alarms_[a].event != change.event) continue;
    const auto priority = static_cast<size_t>(alarms_[a].config.priority);
    auto& state = state_[a][change.row];
    if (change.kind == RecordKind::event_raised) {
      state = static_cast<uint8_t>(AlarmState::unacknowledged);
      ++counters_.raised;
      ++counters_.raised_by_priority[priority];
      ++counters_.standing_by_priority[priority];
      log.push_back(record(RecordKind::alarm_raised, a, change.row, change.occurrence, event_id, now));
      raise(a, change, now);
    } else if (change.kind == RecordKind::event_cleared) {
      const bool acknowledged = state == static_cast<uint8_t>(AlarmState::acknowledged);
      state = static_cast<uint8_t>(acknowledged ? AlarmState::normal : AlarmState::returned);
      ++counters_.returned;
      --counters_.standing_by_priority[priority];
      log.push_back(record(RecordKind::alarm_returned, a, change.row, change.occurrence, event_id, now));
    }
  }
}

/// Tells the operator, in words.
void Alarms::raise(size_t alarm, const EventChange& change, Time now) {
  const Alarm& config = alarms_[alarm];
  const twin::DeviceRef device{config.table, Row(change.row)};
  latest_.push_back({now, alarm, device, change.occurrence,
                     alarm_id(config.config.event.name, registry_.key(device), change.occurrence),
                     showing_.text(config.cause, device), showing_.text(config.consequence, device),
                     showing_.text(config.action, device)});
  if (sink_ != nullptr) sink_->raised(latest_.back());
  if (latest_.size() > kLatest) latest_.pop_front();
}

bool Alarms::acknowledge(size_t alarm, uint32_t row, Time now, std::vector<Record>& log) {
  auto& state = state_[alarm][row];
  if (state == static_cast<uint8_t>(AlarmState::unacknowledged))
    state = static_cast<uint8_t>(AlarmState::acknowledged);
  else if (state == static_cast<uint8_t>(AlarmState::returned))
    state = static_cast<uint8_t>(AlarmState::normal);
  else
    return false;
  ++counters_.acknowledged;
  log.push_back(record(RecordKind::alarm_acknowledged, alarm, row, occurrence_[alarm][row], 0, now));
  return true;
}

void Alarms::save(ArchiveWriter& archive) const {
  archive.section("alarms", 2);
  archive.put(counters_);
  archive.put<uint64_t>(latest_.size());
  for (const auto& raised : latest_) {
    archive.put(raised.at);
    archive.put<uint64_t>(raised.alarm);
    archive.put(raised.device);
    archive.put(raised.occurrence);
    archive.put(raised.id);
    for (const auto* text : {&raised.cause, &raised.consequence, &raised.action})
      archive.put(std::string_view(*text));
  }
}

void Alarms::restore(ArchiveReader& archive) {
  archive.section("alarms", 2);
  counters_ = archive.get<AlarmCounters>();
  latest_.clear();
  const auto latest = archive.get<uint64_t>();
  for (uint64_t i = 0; i < latest && archive.ok(); ++i) {
    RaisedAlarm& raised = latest_.emplace_back();
    raised.at = archive.get<Time>();
    raised.alarm = archive.get<uint64_t>();
    raised.device = archive.get<twin::DeviceRef>();
    raised.occurrence = archive.get<uint32_t>();
    raised.id = archive.get<uint64_t>();
    for (auto* text : {&raised.cause, &raised.consequence, &raised.action}) *text = archive.get_string();
  }
}

}  // namespace looptwin::mml
