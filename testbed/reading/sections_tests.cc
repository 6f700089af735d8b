#include "testbed/reading/sections_tests.h"

#include <fmt/format.h>

#include "mml/records.h"

namespace looptwin::testbed {
namespace {

using mml::RecordKind;
using Of = ExpectConfig::Of;

/// `alarm: overload`: what an expectation is about.
Key<ExpectConfig> subject_key(std::string key, Of of, std::string about) {
  return {{.name = std::move(key), .form = Form::name, .about = std::move(about)},
          [of](Reader& reader, const yaml::Entry& entry, ExpectConfig& out) {
            const auto subject = name().read(reader, entry.value);
            if (!subject) return;
            if (!out.name.empty())
              return reader.error(entry.key_span, "an expectation is about one thing",
                                  fmt::format("write another entry for '{}'", entry.key));
            out.of = of;
            out.name = *subject;
            out.name_span = entry.value.span;
          }};
}

/// `raised: 180 s`, or a list of such times.
Key<ExpectConfig> moment_key(std::string key, std::string about) {
  return {{.name = key, .form = Form::other, .about = std::move(about)},
          [key](Reader& reader, const yaml::Entry& entry, ExpectConfig& out) {
            const auto take = [&](const yaml::Node& node) {
              if (const auto at = duration().read(reader, node))
                out.moments.push_back({RecordKind::event_raised, key, kStart + *at, node.span});
            };
            if (!entry.value.list()) return take(entry.value);
            for (const auto& item : entry.value.items) take(item);
          }};
}

const Section<ExpectConfig>& expect_section() {
  using T = ExpectConfig;
  static const Section<T> kSection(
      "an expectation", "expect",
      {subject_key("event", Of::event, "an event. One of the first five"),
       subject_key("alarm", Of::alarm, "an alarm"),
       subject_key("command", Of::command, "a command to a device"),
       subject_key("setpoint", Of::setpoint, "a claim on a setpoint"),
       subject_key("publish", Of::publish, "a publication to a feed"),
       with_span(optional<T>("device", pattern(), &T::device, "any",
                             "pattern of device ids: what is expected holds on each of them"),
                 &T::device_span),
       with_span(optional<T>("by", name(), &T::by, "any", "the rule that did it"), &T::by_span),
       moment_key("raised", "of an event or alarm: when, as `3 min` from the start; or a list of such times"),
       moment_key("cleared", "of an event or alarm"),
       moment_key("acknowledged", "of an alarm, by a person; of a command or setpoint, by its device"),
       moment_key("issued", "of a command"),
       moment_key("claimed", "of a setpoint"),
       moment_key("released", "of a setpoint"),
       moment_key("yielded", "of a setpoint, to its resident's refusal"),
       moment_key("verified", "of a command or setpoint"),
       moment_key("refused", "of a command or setpoint, by its device"),
       moment_key("failed",
                  "of a command or setpoint: not verified in time; of a setpoint also: never answered"),
       moment_key("expired", "of a command: not answered in time"),
       moment_key("published", "of a publication"),
       optional<T>("value", expression(), &T::value, "any", "of a setpoint: what is asked for"),
       optional<T>("within", duration(), &T::within, "0 s", "so much later than said is in time"),
       optional<T>("count", whole_number(0, UINT32_MAX), &T::count, "any",
                   "how often it happens in the whole test: is raised, issued, claimed, published"),
       optional<T>("never", boolean(), &T::never, "false", "it must not happen")});
  return kSection;
}

/// `{block.count: 1}`: settings below `prefix`.
Key<TestDraft> settings_key(std::string key, std::string prefix, std::string about) {
  return {{.name = key, .form = Form::other, .about = std::move(about)},
          [key, prefix](Reader& reader, const yaml::Entry& entry, TestDraft& out) {
            if (!entry.value.map())
              return reader.error(entry.key_span, fmt::format("'{}' holds paths with their values", key),
                                  "write fleet: {home.count: 100}");
            for (const auto& item : entry.value.entries) {
              if (item.value.refused()) continue;
              std::string value = item.value.text;
              if (!item.value.scalar())
                value = item.value.span.source->text.substr(item.value.span.begin,
                                                            item.value.span.end - item.value.span.begin);
              out.settings.push_back({prefix + item.key, std::move(value)});
            }
          }};
}

/// `"block-1/*.power": "3 kW x 60 s"`
Key<TestDraft> given_key() {
  return {
      {.name = "given",
       .form = Form::other,
       .about =
           "courses of values: `\"block-1/*.power\": \"3 kW x 60 s, 9 kW\"`, of fields of devices, of feeds' "
           "signals, of devices' presence. Absent: the scenario is simulated"},
      [](Reader& reader, const yaml::Entry& entry, TestDraft& out) {
        if (!entry.value.map())
          return reader.error(entry.key_span, "'given' holds names with their courses",
                              "write given: {\"home-1.power\": \"3 kW x 60 s, 9 kW\"}");
        for (const auto& item : entry.value.entries)
          if (const auto* text = scalar(reader, item.value, "a course of values"))
            out.given.push_back({item.key, item.key_span, text->span});
      }};
}

/// `answers: {"pump-1": refused, "valve-*": after 5 s}`
Key<TestDraft> answers_key() {
  return {
      {.name = "answers",
       .form = Form::other,
       .about = "how devices answer what they are sent, by a pattern of their ids: `accepted` (also where "
                "nothing is said), `refused`, `nothing`, or `after 5 s`"},
      [](Reader& reader, const yaml::Entry& entry, TestDraft& out) {
        if (!entry.value.map())
          return reader.error(entry.key_span, "'answers' holds patterns of ids",
                              "write answers: {\"pump-*\": refused}");
        for (const auto& item : entry.value.entries) {
          const auto* text = scalar(reader, item.value, "an answer");
          if (text == nullptr) continue;
          AnswerConfig answer{item.key, item.key_span};
          if (text->text.starts_with("after ")) {
            Span length = text->span;
            length.begin += 6;
            if (const auto after = reader.accept(reader.units.duration(length))) answer.after = *after;
          } else if (text->text == "refused") {
            answer.is = AnswerConfig::Is::refused;
          } else if (text->text == "nothing") {
            answer.is = AnswerConfig::Is::nothing;
          } else if (text->text != "accepted") {
            reader.error(text->span, fmt::format("'{}' is no answer", text->text),
                         "write accepted, refused, nothing, or after 5 s");
            continue;
          }
          out.answers.push_back(std::move(answer));
        }
      }};
}

/// `alarms: isa-18.2`, or what stands in `test_alarms`.
Key<TestDraft> alarms_key() {
  return {{.name = "alarms",
           .form = Form::word_or_section,
           .about = "the alarm system's figures, over all seeds: a standard, or limits of its own",
           .words = alarm_standards(),
           .section = &alarm_limits_section()},
          [](Reader& reader, const yaml::Entry& entry, TestDraft& out) {
            AlarmLimitsConfig limits;
            limits.span = entry.key_span;
            if (entry.value.scalar() && !entry.value.text.empty()) {
              const auto known = alarm_standards();
              const auto found = find_word(reader, entry.value, known);
              if (!found) return;
              limits.standard = known[*found];
            } else {
              alarm_limits_section().read(reader, entry.value, entry.key_span, limits);
            }
            limits.fill_from_standard();
            out.alarms = std::move(limits);
          }};
}

}  // namespace

const char* name_of(ExpectConfig::Of of) {
  static constexpr const char* kNames[] = {"event", "alarm", "command", "setpoint", "publish"};
  return kNames[static_cast<size_t>(of)];
}

const Section<TestDraft>& test_section() {
  using T = TestDraft;
  static const Section<T> kSection(
      "a test", "tests",
      {required<T>("name", text(), &T::name, "what it shows, as a sentence"),
       settings_key("fleet", "fleet.", "changes below `fleet:`, as `{home.count: 100}`"),
       settings_key("set", "", "changes of any value by its path, as `--set` makes them"), given_key(),
       answers_key(),
       list<T>("script", script_section(), &T::acts, "what people do, beside the scenario's own script"),
       list<T>("expect", expect_section(), &T::expect, "what must happen, and what must not"), alarms_key(),
       with_span(optional<T>("decisions", path(), &T::decisions, "none",
                             "a file with all decisions that it makes; `looptwin test --update` writes it"),
                 &T::decisions_span),
       with_span(optional<T>("requirements", texts(), &T::requirements, "all",
                             "of a simulated one: which requirements must hold, by names or patterns"),
                 &T::requirements_span),
       optional<T>("lasts", period(), &T::lasts, "as long as what is given and expected",
                   "how long the test is; of a simulated one the scenario's `duration` unless said"),
       optional<T>("seeds", whole_number(1, 1'000'000), &T::seeds, "1",
                   "of a simulated one: how many runs, each with a seed of its own")});
  return kSection;
}

}  // namespace looptwin::testbed
