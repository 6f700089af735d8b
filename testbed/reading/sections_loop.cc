// events, rules, alarms: what the loop concludes and does.
#include <fmt/format.h>

#include "testbed/reading/sections.h"

namespace looptwin::testbed {
namespace {

/// The keys that events and alarms share; `event` gives a T's EventConfig.
template <typename T, typename Get>
std::vector<Key<T>> event_keys(Get event, bool own_condition) {
  using E = mml::EventConfig;
  const auto of = [event](auto E::*member) {
    return [ event, member ](T & t) -> auto& { return event(t).*member; };
  };
  const std::string raise = "the condition that raises it";
  return {optional<T>("each", name(), of(&E::each), "one for all", "a model: one on each of its devices"),
          own_condition ? required<T>("raise", expression(), of(&E::raise), raise)
                        : optional<T>("raise", expression(), of(&E::raise), "of `of`", raise),
          optional<T>("on_delay", duration(), of(&E::on_delay), "0 s", "how long `raise` must hold"),
          optional<T>("clear", expression(), of(&E::clear), "not `raise`", "the condition that clears it"),
          optional<T>("off_delay", duration(), of(&E::off_delay), "0 s", "how long `clear` must hold"),
          optional<T>("deadband", expression(), of(&E::deadband), "none",
                      "a quantity: how far the value must return before it clears; `raise` is then one "
                      "comparison, and `clear` is absent"),
          optional<T>("unknown",
                      word<mml::OnUnknown>({{"hold", mml::OnUnknown::hold},
                                            {"raise", mml::OnUnknown::raise},
                                            {"clear", mml::OnUnknown::clear}}),
                      of(&E::unknown), "hold", "what an unknown condition does"),
          optional<T>("min_good", share(), of(&E::min_good), "100 %",
                      "of the members that aggregates over sets need"),
          optional<T>("first_out", name(), of(&E::first_out), "none",
                      "a group: its name is a word that says which of its members rose first, until all are "
                      "over")};
}

const Section<mml::VerifyConfig>& verify_section() {
  using T = mml::VerifyConfig;
  static const Section<T> kSection(
      "'verify'", "verify",
      {required<T>("that", expression(), &T::that, "a condition on the target's telemetry"),
       required<T>("within", period(), &T::within, "of the acknowledgement")});
  return kSection;
}

/// `set: {cool: default(cool) + 2 K}`
Value<std::vector<mml::OverrideConfig::Set>> claims() {
  return {Form::expressions,
          [](Reader& reader, const yaml::Node& node) -> std::optional<std::vector<mml::OverrideConfig::Set>> {
            const auto read = expressions().read(reader, node);
            if (!read) return std::nullopt;
            if (read->empty() && node.entries.empty())
              reader.error(node.span, "'set' names no setpoint", "write set: {setpoint: value}");
            std::vector<mml::OverrideConfig::Set> out;
            for (const auto& item : *read) out.push_back({item.name, item.name_span, item.text});
            return out;
          }};
}

Value<std::vector<mml::PublishConfig::Item>> body() {
  return {Form::expressions,
          [](Reader& reader, const yaml::Node& node) -> std::optional<std::vector<mml::PublishConfig::Item>> {
            const auto read = expressions().read(reader, node);
            if (!read) return std::nullopt;
            std::vector<mml::PublishConfig::Item> out;
            for (const auto& item : *read) out.push_back({item.name, item.text});
            return out;
          }};
}

Value<int> priority() {
  return {Form::whole_number, [](Reader& reader, const yaml::Node& node) -> std::optional<int> {
            const auto value = whole_number(0, 1'000'000).read(reader, node);
            return value ? std::optional(static_cast<int>(*value)) : std::nullopt;
          }};
}

struct Stagger {
  uint64_t groups = 1;
  Duration every{};
};
const Section<Stagger>& stagger_section() {
  using T = Stagger;
  static const Section<T> kSection("'stagger'", "stagger",
                                   {required<T>("groups", whole_number(1, 1'000'000), &T::groups,
                                                "into how many the targets fall, at random"),
                                    required<T>("every", period(), &T::every, "from one group to the next")});
  return kSection;
}

struct Release {
  Duration over{};
};
const Section<Release>& release_section() {
  using T = Release;
  static const Section<T> kSection(
      "'release'", "release",
      {required<T>("over", duration(), &T::over, "the claims are released group by group over this time")});
  return kSection;
}

const Section<mml::OverrideConfig>& override_section() {
  using T = mml::OverrideConfig;
  static const Section<T> kSection(
      "an override", "override",
      {required<T>("target", name(), &T::target, "a set of the event's device, or `self`"),
       optional<T>("where", expression(), &T::where, "all", "a condition on each target; unknown is not met"),
       required<T>("set", claims(), &T::set, "setpoints with the values claimed, computed on each target"),
       section_into<T>("stagger", stagger_section(), "not all targets at once",
                       [](T& out, Stagger s) {
                         out.stagger_groups = static_cast<uint32_t>(s.groups);
                         out.stagger_every = s.every;
                       }),
       optional<T>("yield_to", word<bool>({{"local", true}}), &T::yield_to_local, "nobody",
                   "`local`: a refusal by the resident ends the claim on that device"),
       section_into<T>("release", release_section(), "how the claims end when the event clears",
                       [](T& out, Release r) { out.release_over = r.over; }),
       optional<T>("priority", priority(), &T::priority, "0", "the highest claim on a setpoint wins"),
       section<T>("verify", verify_section(), &T::verify, "what shows that it worked")});
  return kSection;
}

const Section<mml::SendConfig>& send_section() {
  using T = mml::SendConfig;
  static const Section<T> kSection(
      "'send'", "send",
      {required<T>("target", name(), &T::target, "a relation of the event's device, or `self`"),
       optional<T>("where", expression(), &T::where, "all", "a condition on each target; unknown is not met"),
       required<T>("command", name(), &T::command, "a command of the target's model"),
       section<T>("verify", verify_section(), &T::verify, "what shows that it worked")});
  return kSection;
}

const Section<mml::PublishConfig>& publish_section() {
  using T = mml::PublishConfig;
  static const Section<T> kSection(
      "'publish'", "publish",
      {required<T>("feed", name(), &T::feed,
                   "an outbound feed; one that is not declared goes to the run's folder"),
       required<T>("body", body(), &T::body, "keys with expressions of the event's device; `id` is its id")});
  return kSection;
}

/// The keys of what is done in one cycle: of a rule itself, of a step's `do` and of its `else`.
template <typename T>
std::vector<Key<T>> action_keys() {
  return {
      list<T>("override", override_section(), &T::overrides, "claims on setpoints; only with while",
              Form::one_or_more),
      list<T>("send", send_section(), &T::sends, "commands", Form::one_or_more),
      list<T>("publish", publish_section(), &T::publishes, "messages to outbound feeds", Form::one_or_more)};
}

const Section<mml::ActionsConfig>& do_section() {
  static const Section<mml::ActionsConfig> kSection("'do'", "do", action_keys<mml::ActionsConfig>());
  return kSection;
}

const Section<mml::StepConfig::Otherwise>& else_section() {
  using T = mml::StepConfig::Otherwise;
  static const Section<T> kSection("'else'", "else", [] {
    auto keys = action_keys<T>();
    keys.push_back(optional<T>("then", word<bool>({{"go_on", false}, {"stop", true}}), &T::stop, "go_on",
                               "`stop`: the sequence ends here; else the next step begins"));
    return keys;
  }());
  return kSection;
}

const Section<mml::StepConfig>& step_section() {
  using T = mml::StepConfig;
  static const Section<T> kSection(
      "a step", "steps",
      {section<T>("do", do_section(), &T::actions, "what is done as it begins"),
       optional<T>("until", expression(), &T::until, "it ends as it begins",
                   "a condition on the event's device that ends it; unknown is not met"),
       optional<T>("within", period(), &T::within, "as long as it takes", "how long `until` is waited for"),
       section<T>("else", else_section(), &T::otherwise, "what is done when it was waited for in vain")});
  return kSection;
}

Key<mml::RuleConfig> trigger(std::string key, mml::Trigger trigger, std::string about) {
  return {{.name = key, .form = Form::name, .about = std::move(about)},
          [trigger](Reader& reader, const yaml::Entry& entry, mml::RuleConfig& rule) {
            const auto event = name().read(reader, entry.value);
            if (!event) return;
            if (rule.event_span.source)
              return reader.error(
                  entry.key_span, fmt::format("rule '{}' has a second trigger", rule.name),
                  "write one of while, when_raised and when_cleared, and another rule for the other");
            rule.trigger = trigger;
            rule.event = *event;
            rule.event_span = entry.value.span;
          }};
}

}  // namespace

const Section<mml::EventConfig>& event_section() {
  using T = mml::EventConfig;
  const auto keys = [] {
    auto keys = event_keys<T>([](T& t) -> T& { return t; }, true);
    keys.push_back(optional<T>("latched", boolean(), &T::latched, "false",
                               "`true`: once it has risen it stands until it is reset, whatever clears"));
    keys.push_back(
        optional<T>("reset", expression(), &T::reset, "needed where it is latched",
                    "the condition that resets it once `clear` has held for `off_delay`; mostly an "
                    "operator's button"));
    keys.push_back(optional<T>("bypassed_while", expression(), &T::bypassed_while, "never",
                               "it does not rise while this holds, as during maintenance; one that stands, "
                               "stands; unknown does not hold"));
    return keys;
  };
  const std::string alarm = "that is an alarm's: write an alarm with of: and this event's name";
  static const Section<T> kSection =
      Section<T>("an event", "events", keys())
          .with_mistaken(
              {{"latch", "write latched: true, and reset:"},
               {"bypass", "write bypassed_while: with a condition"},
               {"suppress_if", "write bypassed_while: with a condition, or suppressed_while: at an alarm"},
               {"suppressed_while", "write bypassed_while:, or suppressed_while: at an alarm"},
               {"priority", alarm},
               {"cause", alarm},
               {"consequence", alarm},
               {"action", alarm},
               {"respond_within", alarm},
               {"confirm", alarm},
               {"of", alarm}});
  return kSection;
}

std::vector<Key<mml::AlarmConfig>> alarm_condition_keys() {
  using T = mml::AlarmConfig;
  return event_keys<T>([](T& t) -> mml::EventConfig& { return t.event; }, false);
}

const Section<mml::RuleConfig>& rule_section() {
  using T = mml::RuleConfig;
  static const Section<T> kSection("a rule", "rules", [] {
    std::vector<Key<T>> keys = {
        trigger("while", mml::Trigger::while_standing,
                "an event: holds as long as it stands. One of while, when_raised, when_cleared"),
        trigger("when_raised", mml::Trigger::when_raised, "an event: acts once as it rises"),
        trigger("when_cleared", mml::Trigger::when_cleared, "an event: acts once as it clears")};
    for (auto& key : action_keys<T>()) keys.push_back(std::move(key));
    keys.push_back(list<T>("steps", step_section(), &T::steps, "what is done one after the other, instead"));
    return keys;
  }());
  return kSection;
}

}  // namespace looptwin::testbed
