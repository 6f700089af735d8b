#include "testbed/reading/sections_people.h"

#include <fmt/format.h>

namespace looptwin::testbed {
namespace {

using twin::OperatorVerb;

/// `set: {most: 40 kW, mode: hand}`
Key<ScriptDraft> set_key() {
  return {{.name = "set", .form = Form::other, .about = "inputs with their values: `{most: 40 kW}`"},
          [](Reader& reader, const yaml::Entry& entry, ScriptDraft& out) {
            if (!entry.value.map() || entry.value.entries.empty()) {
              if (!entry.value.refused())
                reader.error(entry.key_span, "'set' names no input", "write set: {input: value}");
              return;
            }
            for (const auto& item : entry.value.entries)
              out.acts.push_back({OperatorVerb::set, item.key, item.key_span, &item.value});
          }};
}

Key<ScriptDraft> verb_key(std::string key, OperatorVerb verb, std::string about) {
  return {{.name = std::move(key), .form = Form::name, .about = std::move(about)},
          [verb](Reader& reader, const yaml::Entry& entry, ScriptDraft& out) {
            if (const auto subject = name().read(reader, entry.value))
              out.acts.push_back({verb, *subject, entry.value.span});
          }};
}

}  // namespace

const Section<mml::PersonConfig>& person_section() {
  using T = mml::PersonConfig;
  static const Section<T> kSection(
      "a person", "people", {optional<T>("roles", texts(), &T::roles, "none", "names of what they may do")});
  return kSection;
}

const Section<InputDraft>& input_section() {
  using T = InputDraft;
  using K = mml::InputKind;
  static const Section<T> kSection(
      "an operator's input", "operator",
      {required<T>("kind", word<K>({{"button", K::button}, {"selector", K::selector}, {"limit", K::limit}}),
                   &T::kind,
                   "`button`: true for one boundary; `selector`: a word or a switch; `limit`: a quantity"),
       optional<T>("each", name(), &T::each, "one for all", "a model: one on each of its devices"),
       optional<T>(
           "default", later(Form::other), &T::fallback, "",
           "until somebody sets it: a quantity, `true` or `false`, or a word of `enum`; not of a button"),
       optional<T>(
           "unit", later(Form::unit), [](T & t) -> auto& { return t.is.unit; }, "the default's own",
           "of bare numbers"),
       optional<T>(
           "enum", words(), [](T & t) -> auto& { return t.is.words; }, "", "the words it can be"),
       optional<T>("range", later(Form::range), &T::range_node, "none", "what a limit can be set to"),
       optional<T>("expires", period(), &T::expires, "never", "after so long it falls back to its default"),
       with_span(optional<T>("role", name(), &T::role, "everybody", "who may: people with this role"),
                 &T::role_span),
       optional<T>("about", text(), &T::about, "", "what it is for")});
  return kSection;
}

const Section<ScriptDraft>& script_section() {
  using T = ScriptDraft;
  using enum OperatorVerb;
  static const Section<T> kSection(
      "an entry of the script", "script",
      {optional<T>("after", duration(), &T::after, "", "from the start. One of after and at"),
       optional<T>("at", later(Form::time_of_day), &T::at, "",
                   "\"14:00\": the first such time of day; or a date and time, local"),
       with_span(required<T>("by", name(), &T::by, "a person"), &T::by_span),
       set_key(),
       verb_key("press", press, "a button"),
       verb_key("acknowledge", acknowledge, "an alarm"),
       verb_key("confirm", confirm, "an alarm, after it was acknowledged"),
       verb_key("comment_on", OperatorVerb::comment, "an alarm, with `comment`"),
       verb_key("shelve", shelve, "an alarm, with `for`"),
       verb_key("unshelve", unshelve, "an alarm"),
       verb_key("suppress", suppress, "an alarm"),
       verb_key("unsuppress", unsuppress, "an alarm"),
       verb_key("out_of_service", out_of_service, "an alarm"),
       verb_key("in_service", in_service, "an alarm"),
       verb_key("reset", reset, "a latched alarm"),
       verb_key("raise", raise, "an alarm, whatever its condition"),
       verb_key("clear", clear, "an alarm that was raised so"),
       with_span(
           optional<T>("device", pattern(), &T::device, "",
                       "pattern of the ids of the devices; needed for what is on each device of a model"),
           &T::device_span),
       optional<T>("for", period(), &T::lasts, "until it is undone", "how long, of `set` and `shelve`"),
       optional<T>("comment", text(), &T::comment, "", "why; it is kept in the run folder")});
  return kSection;
}

void finish(Reader& reader, InputDraft& input) {
  using K = mml::InputKind;
  const auto refuse = [&](const char* what, const char* write) {
    reader.error(input.span,
                 fmt::format("'{}' is a {}, which {}", input.name,
                             input.kind == K::button     ? "button"
                             : input.kind == K::selector ? "selector"
                                                         : "limit",
                             what),
                 write);
  };
  if (input.kind == K::button) {
    input.boolean = true;
    if (input.fallback || input.is.unit || input.is.words || input.range_node || input.expires.ns > 0)
      refuse("is pressed, or not", "remove default, unit, enum, range and expires");
    return;
  }
  if (!input.fallback) return refuse("needs 'default'", "write what it is until somebody sets it");
  const size_t before = reader.problems.size();
  finish_default(reader, input);
  if (reader.problems.size() > before) return;
  const bool number = !input.boolean && input.words.empty();
  if (input.kind == K::selector && number)
    return refuse("chooses among words",
                  "write enum: with the words, or default: true or false; or kind: limit");
  if (input.kind == K::limit && !number)
    return refuse("is a quantity", "write default: with its unit; or kind: selector");
  if (!input.range_node) return;
  if (!number) return refuse("has no range", "remove 'range'");
  input.range = range(reader, *input.range_node, input.unit);
  if (input.range && (input.value < input.range->low || input.value > input.range->high))
    reader.error(input.fallback->span, "the default is outside of 'range'",
                 "widen the range, or move the default");
}

}  // namespace looptwin::testbed
