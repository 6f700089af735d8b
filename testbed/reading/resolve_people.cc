// What people may do, and what they do in the script: that all they name exists, and that values fit.
#include <fmt/format.h>
#include <algorithm>

#include "base/text.h"
#include "lang/readable.h"
#include "testbed/reading/load.h"
#include "testbed/reading/resolve.h"

namespace looptwin::testbed {
namespace {

using twin::OperatorSubject;
using twin::OperatorVerb;

/// What a verb is about: where it stands in the scenario, and on which model.
struct Subject {
  OperatorSubject of = OperatorSubject::input;
  size_t index = 0;
  std::string each;
};

std::vector<std::string> roles_of(const Scenario& scenario) {
  std::vector<std::string> roles;
  for (const auto& person : scenario.people)
    for (const auto& role : person.roles)
      if (std::find(roles.begin(), roles.end(), role) == roles.end()) roles.push_back(role);
  return roles;
}

void check_role(Reader& reader, const Scenario& scenario, const std::string& role, const Span& span) {
  const auto roles = roles_of(scenario);
  if (role.empty() || std::find(roles.begin(), roles.end(), role) != roles.end()) return;
  reader.error(span, fmt::format("nobody has the role '{}'", role), near_and_all(role, roles, "roles"));
}

/// The names that each kind of subject has in the scenario, and the model of each.
class Subjects {
 public:
  explicit Subjects(const Scenario& s) {
    for (const auto& input : s.inputs) add(OperatorSubject::input, input.name, input.each);
    for (const auto& alarm : s.alarms)
      add(OperatorSubject::alarm, alarm.event.name,
          alarm.of.empty() ? alarm.event.each : model_of_event(s, alarm.of));
  }

  std::optional<Subject> find(OperatorSubject of, const std::string& name) const {
    size_t index = 0;
    for (const auto& one : all_) {
      if (one.of != of) continue;
      if (one.name == name) return Subject{of, index, one.each};
      ++index;
    }
    return std::nullopt;
  }
  std::vector<std::string> names(OperatorSubject of) const {
    std::vector<std::string> names;
    for (const auto& one : all_)
      if (one.of == of) names.push_back(one.name);
    return names;
  }

