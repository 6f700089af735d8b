// Feeds, events, rules and alarms: that all they name exists, and that what they ask makes sense.
#include <fmt/format.h>
#include <map>

#include "base/text.h"
#include "mml/alarms.h"
#include "mml/notices.h"
#include "testbed/reading/resolve.h"

namespace looptwin::testbed {
namespace {

namespace fs = std::filesystem;

void check_feed(Reader& reader, const Scenario& scenario, const mml::FeedConfig& feed) {
  if (feed.name == mml::kLoopFeed)
    reader.error(feed.span, fmt::format("the feed '{}' is what the loop knows of itself", feed.name),
                 "choose another name");
  if (!feed.inbound) {
    if (feed.forecast)
      reader.error(feed.span, fmt::format("the outbound feed '{}' has no forecasts", feed.name),
                   "remove forecast:");
    if (!feed.signals.empty())
      reader.error(feed.signals[0].span, fmt::format("the outbound feed '{}' has no signals", feed.name),
                   "remove signals:, or direction: out");
    if (!feed.file.empty())
      reader.error(
          feed.span, fmt::format("the outbound feed '{}' reads no file", feed.name),
          fmt::format("remove file:, or direction: out; what is published is in feeds/{}.jsonl of the "
                      "run's folder",
                      feed.name));
    if (feed.longest_gap)
      reader.error(feed.span, fmt::format("the outbound feed '{}' has no holes", feed.name),
                   "remove longest_gap:");
    return;
  }
  if (!feed.signals.empty()) {
    if (!feed.file.empty())
      reader.error(feed.span, fmt::format("the feed '{}' has both a file and signals", feed.name),
                   "make two feeds of it");
    if (feed.longest_gap)
      reader.error(feed.span,
                   fmt::format("the feed '{}' has no holes: its signals are written down", feed.name),
                   "remove longest_gap:");
    return;
  }
  std::error_code ignored;
  if (feed.file.empty()) {
    reader.error(feed.span, fmt::format("the feed '{}' needs 'file': CSV with its signals", feed.name),
                 "or write signals: with their values, or direction: out, for what rules publish");
  } else if (!fs::is_regular_file(scenario.folder / feed.file, ignored)) {
    reader.error(feed.span, fmt::format("the feed '{}' has no file {}", feed.name, feed.file),
                 "paths are relative to the file that names them");
  }
}

/// A feed that nobody declared is where publications go into the run's folder, unless a declared one was
/// meant.
void check_publish(Reader& reader, Scenario& scenario, const std::string& name, const Span& span) {
  if (name.empty()) return;
  const auto* feed = find_named(scenario.feeds, name);
  if (feed) {
    if (!feed->inbound) return;
    reader.error(span, fmt::format("the feed '{}' is inbound", name),
                 "publish to one with direction: out, or to one that is not declared");
    return;
  }
  const auto hint = did_you_mean(name, names_of(scenario.feeds));
  if (!hint.empty()) {
    reader.error(span, fmt::format("the feed '{}' is unknown", name), hint);
  } else if (check_name(reader, name, span)) {
    scenario.feeds.push_back({.name = name, .span = span, .inbound = false});
  }
}

void check_event(Reader& reader, const Draft& draft, const mml::EventConfig& event, const char* what) {
  if (!event.each.empty())
    find_model(reader, draft.models, event.each, event.span, fmt::format("{} '{}'", what, event.name));
  if (event.clear && event.deadband)
    reader.error(event.span, fmt::format("{} '{}' has 'clear' and 'deadband'", what, event.name),
                 "a deadband says how raise: ends; keep one of them");
  if (event.latched && !event.reset)
    reader.error(event.span, fmt::format("{} '{}' is latched, and nothing resets it", what, event.name),
                 "write reset: with a condition, as an operator's button that somebody presses");
  if (event.reset && !event.latched)
    reader.error(*event.reset,
                 fmt::format("{} '{}' is not latched: nothing is to be reset", what, event.name),
                 "write latched: true as well, or remove reset:");
}

/// How often a derived value or a machine's state is kept.
template <typename Config>
void check_kept(Reader& reader, const Draft& draft, const Config& kept, const char* hint) {
  const Duration cycle = draft.scenario.cycle;
  if (draft.scenario.least_cycle && kept.every.ns > 0)
    reader.error(kept.span,
                 fmt::format("'{}' is kept every {}, but boundaries come on arrival", kept.name,
                             to_string(kept.every)),
                 "leave 'every' out, or write a fixed cycle");
  else if (cycle.ns > 0 && kept.every.ns % cycle.ns != 0)
    reader.error(kept.span,
                 fmt::format("'{}' is kept every {}, which is no multiple of the cycle of {}", kept.name,
                             to_string(kept.every), to_string(cycle)),
                 hint);
}

void check_derived(Reader& reader, Draft& draft, const mml::DerivedConfig& derived) {
  if (!derived.each.empty())
    find_model(reader, draft.models, derived.each, derived.span,
               fmt::format("derived value '{}'", derived.name));
  if (derived.boolean == !derived.unit.text.empty())
    reader.error(derived.span, fmt::format("derived value '{}' needs one of unit and boolean", derived.name),
                 "write unit: 1 for a number without unit");
  check_kept(reader, draft, derived, "values are computed at the cycle's boundaries: write a multiple of it");
  if (!derived.publish.empty() && derived.every.ns == 0)
    reader.error(derived.publish_span,
                 fmt::format("'{}' is published as often as it is kept, which is never", derived.name),
                 "write every: with how often, as 1 min");
  check_publish(reader, draft.scenario, derived.publish, derived.publish_span);
}

void check_machine(Reader& reader, const Draft& draft, const mml::MachineConfig& machine) {
  if (!machine.each.empty())
    find_model(reader, draft.models, machine.each, machine.span, fmt::format("machine '{}'", machine.name));
  check_kept(reader, draft, machine, "states change at the cycle's boundaries: write a multiple of it");
}

using Members = std::vector<const mml::EventConfig*>;

void check_first_out(Reader& reader, const std::string& group, const Members& members,
                     const std::vector<std::string>& others) {
  constexpr size_t kMost = 254;  // a word is a byte, and one is `none`
  const auto& first = *members.front();
  if (members.size() == 1) {
    const auto near = did_you_mean(group, others);
    reader.error(first.span, fmt::format("'{}' is alone in first_out: '{}'", first.name, group),
                 near.empty() ? "write the same group at the events that it may come before" : near);
  }
  if (members.size() > kMost)
    reader.error(first.span, fmt::format("first_out: {} has {} members", group, members.size()),
                 fmt::format("a group has {} at the most", kMost));
  const auto place = [](const mml::EventConfig& event) {
    return event.each.empty() ? std::string("one for all") : fmt::format("on each '{}'", event.each);
  };
  for (const auto* member : members) {
    if (member->each != first.each)
      reader.error(
          member->span,
          fmt::format("'{}' is {}, '{}' of the same first_out: {} is {}", member->name, place(*member),
                      first.name, group, place(first)),
          "a group is of the same devices; what another device knows is read over a relation, as raise: "
          "motor.overheated");
    if (member->name == "none")
      reader.error(member->span, "'none' is what a first-out says while nothing stands", "rename it");
  }
}

/// Groups of which the first to rise is kept.
void check_first_outs(Reader& reader, const Scenario& scenario) {
  std::map<std::string, Members> groups;
  for (const auto& event : scenario.events) groups[event.first_out].push_back(&event);
  for (const auto& alarm : scenario.alarms)
    if (alarm.of.empty() && !alarm.flood) groups[alarm.event.first_out].push_back(&alarm.event);
  groups.erase(std::string());
  for (const auto& [group, members] : groups) {
    std::vector<std::string> others;
    for (const auto& [other, unused] : groups)
      if (other != group) others.push_back(other);
    check_first_out(reader, group, members, others);
  }
}

/// A flood stands for other alarms, which have conditions.
void check_flood(Reader& reader, const Draft& draft, const mml::AlarmConfig& alarm) {
  const auto& alarms = draft.scenario.alarms;
  const auto& flood = *alarm.flood;
  for (const auto& member : flood.of) {
    const auto found = std::find_if(alarms.begin(), alarms.end(),
                                    [&](const auto& other) { return other.event.name == member; });
    std::vector<std::string> names;
    for (const auto& other : alarms)
      if (!other.flood) names.push_back(other.event.name);
    if (found == alarms.end() || found->flood)
      reader.error(flood.span,
                   fmt::format("alarm '{}' stands for '{}', which is no alarm with a condition",
                               alarm.event.name, member),
                   near_and_all(member, names, "alarms"));
  }
  if (flood.ends_below > flood.more_than + 1)
    reader.error(flood.span, fmt::format("the flood '{}' would end as it begins", alarm.event.name),
                 "ends_below: is at most one more than more_than:");
}

/// Where it takes its state from: one of raise, of and flood.
void check_source(Reader& reader, const mml::AlarmConfig& alarm) {
  const auto& event = alarm.event;
  const bool condition = event.raise.source != nullptr;
  if (condition + !alarm.of.empty() + alarm.flood.has_value() != 1)
    reader.error(event.span, fmt::format("alarm '{}' needs one of 'raise', 'of' and 'flood'", event.name),
                 condition ? "remove the others"
                           : "write raise: with a condition, of: with an event, or flood: with alarms");
  const bool own = !event.each.empty() || event.clear || event.deadband || event.on_delay.ns ||
                   event.off_delay.ns || !event.first_out.empty();
  if (condition || !own) return;
  if (alarm.flood)
    reader.error(event.span, fmt::format("alarm '{}' is of a flood, which is one for all", event.name),
                 "remove each, delays, clear, deadband and first_out");
  else if (!alarm.of.empty())
    reader.error(event.span, fmt::format("alarm '{}' is of an event, which has the condition", event.name),
                 "move each, delays, clear, deadband and first_out there");
}

/// What is said of an alarm is said with words.
void check_reasons(Reader& reader, const mml::AlarmConfig& alarm) {
  const auto& name = alarm.event.name;
  for (const auto& [key, prose] :
       {std::pair("cause", &alarm.cause), std::pair("consequence", &alarm.consequence),
        std::pair("action", &alarm.action)})
    if (prose->span.source && prose->text.find_first_not_of(" \t\n") == std::string::npos)
      reader.error(prose->span, fmt::format("the {} of alarm '{}' is empty", key, name),
                   "say it; an alarm that nobody can act on is an event");
  if (alarm.escalate_to && *alarm.escalate_to <= alarm.priority)
    reader.error(alarm.event.span,
                 fmt::format("alarm '{}' escalates to {}, and is {} before", name,
                             mml::name_of(*alarm.escalate_to), mml::name_of(alarm.priority)),
                 "escalate_to: is a higher priority");
}

void check_alarm(Reader& reader, const Draft& draft, const mml::AlarmConfig& alarm) {
  const auto& event = alarm.event;
  const auto& events = draft.scenario.events;
  check_event(reader, draft, event, "alarm");
  check_source(reader, alarm);
  check_reasons(reader, alarm);
  if (alarm.flood) check_flood(reader, draft, alarm);
  if (!alarm.of.empty() && !find_named(events, alarm.of))
    reader.error(event.span, fmt::format("alarm '{}' is of the unknown event '{}'", event.name, alarm.of),
                 near_and_all(alarm.of, names_of(events), "events"));
  const auto* same = find_named(events, event.name);
  if (same && alarm.of != event.name)
    reader.error(event.span, fmt::format("'{}' is an event's name already", event.name),
                 "rename the alarm, or write of: " + event.name);
}

/// What a rule's actions may be about: the model of the event's devices, and who is related to it.
class Targets {
 public:
  Targets(Reader& reader, const Draft& draft, const mml::RuleConfig& rule, const mml::EventConfig& event)
      : reader_(reader),
        draft_(draft),
        rule_(rule),
        event_(event),
        model_(find_named(draft.models, event.each)) {}

