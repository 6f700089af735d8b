#include "testbed/testing/coverage.h"

#include <fmt/format.h>
#include <algorithm>
#include <cstring>

#include "mml/alarms.h"
#include "mml/events.h"
#include "mml/rules.h"
#include "testbed/one_line.h"
#include "testbed/scenario.h"
#include "testbed/wiring.h"
#include "twin/registry.h"

namespace looptwin::testbed {
namespace {

using mml::RecordKind;

/// What a record shows of a command or a claim: its own word; null where that is not asked for.
const char* word_of(RecordKind kind) {
  using enum RecordKind;
  switch (kind) {
    case event_raised:
    case alarm_raised:
      return "raised";
    case event_cleared:
    case alarm_returned:
      return "cleared";
    case alarm_acknowledged:
    case command_acknowledged:
      return "acknowledged";
    case command_issued:
      return "issued";
    case command_refused:
      return "refused";
    case command_failed:
    case command_expired:
      return "failed or expired";
    case command_verified:
      return "verified";
    case claimed:
      return "claimed";
    case released:
      return "released";
    case yielded:
      return "yielded";
    case published:
      return "published";
    case step_timed_out:
      return "timed out";
    case sequence_done:
      return "done";
    default:
      return nullptr;
  }
}

void want(CoverageItems& items, const std::string& what, const Span& span) {
  items.try_emplace(what, CoverageItem{span});
}

}  // namespace

void merge(CoverageItems& into, const CoverageItems& from) {
  for (const auto& [what, item] : from) {
    auto& known = into.try_emplace(what, CoverageItem{item.span}).first->second;
    known.seen |= item.seen;
  }
}

size_t seen(const CoverageItems& items) {
  return static_cast<size_t>(
      std::count_if(items.begin(), items.end(), [](const auto& i) { return i.second.seen; }));
}

Coverage::Coverage(Assembly& assembly) : assembly_(assembly) {
  for (const auto& covered : assembly.wired().covered) {
    if (!covered.column.valid()) continue;
    conditions_.push_back({fmt::format("{}: {}", covered.name, in_one_line(covered.text)), covered.text,
                           assembly.tables().values<uint8_t>(covered.table, covered.column)});
  }
}

void Coverage::look() {
  for (auto& condition : conditions_) {
    const auto& values = condition.values;
    condition.was_true = condition.was_true || std::memchr(values.data(), 1, values.size()) != nullptr;
    condition.was_false = condition.was_false || std::memchr(values.data(), 0, values.size()) != nullptr;
  }
}

void Coverage::expect_events(CoverageItems& items) const {
  for (const auto& event : assembly_.events().all()) {
    if (event.of_alarm) continue;
    want(items, fmt::format("event {}: raised", event.config.name), event.config.span);
    want(items, fmt::format("event {}: cleared", event.config.name), event.config.span);
  }
}

void Coverage::expect_alarms(CoverageItems& items) const {
  for (const auto& alarm : assembly_.alarms().all())
    for (const char* word : {"raised", "cleared", "acknowledged"})
      want(items, fmt::format("alarm {}: {}", alarm.config.event.name, word), alarm.config.event.span);
}

void Coverage::expect_rules(CoverageItems& items) const {
  const auto& registry = assembly_.registry();
  for (const auto& rule : assembly_.rules().all()) {
    const auto& name = rule.config.name;
    const auto quantity = [&](const std::string& of, std::initializer_list<const char*> words,
                              const Span& span) {
      for (const char* word : words) want(items, fmt::format("rule {}: {} {}", name, of, word), span);
    };
    for (const auto& override : rule.overrides)
      for (const auto& set : override.set) {
        const auto& setpoint = registry.model(override.target.table).config.setpoints[set.setpoint];
        quantity(setpoint.name, {"claimed", "released", "acknowledged", "failed or expired"},
                 rule.config.span);
        if (override.verification >= 0) quantity(setpoint.name, {"verified"}, rule.config.span);
        if (setpoint.local) quantity(setpoint.name, {"yielded"}, rule.config.span);
      }
    const auto actions = [&](const mml::WiredActions& a) {
      for (const auto& send : a.sends) {
        const auto& command = registry.model(send.target.table).config.commands[send.command];
        quantity(command.name, {"issued", "acknowledged", "refused", "failed or expired"}, rule.config.span);
        if (send.verification >= 0) quantity(command.name, {"verified"}, rule.config.span);
      }
      for (const auto& publish : a.publishes)
        quantity(assembly_.scenario().feeds[publish.feed].name, {"published"}, rule.config.span);
    };
    actions(rule.actions);
    for (size_t s = 0; s < rule.steps.size(); ++s) {
      actions(rule.steps[s].actions);
      actions(rule.steps[s].otherwise);
      if (rule.steps[s].within.ns > 0)
        quantity(fmt::format("step {}", s + 1), {"timed out"}, rule.config.steps[s].span);
    }
    if (!rule.steps.empty()) quantity("its steps", {"done"}, rule.config.span);
  }
}

std::string Coverage::name_of(const mml::Record& r) const {
  const char* word = word_of(r.kind);
  if (word == nullptr) return {};
  switch (mml::subject_of(r.kind)) {
    case mml::SubjectKind::event:
      return fmt::format("event {}: {}", assembly_.events().all()[r.subject].config.name, word);
    case mml::SubjectKind::alarm:
      return fmt::format("alarm {}: {}", assembly_.alarms().all()[r.subject].config.event.name, word);
    case mml::SubjectKind::input:
      return {};
    case mml::SubjectKind::rule:
      break;
  }
  const auto& rule = assembly_.rules().all()[r.subject].config.name;
  if (r.kind == RecordKind::step_timed_out)
    return fmt::format("rule {}: step {} timed out", rule, r.quantity + 1);
  if (r.kind == RecordKind::sequence_done) return fmt::format("rule {}: its steps done", rule);
  if (r.kind == RecordKind::published)
    return fmt::format("rule {}: {} published", rule, assembly_.scenario().feeds[r.quantity].name);
  const auto& model = assembly_.registry().model(r.device.table).config;
  const auto& of = (r.quantity & mml::kImperative) != 0 ? model.commands[r.quantity & ~mml::kImperative].name
                                                        : model.setpoints[r.quantity].name;
  return fmt::format("rule {}: {} {}", rule, of, word);
}

CoverageItems Coverage::items(std::span<const mml::Record> records) const {
  CoverageItems items;
  expect_events(items);
  expect_alarms(items);
  expect_rules(items);
  for (const auto& condition : conditions_) {
    items[condition.text + " is true"] = {condition.span, condition.was_true};
    items[condition.text + " is false"] = {condition.span, condition.was_false};
  }
  for (const auto& record : records) {
    const auto found = items.find(name_of(record));
    if (found != items.end()) found->second.seen = true;
  }
  return items;
}

}  // namespace looptwin::testbed
