// What persons ask of alarms: done, or refused with the reason; recorded in either case.
#include <fmt/format.h>

#include "base/check.h"
#include "base/text.h"
#include "mml/alarms.h"

namespace looptwin::mml {

const char* name_of(AlarmOperation operation) {
  static constexpr const char* kNames[kAlarmOperations] = {
      "acknowledge", "confirm",    "comment",        "reset",      "shelve", "unshelve",
      "suppress",    "unsuppress", "out_of_service", "in_service", "raise",  "clear"};
  return kNames[static_cast<size_t>(operation)];
}

AlarmOperation operation_of(twin::OperatorVerb verb) {
  using enum twin::OperatorVerb;
  switch (verb) {
    case acknowledge:
      return AlarmOperation::acknowledge;
    case confirm:
      return AlarmOperation::confirm;
    case comment:
      return AlarmOperation::comment;
    case shelve:
      return AlarmOperation::shelve;
    case unshelve:
      return AlarmOperation::unshelve;
    case suppress:
      return AlarmOperation::suppress;
    case unsuppress:
      return AlarmOperation::unsuppress;
    case out_of_service:
      return AlarmOperation::out_of_service;
    case in_service:
      return AlarmOperation::in_service;
    case reset:
      return AlarmOperation::reset;
    case raise:
      return AlarmOperation::raise;
    case clear:
      return AlarmOperation::clear;
    default:
      LT_CHECK(false, "an action that no alarm knows");
  }
}

bool lacks_text(AlarmOperation what, std::string_view text) {
  const bool needed = what == AlarmOperation::comment || what == AlarmOperation::shelve ||
                      what == AlarmOperation::suppress || what == AlarmOperation::out_of_service;
  return needed && text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

bool needs_role(AlarmOperation what) {
  return what != AlarmOperation::acknowledge && what != AlarmOperation::confirm &&
         what != AlarmOperation::comment && what != AlarmOperation::raise && what != AlarmOperation::clear;
}

std::optional<AlarmInput> input_of(AlarmOperation what) {
  switch (what) {
    case AlarmOperation::acknowledge:
      return AlarmInput::acknowledge;
    case AlarmOperation::confirm:
      return AlarmInput::confirm;
    case AlarmOperation::reset:
      return AlarmInput::reset;
    default:
      return std::nullopt;
  }
}

std::string Alarms::refusal(const AlarmAction& action, const Cell& cell) const {
  using enum AlarmOperation;
  const auto& config = alarms_[action.alarm].config;
  const Hidden hidden = cell.standing.hidden;
  const auto has = [&](Hidden why) { return (hidden & why) != 0; };
  if (action.person.empty()) return "it is not said who acts";
  if (needs_role(action.what) && !action.has_role)
    return fmt::format("{} does not have the role {}", action.person, config.role);
  if (lacks_text(action.what, action.text))
    return action.what == comment ? "the comment is empty" : "it needs a reason";
  switch (action.what) {
    case acknowledge:
    case confirm:
    case reset: {
      AlarmStanding tried = cell.standing;
      const AlarmTraits traits{config.latched, config.confirm};
      const char* why = move(tried, *input_of(action.what), traits);
      return why != nullptr ? why : "";
    }
    case comment:
      return "";
    case shelve:
      if (has(kShelved)) return "it is shelved already";
      if (has(kOutOfService)) return "it is out of service";
      if (action.lasts.ns <= 0) return "it is not said for how long";
      if (action.lasts > config.longest_shelving)
        return fmt::format("it may be shelved for {} at the most", to_string(config.longest_shelving));
      return "";
    case unshelve:
      return has(kShelved) ? "" : "it is not shelved";
    case suppress:
      return has(kByPerson) ? "it is suppressed already" : "";
    case unsuppress:
      return has(kByPerson) ? "" : "no person has suppressed it";
    case out_of_service:
      return has(kOutOfService) ? "it is out of service already" : "";
    case in_service:
      return has(kOutOfService) ? "" : "it is in service";
    case raise:
      return is_active(cell.standing.state) ? "it stands already" : "";
    case clear:
      return cell.by_hand ? "" : "no person has raised it";
  }
  return "";
}

void Alarms::carry_out(const AlarmAction& action, Time now, std::vector<Record>& log) {
  using enum AlarmOperation;
  using enum RecordKind;
  const Key key{static_cast<uint32_t>(action.alarm), action.row};
  Said said{.person = action.person, .text = action.text, .cause = action.cause};
  const auto moved = [&](AlarmInput input, RecordKind kind) {
    LT_CHECK(move(cell(key).standing, input, traits(key)) == nullptr);
    note(kind, key, said, now, log);
  };
  switch (action.what) {
    case acknowledge:
      ++counters_.acknowledged;
      return moved(AlarmInput::acknowledge, alarm_acknowledged);
    case confirm:
      return moved(AlarmInput::confirm, alarm_confirmed);
    case reset:
      return moved(AlarmInput::reset, alarm_reset);
    case comment:
      return note(alarm_commented, key, said, now, log);
    case shelve:
      said.until = now + action.lasts;
      return hide(key, kShelved, alarm_shelved, said, now, log);
    case unshelve:
      return lift(key, kShelved, alarm_unshelved, said, now, log);
    case suppress:
      return hide(key, kByPerson, alarm_suppressed, said, now, log);
    case unsuppress:
      return lift(key, kByPerson, alarm_unsuppressed, said, now, log);
    case AlarmOperation::out_of_service:
      return hide(key, kOutOfService, alarm_out_of_service, said, now, log);
    case in_service:
      return lift(key, kOutOfService, alarm_in_service, said, now, log);
    case raise:
      occurs(key, kRaisedByHand | ++by_hand_, said, now, log);
      cell(key).by_hand = true;
      return;
    case clear:
      return returns(key, said, now, log);
  }
}

std::string Alarms::operate(const AlarmAction& action, Time now, std::vector<Record>& log) {
  LT_CHECK(action.alarm < alarms_.size() && action.row < tables_.rows(alarms_[action.alarm].table));
  const Key key{static_cast<uint32_t>(action.alarm), action.row};
  const std::string why = refusal(action, cell(key));
  if (why.empty()) {
    carry_out(action, now, log);
  } else {
    const std::string text = fmt::format("{}: {}", name_of(action.what), why);
    note(RecordKind::alarm_refused, key, {.person = action.person, .text = text, .cause = action.cause}, now,
         log);
  }
  settle(key);
  return why;
}

// ---- state

void Alarms::save(ArchiveWriter& archive) const {
  archive.section("alarms", 5);
  archive.put(counters_);
  archive.put(by_hand_);
  archive.put(due_);
  archive.put<uint64_t>(cells_.size());
  for (const auto& [key, c] : cells_) {
    archive.put(key);
    archive.put(c.standing.state);
    archive.put(c.standing.to_confirm);
    archive.put(c.standing.hidden);
    archive.put(c.priority);
    archive.put(c.late);
    archive.put(c.by_hand);
    archive.put(c.occurrence);
    archive.put(c.cause);
    for (const Time t : {c.shown, c.respond_from, c.shelved_until}) archive.put(t);
  }
  archive.put<uint64_t>(floods_.size());
  for (const Flood& flood : floods_) {
    archive.put(flood.occurrence);
    archive.put(flood.standing);
    archive.put_vector(std::vector<Time>(flood.raised.begin(), flood.raised.end()));
  }
  figures_.save(archive);
  archive.put<uint64_t>(latest_.size());
  for (const auto& raised : latest_) {
    archive.put(raised.at);
    archive.put<uint64_t>(raised.alarm);
    archive.put(raised.device);
    archive.put(raised.occurrence);
    archive.put(raised.id);
    archive.put(raised.state);
    for (const auto* text : {&raised.cause, &raised.consequence, &raised.action, &raised.first_out})
      archive.put(std::string_view(*text));
  }
}

void Alarms::restore(ArchiveReader& archive) {
  archive.section("alarms", 5);
  counters_ = archive.get<AlarmCounters>();
  by_hand_ = archive.get<uint32_t>();
  due_ = archive.get<Time>();
  cells_.clear();
  const auto cells = archive.get<uint64_t>();
  for (uint64_t i = 0; i < cells && archive.ok(); ++i) {
    Cell& c = cells_[archive.get<Key>()];
    c.standing.state = archive.get<AlarmState>();
    c.standing.to_confirm = archive.get<bool>();
    c.standing.hidden = archive.get<Hidden>();
    c.priority = archive.get<AlarmPriority>();
    c.late = archive.get<bool>();
    c.by_hand = archive.get<bool>();
    c.occurrence = archive.get<uint32_t>();
    c.cause = archive.get<uint64_t>();
    for (Time* t : {&c.shown, &c.respond_from, &c.shelved_until}) *t = archive.get<Time>();
  }
  if (archive.get<uint64_t>() != floods_.size()) archive.fail("another number of floods");
  for (Flood& flood : floods_) {
    flood.occurrence = archive.get<uint32_t>();
    flood.standing = archive.get<bool>();
    const auto raised = archive.get_vector<Time>();
    flood.raised.assign(raised.begin(), raised.end());
  }
  figures_.restore(archive);
  latest_.clear();
  const auto latest = archive.get<uint64_t>();
  for (uint64_t i = 0; i < latest && archive.ok(); ++i) {
    RaisedAlarm& raised = latest_.emplace_back();
    raised.at = archive.get<Time>();
    raised.alarm = archive.get<uint64_t>();
    raised.device = archive.get<twin::DeviceRef>();
    raised.occurrence = archive.get<uint32_t>();
    raised.id = archive.get<uint64_t>();
    raised.state = archive.get<AlarmState>();
    for (auto* text : {&raised.cause, &raised.consequence, &raised.action, &raised.first_out})
      *text = archive.get_string();
  }
}

}  // namespace looptwin::mml