  /// The target's model, or null after having reported why there is none.
  const ModelDraft* find(const std::string& target, const Span& span) {
    if (target.empty() || (!model_ && !event_.each.empty())) return nullptr;  // reported where it stands
    if (!model_) {  // an event of the site: its targets are all devices of a model
      return find_model(reader_, draft_.models, target, span,
                        fmt::format("rule '{}', whose event '{}' is one for all,", rule_.name, event_.name));
    }
    if (target == "self") return model_;
    std::vector<std::string> names = {"self"};
    for (const auto& relation : model_->relations) {
      if (relation.name == target) return find_named(draft_.models, relation.to);
      names.push_back(relation.name);
    }
    for (const auto& other : draft_.models) {
      for (const auto& relation : other.relations) {
        if (relation.to != model_->name) continue;
        if (relation.inverse == target) return &other;
        names.push_back(relation.inverse);
      }
    }
    reader_.error(span,
                  fmt::format("the target '{}' is neither a relation of '{}' nor self", target, model_->name),
                  near_and_all(target, names, "targets"));
    return nullptr;
  }

 private:
  Reader& reader_;
  const Draft& draft_;
  const mml::RuleConfig& rule_;
  const mml::EventConfig& event_;
  const ModelDraft* model_;
};

void check_override(Reader& reader, Targets& targets, const mml::OverrideConfig& override) {
  const auto* model = targets.find(override.target, override.span);
  if (!model) return;
  for (const auto& claim : override.set)
    if (!find_named(model->setpoints, claim.setpoint))
      reader.error(claim.name_span,
                   fmt::format("the model '{}' has no setpoint '{}'", model->name, claim.setpoint),
                   near_and_all(claim.setpoint, names_of(model->setpoints), "setpoints"));
}

void check_send(Reader& reader, Targets& targets, const mml::SendConfig& send) {
  const auto* model = targets.find(send.target, send.span);
  if (model && !send.command.empty() && !find_named(model->commands, send.command))
    reader.error(send.span, fmt::format("the model '{}' has no command '{}'", model->name, send.command),
                 near_and_all(send.command, names_of(model->commands), "commands"));
}

/// That each step does or awaits something, and says no more of waiting than it needs.
void check_step(Reader& reader, const mml::RuleConfig& rule, const mml::StepConfig& step) {
  if (step.actions.empty() && !step.until)
    reader.error(step.span, fmt::format("a step of rule '{}' does nothing", rule.name),
                 "write do:, until: or both");
  if (step.within.ns > 0 && !step.until)
    reader.error(step.span, fmt::format("a step of rule '{}' has 'within', and waits for nothing", rule.name),
                 "write until: with what ends it, or remove within:");
  if (step.otherwise && step.within.ns == 0)
    reader.error(step.otherwise->span,
                 fmt::format("a step of rule '{}' has 'else', and waits as long as it takes", rule.name),
                 "write within: with how long 'until' is waited for");
  if (step.otherwise && step.otherwise->empty() && !step.otherwise->stop)
    reader.error(step.otherwise->span,
                 fmt::format("the 'else' of a step of rule '{}' does nothing", rule.name),
                 "write send:, publish: or then: stop, or remove it");
}

/// All that the rule does, at once or in steps.
std::vector<const mml::ActionsConfig*> actions_of(const mml::RuleConfig& rule) {
  std::vector<const mml::ActionsConfig*> all = {&rule};
  for (const auto& step : rule.steps) {
    all.push_back(&step.actions);
    if (step.otherwise) all.push_back(&*step.otherwise);
  }
  return all;
}

/// What can be said of a rule without its event.
void check_form(Reader& reader, const mml::RuleConfig& rule) {
  if (rule.empty() && rule.steps.empty())
    reader.error(rule.span, fmt::format("rule '{}' does nothing", rule.name),
                 "write override:, send:, publish: or steps:");
  if (!rule.empty() && !rule.steps.empty())
    reader.error(rule.steps[0].span, fmt::format("rule '{}' has steps, and acts beside them", rule.name),
                 "move what it does into the do: of its first step");
  for (const auto& step : rule.steps) check_step(reader, rule, step);
  for (const auto* actions : actions_of(rule))
    if (rule.trigger != mml::Trigger::while_standing && !actions->overrides.empty())
      reader.error(actions->overrides[0].span,
                   fmt::format("rule '{}' overrides at a moment; an override is held while its event stands",
                               rule.name),
                   fmt::format("write while: {}", rule.event));
}

void check_rule(Reader& reader, Draft& draft, const mml::RuleConfig& rule) {
  auto& scenario = draft.scenario;
  const auto all = actions_of(rule);
  for (const auto* actions : all)
    for (const auto& publish : actions->publishes)
      check_publish(reader, scenario, publish.feed, publish.span);
  check_form(reader, rule);
  if (!rule.event_span.source)
    return reader.error(rule.span, fmt::format("rule '{}' needs its event", rule.name),
                        "write while:, when_raised: or when_cleared: with an event");
  const auto* event = find_named(scenario.events, rule.event);
  auto names = names_of(scenario.events);
  for (const auto& alarm : scenario.alarms) {
    const auto& name = alarm.event.name;
    const bool meant = event == nullptr && name == rule.event;
    if (alarm.flood || !alarm.of.empty()) {
      if (meant)
        return reader.error(
            rule.event_span,
            fmt::format("rule '{}' is about the alarm '{}', which is no event", rule.name, name),
            alarm.flood ? "write one of the alarms that it stands for, or an event"
                        : fmt::format("write its event: {}", alarm.of));
      continue;
    }
    // An alarm with a condition of its own is an event, too.
    names.push_back(name);
    if (meant) event = &alarm.event;
  }
  if (!event)
    return reader.error(rule.event_span,
                        fmt::format("rule '{}' is about the unknown event '{}'", rule.name, rule.event),
                        near_and_all(rule.event, names, "events"));
  Targets targets(reader, draft, rule, *event);
  for (const auto* actions : all) {
    for (const auto& override : actions->overrides) check_override(reader, targets, override);
    for (const auto& send : actions->sends) check_send(reader, targets, send);
  }
}

void check_earlier_runs(Reader& reader, const Scenario& scenario) {
  std::error_code ignored;
  for (const auto& run : scenario.history_from)
    if (!fs::is_regular_file(scenario.folder / run.folder / "manifest.json", ignored))
      reader.error(run.span, fmt::format("there is no run in {}", run.folder),
                   "name the folder of a run; paths are relative to the file that names them");
}

}  // namespace

const ModelDraft* find_model(Reader& reader, const std::vector<ModelDraft>& models, const std::string& name,
                             const Span& span, const std::string& what) {
  if (const auto* model = find_named(models, name)) return model;
  reader.error(span, fmt::format("{} names the unknown model '{}'", what, name),
               near_and_all(name, names_of(models), "models"));
  return nullptr;
}

std::string near_and_all(const std::string& word, const std::vector<std::string>& candidates,
                         const std::string& what) {
  if (candidates.empty()) return fmt::format("there are no {}", what);
  const auto near = did_you_mean(word, candidates);
  return fmt::format("{}{}{}: {}", near, near.empty() ? "" : " ", what, joined(candidates));
}

namespace {

void check_requirement(Reader& reader, const Draft& draft, const RequirementConfig& requirement) {
  const auto what = fmt::format("the requirement '{}'", requirement.name);
  if (!requirement.each.empty()) find_model(reader, draft.models, requirement.each, requirement.span, what);
  const int asked =
      requirement.always.has_value() + requirement.holds.has_value() + requirement.eventually.has_value();
  if (asked != 1)
    reader.error(requirement.span,
                 fmt::format("{} {}", what, asked == 0 ? "has no formula" : "has more than one formula"),
                 "write one of always:, holds: and eventually:");
  if (requirement.where && requirement.each.empty())
    reader.error(*requirement.where, fmt::format("{} is of no devices that where: could choose from", what),
                 "write each: with a model");
}

void check_requirements(Reader& reader, const Draft& draft) {
  const auto& all = draft.scenario.requirements;
  for (size_t r = 0; r < all.size(); ++r) {
    check_requirement(reader, draft, all[r]);
    for (size_t s = 0; s < r; ++s)
      if (all[s].name == all[r].name)
        reader.error(all[r].span, fmt::format("two requirements are called '{}'", all[r].name),
                     "give one of them another name");
  }
}

}  // namespace

void resolve_loop(Reader& reader, Draft& draft) {
  auto& scenario = draft.scenario;
  for (size_t f = 0; f < draft.feeds.size(); ++f) {
    const auto& feed = scenario.feeds[f];
    const bool is_reported = draft.feeds[f].python && feed.signals.empty();  // what its class did not give
    if (!is_reported) check_feed(reader, scenario, feed);
  }
  for (const auto& derived : scenario.derived) check_derived(reader, draft, derived);
  for (const auto& machine : scenario.machines) check_machine(reader, draft, machine);
  for (const auto& event : scenario.events) check_event(reader, draft, event, "event");
  for (const auto& alarm : scenario.alarms) check_alarm(reader, draft, alarm);
  check_first_outs(reader, scenario);
  for (const auto& rule : scenario.rules) check_rule(reader, draft, rule);
  check_earlier_runs(reader, scenario);
  check_requirements(reader, draft);
  for (const auto& history : scenario.history)
    find_model(reader, draft.models, history.model, history.span, "a history entry");
}

void resolve(Reader& reader, Draft& draft) {
  // What refers to the elements of a plant that cannot be built would be called dangling, wrongly.
  if (!resolve_python(reader, draft) || !resolve_plants(reader, draft)) return;
  resolve_models(reader, draft.models);
  resolve_fleet(reader, draft);
  resolve_faults(reader, draft);
  resolve_loop(reader, draft);
  resolve_people(reader, draft);
  resolve_tests(reader, draft);
  resolve_names(reader, draft);
  for (const auto& model : draft.models) {
    draft.scenario.models.push_back(model);
    draft.scenario.devices.push_back(model.device);
  }
}

}  // namespace looptwin::testbed