 private:
  struct One {
    OperatorSubject of;
    std::string name, each;
  };
  static std::string model_of_event(const Scenario& s, const std::string& name) {
    if (const auto* event = find_named(s.events, name)) return event->each;
    for (const auto& alarm : s.alarms)
      if (alarm.event.name == name) return alarm.event.each;
    return {};
  }
  void add(OperatorSubject of, const std::string& name, const std::string& each) {
    all_.push_back({of, name, each});
  }
  std::vector<One> all_;
};

std::optional<Subject> find_subject(Reader& reader, const Scenario& scenario, const Subjects& subjects,
                                    const ScriptDraft::Act& act) {
  const bool of_input = act.verb == OperatorVerb::set || act.verb == OperatorVerb::press;
  const auto of = of_input ? OperatorSubject::input : OperatorSubject::alarm;
  auto found = subjects.find(of, act.subject);
  const auto* event = find_named(scenario.events, act.subject);
  if (!found && event != nullptr && act.verb == OperatorVerb::reset)
    reader.error(act.span, fmt::format("'{}' is an event: it is reset by its own 'reset'", act.subject),
                 "write reset: at the event with an operator's button, and press: with that button here");
  else if (!found && event != nullptr && !of_input)
    reader.error(act.span, fmt::format("'{}' is an event, which disturbs nobody", act.subject),
                 fmt::format("write an alarm with of: {}", act.subject));
  else if (!found)
    reader.error(act.span, fmt::format("'{}' is no {}", act.subject, of_input ? "operator's input" : "alarm"),
                 near_and_all(act.subject, subjects.names(of), of_input ? "inputs" : "alarms"));
  return found;
}

/// The value that an input is set to, in SI, of its type and in its range.
std::optional<double> read_value(Reader& reader, const mml::InputConfig& input, const yaml::Node& node) {
  if (input.kind == mml::InputKind::button) {
    reader.error(node.span, fmt::format("'{}' is a button", input.name), "write press: " + input.name);
    return std::nullopt;
  }
  if (!input.words.empty()) return code(reader, node, input.words);
  if (input.boolean) {
    const auto value = boolean().read(reader, node);
    return value ? std::optional(*value ? 1.0 : 0.0) : std::nullopt;
  }
  const auto value = quantity(reader, node, input.unit, false);
  if (value && input.range && (*value < input.range->low || *value > input.range->high)) {
    reader.error(node.span, fmt::format("{} is outside of what '{}' can be", node.text, input.name),
                 fmt::format("write {:.6g} to {:.6g}{}", input.unit.from_si(input.range->low),
                             input.unit.from_si(input.range->high), lang::behind_number(input.unit)));
    return std::nullopt;
  }
  return value;
}

void add_act(Reader& reader, const Scenario& scenario, const Subjects& subjects, const ScriptDraft& draft,
             const ScriptDraft::Act& act, ScriptConfig entry, std::vector<ScriptConfig>& out) {
  const auto subject = find_subject(reader, scenario, subjects, act);
  if (!subject) return;
  entry.action.verb = act.verb;
  entry.action.of = subject->of;
  entry.action.subject = static_cast<uint16_t>(subject->index);
  entry.model = subject->each;
  if (entry.model.empty() && !draft.device.empty())
    reader.error(draft.device_span, fmt::format("'{}' is one for all", act.subject), "remove 'device'");
  if (!entry.model.empty() && draft.device.empty())
    reader.error(act.span, fmt::format("'{}' is on each device of '{}'", act.subject, entry.model),
                 "write device: with an id, or with a pattern as \"**\"");
  if (subject->of == OperatorSubject::input) {
    const auto& input = scenario.inputs[subject->index];
    if (act.verb == OperatorVerb::press && input.kind != mml::InputKind::button)
      return reader.error(act.span, fmt::format("'{}' is no button", act.subject),
                          fmt::format("write set: {{{}: ...}}", act.subject));
    if (act.verb == OperatorVerb::set) {
      const auto value = read_value(reader, input, *act.value);
      if (!value) return;
      entry.action.value = *value;
    }
  }
  out.push_back(std::move(entry));
}

void check_entry(Reader& reader, const ScriptDraft& draft) {
  const auto has = [&](OperatorVerb verb) {
    return std::any_of(draft.acts.begin(), draft.acts.end(),
                       [&](const auto& act) { return act.verb == verb; });
  };
  if (draft.acts.empty())
    reader.error(draft.span, "an entry of the script does nothing", "write set:, press:, acknowledge: ...");
  if (has(OperatorVerb::comment) && draft.comment.empty())
    reader.error(draft.span, "'comment_on' needs 'comment'", "write what is to be said");
  if (has(OperatorVerb::shelve) && draft.lasts.ns == 0)
    reader.error(draft.span, "'shelve' needs 'for'", "write how long, as for: 2 h");
  const bool lasting = has(OperatorVerb::set) || has(OperatorVerb::shelve);
  if (draft.lasts.ns > 0 && !draft.acts.empty() && !lasting)
    reader.error(draft.span, "nothing in this entry has a length",
                 "remove 'for': what was set, and what is shelved, ends by itself; all else a person ends");
}

void read_entry(Reader& reader, const Draft& draft, const Subjects& subjects, const ScriptDraft& from,
                std::vector<ScriptConfig>& out) {
  const auto& scenario = draft.scenario;
  check_entry(reader, from);
  ScriptConfig entry{.span = from.span, .device = from.device};
  entry.action.duration = from.lasts;
  entry.action.comment = from.comment;
  if ((from.at != nullptr) == from.after.has_value()) {
    reader.error(from.span, "an entry of the script has one of after and at",
                 "write after: 2 h from the start, or at: \"14:00\"");
  } else if (from.after) {
    entry.action.at = kStart + *from.after;
  } else if (const auto at = read_at(reader, draft, *from.at)) {
    entry.action.at = *at;
  }
  const auto& people = scenario.people;
  const auto person =
      std::find_if(people.begin(), people.end(), [&](const auto& p) { return p.name == from.by; });
  if (person == people.end() && from.by_span.source)
    reader.error(from.by_span, fmt::format("'{}' is nobody that is declared", from.by),
                 near_and_all(from.by, names_of(people), "people"));
  entry.action.by = static_cast<uint16_t>(person - people.begin());
  for (const auto& act : from.acts) add_act(reader, scenario, subjects, from, act, entry, out);
}

std::vector<ScriptConfig> read_script(Reader& reader, const Draft& draft, const Subjects& subjects,
                                      const std::vector<ScriptDraft>& entries) {
  std::vector<ScriptConfig> script;
  for (const auto& entry : entries) read_entry(reader, draft, subjects, entry, script);
  std::stable_sort(script.begin(), script.end(),
                   [](const auto& a, const auto& b) { return a.action.at < b.action.at; });
  return script;
}

}  // namespace

void resolve_people(Reader& reader, Draft& draft) {
  auto& scenario = draft.scenario;
  const size_t before = reader.problems.size();
  for (auto& input : draft.inputs) {
    finish(reader, input);
    if (!input.each.empty())
      find_model(reader, draft.models, input.each, input.span, fmt::format("input '{}'", input.name));
    check_role(reader, scenario, input.role, input.role_span);
    scenario.inputs.push_back(input);
  }
  for (const auto& alarm : scenario.alarms) check_role(reader, scenario, alarm.role, alarm.event.span);
  if (reader.problems.size() > before) return;  // values of the script are of the inputs' types
  const Subjects subjects(scenario);
  scenario.script = read_script(reader, draft, subjects, draft.script);
  for (auto& test : draft.tests) test.script = read_script(reader, draft, subjects, test.acts);
}

Result<std::vector<ScriptConfig>> read_act(const Scenario& scenario, const lang::Units& units,
                                           const SourcePtr& text) {
  Diagnostics problems;
  Reader reader{units, problems};
  const auto root = yaml::parse(text, problems).root;
  ScriptDraft entry{.span = root.span};
  if (problems.empty()) script_section().read(reader, root, root.span, entry);
  // A draft for nothing but read_at()'s civil time.
  Draft draft;
  draft.scenario = scenario;
  if (auto zone = Timezone::load(scenario.timezone)) draft.zone = std::move(*zone);
  if (!entry.after && entry.at == nullptr) entry.after = Duration{};
  auto script = std::vector<ScriptConfig>();
  if (problems.empty()) script = read_script(reader, draft, Subjects(scenario), {entry});
  if (!problems.empty()) return tl::make_unexpected(std::move(problems));
  return script;
}

}  // namespace looptwin::testbed
