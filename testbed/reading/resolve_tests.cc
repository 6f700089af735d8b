// What tests expect: that all they name exists, and that it can happen to what they name.
#include <fmt/format.h>
#include <algorithm>
#include <map>

#include "base/text.h"
#include "mml/records.h"
#include "testbed/reading/resolve.h"

namespace looptwin::testbed {
namespace {

using mml::RecordKind;
using Of = ExpectConfig::Of;

/// What each word is called in the decision log, by what it is said of.
const std::map<std::string, RecordKind>& words_of(Of of) {
  using enum RecordKind;
  static const std::map<std::string, RecordKind> kEvent{{"raised", event_raised}, {"cleared", event_cleared}};
  static const std::map<std::string, RecordKind> kAlarm{
      {"raised", alarm_raised}, {"cleared", alarm_returned}, {"acknowledged", alarm_acknowledged}};
  static const std::map<std::string, RecordKind> kCommand{
      {"issued", command_issued},     {"acknowledged", command_acknowledged},
      {"verified", command_verified}, {"refused", command_refused},
      {"failed", command_failed},     {"expired", command_expired}};
  static const std::map<std::string, RecordKind> kSetpoint{
      {"claimed", claimed},           {"released", released},
      {"yielded", yielded},           {"acknowledged", command_acknowledged},
      {"verified", command_verified}, {"refused", command_refused},
      {"failed", command_failed},     {"expired", command_expired}};
  static const std::map<std::string, RecordKind> kPublish{{"published", published}};
  switch (of) {
    case Of::event:
      return kEvent;
    case Of::alarm:
      return kAlarm;
    case Of::command:
      return kCommand;
    case Of::setpoint:
      return kSetpoint;
    case Of::publish:
      return kPublish;
  }
  return kEvent;
}

std::vector<std::string> names_for(const Draft& draft, Of of) {
  const auto& scenario = draft.scenario;
  std::vector<std::string> names;
  switch (of) {
    case Of::event:
      return names_of(scenario.events);
    case Of::alarm:
      for (const auto& alarm : scenario.alarms) names.push_back(alarm.event.name);
      break;
    case Of::command:
      for (const auto& model : draft.models)
        for (const auto& command : model.commands) names.push_back(command.name);
      break;
    case Of::setpoint:
      for (const auto& model : draft.models)
        for (const auto& setpoint : model.setpoints) names.push_back(setpoint.name);
      break;
    case Of::publish:
      for (const auto& feed : scenario.feeds)
        if (!feed.inbound) names.push_back(feed.name);
      break;
  }
  return names;
}

void check_moments(Reader& reader, ExpectConfig& expect) {
  const auto& words = words_of(expect.of);
  for (auto& moment : expect.moments) {
    const auto found = words.find(moment.word);
    if (found != words.end()) {
      moment.kind = found->second;
      continue;
    }
    std::vector<std::string> all;
    for (const auto& [word, kind] : words) all.push_back(word);
    const char* article = expect.of == Of::event || expect.of == Of::alarm ? "an" : "a";
    reader.error(moment.span, fmt::format("{} {} is not {}", article, name_of(expect.of), moment.word),
                 "it is " + joined(all));
  }
}

void check_expect(Reader& reader, const Draft& draft, ExpectConfig& expect) {
  if (expect.name.empty()) {
    reader.error(expect.span, "an expectation says what it is about",
                 "write {alarm: overload, raised: 180 s}; or event, command, setpoint, publish");
    return;
  }
  const auto names = names_for(draft, expect.of);
  if (std::find(names.begin(), names.end(), expect.name) == names.end())
    reader.error(expect.name_span, fmt::format("'{}' is no {}", expect.name, name_of(expect.of)),
                 near_and_all(expect.name, names, name_of(expect.of) + std::string("s")));
  check_moments(reader, expect);
  if (expect.never && (!expect.moments.empty() || expect.count))
    reader.error(expect.span, "what never happens has no times", "remove 'never', or the times and 'count'");
  const bool by_rule = expect.of != Of::event && expect.of != Of::alarm;
  const auto rules = names_of(draft.scenario.rules);
  if (!expect.by.empty() && !by_rule)
    reader.error(expect.by_span, fmt::format("no rule makes an {}", name_of(expect.of)), "remove 'by'");
  else if (!expect.by.empty() && std::find(rules.begin(), rules.end(), expect.by) == rules.end())
    reader.error(expect.by_span, fmt::format("'{}' is no rule", expect.by),
                 near_and_all(expect.by, rules, "rules"));
  if (expect.value && expect.of != Of::setpoint)
    reader.error(*expect.value, "only setpoints are claimed with a value", "remove 'value'");
}

void check_requirements(Reader& reader, const Draft& draft, const TestDraft& test) {
  if (!test.simulated() && !test.requirements.empty())
    return reader.error(test.requirements_span, "requirements are looked at where the scenario is simulated",
                        "remove 'requirements', or 'given'");
  std::vector<std::string> names;
  for (const auto& requirement : draft.scenario.requirements) names.push_back(requirement.name);
  for (const auto& asked : test.requirements)
    if (std::none_of(names.begin(), names.end(), [&](const auto& n) { return glob_match(asked, n); }))
      reader.error(test.requirements_span, fmt::format("no requirement is called '{}'", asked),
                   near_and_all(asked, names, "requirements"));
}

}  // namespace

void resolve_tests(Reader& reader, Draft& draft) {
  for (auto& test : draft.tests) {
    for (auto& expect : test.expect) check_expect(reader, draft, expect);
    if (test.alarms && draft.scenario.alarms.empty())
      reader.error(test.alarms->span, "the scenario has no alarms, so that their limits say nothing",
                   "remove it, or write alarms: into the scenario");
    if (!test.simulated() && test.seeds > 1)
      reader.error(test.span,
                   fmt::format("the test '{}' is given what happens: seeds change little", test.name),
                   "remove 'seeds'");
    if (test.simulated() && !test.answers.empty())
      reader.error(test.answers.front().span, "devices that are simulated answer by themselves",
                   "remove 'answers', or write 'given'");
    check_requirements(reader, draft, test);
    for (size_t i = 0; &draft.tests[i] != &test; ++i)
      if (draft.tests[i].name == test.name) {
        reader.error(test.span, fmt::format("two tests are called '{}'", test.name), "rename one of them");
        break;
      }
    draft.scenario.tests.push_back(test);
  }
}

}  // namespace looptwin::testbed
