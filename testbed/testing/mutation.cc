#include "testbed/testing/mutation.h"

#include <fmt/format.h>
#include <algorithm>

#include "testbed/testing/mutation_expressions.h"

namespace looptwin::testbed {
namespace {

/// Where something stands in a scenario, also in a copy of it.
template <typename T>
using In = std::function<T&(Scenario&)>;

class Mutants {
 public:
  Mutants(const Scenario& scenario, const lang::Units& units) : scenario_(scenario), units_(units) {}

  std::vector<Mutant> find() {
    for (size_t i = 0; i < scenario_.derived.size(); ++i) {
      const auto& derived = scenario_.derived[i];
      if (derived.words.empty())
        expression("derived." + derived.name, "derived value " + derived.name, derived.value,
                   [i](Scenario& s) -> Span& { return s.derived[i].value; });
    }
    for (size_t i = 0; i < scenario_.machines.size(); ++i) machine(i);
    for (size_t i = 0; i < scenario_.events.size(); ++i)
      event("events.", "event ", scenario_.events[i],
            [i](Scenario& s) -> mml::EventConfig& { return s.events[i]; });
    for (size_t i = 0; i < scenario_.alarms.size(); ++i) {
      const auto& alarm = scenario_.alarms[i];
      if (alarm.of.empty() && !alarm.flood)
        event("alarms.", "alarm ", alarm.event,
              [i](Scenario& s) -> mml::EventConfig& { return s.alarms[i].event; });
      optional_dropped(
          "alarms." + alarm.event.name, alarm.suppressed_while, "suppressed_while",
          [i](Scenario& s) -> std::optional<Span>& { return s.alarms[i].suppressed_while; },
          "a test in which the alarm is suppressed");
    }
    for (size_t i = 0; i < scenario_.rules.size(); ++i) rule(i);
    return std::move(out_);
  }

 private:
  void add(const Span& span, std::string what, std::string hint, std::function<void(Scenario&)> apply) {
    out_.push_back({span, std::move(what), std::move(hint), std::move(apply)});
  }

  void expression(const std::string& place, const std::string& of, const Span& text, const In<Span>& in) {
    if (!text.source) return;
    for (const auto& edit : edits_of(text, of, units_))
      add(edit.span, fmt::format("{}: {}", place, edit.what), edit.hint,
          [in, edit](Scenario& s) { in(s) = edited(in(s), edit); });
  }

  void duration(const std::string& place, const Span& span, Duration is, const In<Duration>& in,
                bool droppable) {
    if (is.ns <= 0) return;
    const auto changed = [&](Duration to) {
      add(span, fmt::format("{}: {} became {}", place, to_string(is), to_string(to)),
          fmt::format("a test in which it takes between {} and {}", to_string(std::min(is, to)),
                      to_string(std::max(is, to))),
          [in, to](Scenario& s) { in(s) = to; });
    };
    changed(is * 2);
    if (!droppable) return changed({is.ns / 2});
    add(span, fmt::format("{}: {} was dropped", place, to_string(is)),
        fmt::format("a test in which it lasts for less than {}", to_string(is)),
        [in](Scenario& s) { in(s) = {}; });
  }

  void optional_dropped(const std::string& place, const std::optional<Span>& is, const std::string& key,
                        const In<std::optional<Span>>& in, const std::string& hint) {
    if (!is) return;
    add(*is, fmt::format("{}: '{}' was dropped", place, key), hint, [in](Scenario& s) { in(s).reset(); });
    expression(place + "." + key, place, *is, [in](Scenario& s) -> Span& { return *in(s); });
  }

  void event(const char* section, const char* kind, const mml::EventConfig& e,
             const In<mml::EventConfig>& in) {
    const auto place = section + e.name;
    const auto of = kind + e.name;
    expression(place + ".raise", of, e.raise, [in](Scenario& s) -> Span& { return in(s).raise; });
    optional_dropped(
        place, e.clear, "clear", [in](Scenario& s) -> std::optional<Span>& { return in(s).clear; },
        fmt::format("a test in which {} neither raises nor clears for a while, and stands on", of));
    optional_dropped(
        place, e.deadband, "deadband", [in](Scenario& s) -> std::optional<Span>& { return in(s).deadband; },
        fmt::format("a test in which the value returns by less than the deadband, and {} stands on", of));
    if (!e.latched)
      optional_dropped(
          place, e.bypassed_while, "bypassed_while",
          [in](Scenario& s) -> std::optional<Span>& { return in(s).bypassed_while; },
          fmt::format("a test in which {} is bypassed", of));
    duration(
        place + ".on_delay", e.span, e.on_delay, [in](Scenario& s) -> Duration& { return in(s).on_delay; },
        true);
    duration(
        place + ".off_delay", e.span, e.off_delay, [in](Scenario& s) -> Duration& { return in(s).off_delay; },
        true);
  }

  void machine(size_t i) {
    const auto& machine = scenario_.machines[i];
    for (size_t t = 0; t < machine.transitions.size(); ++t)
      if (machine.transitions[t].when)
        expression(fmt::format("machines.{}.transitions.{}", machine.name, t), "machine " + machine.name,
                   *machine.transitions[t].when,
                   [i, t](Scenario& s) -> Span& { return *s.machines[i].transitions[t].when; });
  }

  void verify(const std::string& place, const std::optional<mml::VerifyConfig>& is,
              const In<std::optional<mml::VerifyConfig>>& in) {
    if (!is) return;
    expression(place + ".verify.that", place, is->that, [in](Scenario& s) -> Span& { return in(s)->that; });
    duration(
        place + ".verify.within", is->span, is->within,
        [in](Scenario& s) -> Duration& { return in(s)->within; }, false);
  }

  /// Relations of the model that lead where this one leads.
  std::vector<std::string> other_targets(const std::string& each, const std::string& target) const {
    struct Way {
      std::string name, to;
    };
    std::vector<Way> ways;
    for (const auto& model : scenario_.models)
      for (const auto& relation : model.relations) {
        if (model.name == each) ways.push_back({relation.name, relation.to});
        if (relation.to == each && !relation.inverse.empty()) ways.push_back({relation.inverse, model.name});
      }
    const auto own = std::find_if(ways.begin(), ways.end(), [&](const auto& w) { return w.name == target; });
    std::vector<std::string> others;
    for (const auto& way : ways)
      if (own != ways.end() && way.to == own->to && way.name != target) others.push_back(way.name);
    return others;
  }

  std::vector<std::string> other_commands(const std::string& command) const {
    for (const auto& model : scenario_.models) {
      const auto has = [&](const std::string& name) {
        return std::any_of(model.commands.begin(), model.commands.end(),
                           [&](const auto& c) { return c.name == name; });
      };
      if (!has(command)) continue;
      std::vector<std::string> others;
      for (const auto& c : model.commands)
        if (c.name != command) others.push_back(c.name);
      return others;
    }
    return {};
  }

  const std::string& each_of(const std::string& event) const {
    static const std::string kSite;
    for (const auto& e : scenario_.events)
      if (e.name == event) return e.each;
    for (const auto& a : scenario_.alarms)
      if (a.event.name == event) return a.event.each;
    return kSite;
  }

  void actions(const std::string& place, const std::string& each, const mml::ActionsConfig& is,
               const In<mml::ActionsConfig>& in) {
    for (size_t o = 0; o < is.overrides.size(); ++o)
      override(place, each, is.overrides[o],
               [in, o](Scenario& s) -> mml::OverrideConfig& { return in(s).overrides[o]; });
    for (size_t k = 0; k < is.sends.size(); ++k) {
      const auto& send = is.sends[k];
      const auto there = [in, k](Scenario& s) -> mml::SendConfig& { return in(s).sends[k]; };
      add(send.span, fmt::format("{}: the command '{}' was not sent", place, send.command),
          fmt::format("a test that expects the command {}", send.command),
          [in, k](Scenario& s) { in(s).sends.erase(in(s).sends.begin() + static_cast<std::ptrdiff_t>(k)); });
      for (const auto& other : other_commands(send.command))
        add(send.span, fmt::format("{}: the command '{}' became '{}'", place, send.command, other),
            fmt::format("a test that expects the command {}", send.command),
            [there, other](Scenario& s) { there(s).command = other; });
      for (const auto& other : other_targets(each, send.target))
        add(send.span, fmt::format("{}: the target '{}' became '{}'", place, send.target, other),
            "a test that says which devices get the command",
            [there, other](Scenario& s) { there(s).target = other; });
      optional_dropped(
          place, send.where, "where", [there](Scenario& s) -> std::optional<Span>& { return there(s).where; },
          "a test with a device that the command must not reach");
      verify(place, send.verify,
             [there](Scenario& s) -> std::optional<mml::VerifyConfig>& { return there(s).verify; });
    }
    for (size_t p = 0; p < is.publishes.size(); ++p)
      add(is.publishes[p].span, fmt::format("{}: nothing was published to '{}'", place, is.publishes[p].feed),
          fmt::format("a test that expects a publication to {}", is.publishes[p].feed), [in, p](Scenario& s) {
            in(s).publishes.erase(in(s).publishes.begin() + static_cast<std::ptrdiff_t>(p));
          });
  }

  void override(const std::string& place, const std::string& each, const mml::OverrideConfig& is,
                const In<mml::OverrideConfig>& in) {
    for (size_t v = 0; v < is.set.size(); ++v)
      expression(fmt::format("{}.set.{}", place, is.set[v].setpoint),
                 "setpoint " + is.set[v].setpoint + ", with its value", is.set[v].value,
                 [in, v](Scenario& s) -> Span& { return in(s).set[v].value; });
    optional_dropped(
        place, is.where, "where", [in](Scenario& s) -> std::optional<Span>& { return in(s).where; },
        "a test with a device that must not be overridden");
    for (const auto& other : other_targets(each, is.target))
      add(is.span, fmt::format("{}: the target '{}' became '{}'", place, is.target, other),
          "a test that says which devices are overridden",
          [in, other](Scenario& s) { in(s).target = other; });
    duration(
        place + ".stagger.every", is.span, is.stagger_every,
        [in](Scenario& s) -> Duration& { return in(s).stagger_every; }, false);
    duration(
        place + ".release.over", is.span, is.release_over,
        [in](Scenario& s) -> Duration& { return in(s).release_over; }, true);
    if (is.yield_to_local)
      add(is.span, fmt::format("{}: 'yield_to' was dropped", place),
          "a test in which a device refuses the setpoint",
          [in](Scenario& s) { in(s).yield_to_local = false; });
    verify(place, is.verify, [in](Scenario& s) -> std::optional<mml::VerifyConfig>& { return in(s).verify; });
  }

  void rule(size_t i) {
    const auto& rule = scenario_.rules[i];
    const auto place = "rules." + rule.name;
    const auto& each = each_of(rule.event);
    actions(place, each, rule, [i](Scenario& s) -> mml::ActionsConfig& { return s.rules[i]; });
    if (rule.trigger != mml::Trigger::while_standing)
      add(rule.event_span,
          fmt::format("{}: it acted as its event {}", place,
                      rule.trigger == mml::Trigger::when_raised ? "clears" : "rises"),
          "a test that says when it acts", [i](Scenario& s) {
            auto& trigger = s.rules[i].trigger;
            trigger =
                trigger == mml::Trigger::when_raised ? mml::Trigger::when_cleared : mml::Trigger::when_raised;
          });
    for (size_t k = 0; k < rule.steps.size(); ++k) {
      const auto& step = rule.steps[k];
      const auto at = fmt::format("{}.steps.{}", place, k);
      const auto in = [i, k](Scenario& s) -> mml::StepConfig& { return s.rules[i].steps[k]; };
      actions(at, each, step.actions, [in](Scenario& s) -> mml::ActionsConfig& { return in(s).actions; });
      if (step.until)
        expression(at + ".until", "step " + std::to_string(k + 1), *step.until,
                   [in](Scenario& s) -> Span& { return *in(s).until; });
      duration(
          at + ".within", step.span, step.within, [in](Scenario& s) -> Duration& { return in(s).within; },
          false);
      if (!step.otherwise) continue;
      actions(at + ".else", each, *step.otherwise,
              [in](Scenario& s) -> mml::ActionsConfig& { return *in(s).otherwise; });
      if (step.otherwise->stop)
        add(step.span, fmt::format("{}: it went on after its time was over", at),
            "a test in which the step is waited for in vain",
            [in](Scenario& s) { in(s).otherwise->stop = false; });
    }
  }

  const Scenario& scenario_;
  const lang::Units& units_;
  std::vector<Mutant> out_;
};

}  // namespace

std::vector<Mutant> mutants_of(const Scenario& scenario, const lang::Units& units) {
  return Mutants(scenario, units).find();
}

}  // namespace looptwin::testbed
