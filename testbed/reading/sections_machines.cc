// machines: states with transitions, of controllers and of the loop.
#include <fmt/format.h>

#include "base/text.h"
#include "testbed/reading/sections.h"

namespace looptwin::testbed {
namespace {

using yaml::Node;

/// A transition whose states wait for the machine's list of them.
struct TransitionDraft {
  Span span;
  const Node* from = nullptr;
  const Node* to = nullptr;
  std::optional<Span> when;
  std::optional<Duration> after;
};

const Section<TransitionDraft>& transition_section() {
  using T = TransitionDraft;
  static const Section<T> kSection(
      "a transition", "transitions",
      {optional<T>("from", later(Form::other), &T::from, "any state but `to`",
                   "the state that it leaves, or a list of them"),
       required<T>("to", later(Form::name), &T::to, "the state that it leads to"),
       optional<T>("when", expression(), &T::when, "`true`", "the condition; unknown is not met"),
       optional<T>("after", period(), &T::after, "at once", "how long the state must have lasted")});
  return kSection;
}

std::optional<uint8_t> state(Reader& reader, const Node& node, const lang::Machine& machine) {
  const auto found = find_word(reader, node, machine.states);
  return found ? std::optional(static_cast<uint8_t>(*found)) : std::nullopt;
}

void add_transition(Reader& reader, const TransitionDraft& draft, lang::Machine& machine) {
  lang::Transition out{.span = draft.span, .when = draft.when, .after = draft.after.value_or(Duration{})};
  if (!draft.to) return;
  const auto to = state(reader, *draft.to, machine);
  if (!to) return;
  out.to = *to;
  if (draft.from && draft.from->list() && draft.from->items.empty())
    reader.error(draft.from->span, "a transition from no state", "leave `from` out for any state");
  if (draft.from) {
    const auto add = [&](const Node& node) {
      if (const auto from = state(reader, node, machine)) out.from.push_back(*from);
    };
    if (!draft.from->list()) add(*draft.from);
    for (const auto& item : draft.from->items) add(item);
    if (out.from.empty()) return;
  }
  if (!draft.when && !draft.after)
    reader.error(draft.span,
                 fmt::format("nothing says when '{}' goes to '{}'", machine.name, machine.states[out.to]),
                 "write when: with a condition, after: with a duration, or both");
  machine.transitions.push_back(std::move(out));
}

void read_initial(Reader& reader, const yaml::Entry& entry, lang::Machine& machine) {
  if (machine.states.empty()) return;
  if (const auto found = state(reader, entry.value, machine)) machine.initial = *found;
}

void read_transitions(Reader& reader, const yaml::Entry& entry, lang::Machine& machine) {
  if (!expect_list(reader, "transitions", entry.value) || machine.states.empty()) return;
  const size_t before = reader.problems.size();
  for (const auto& item : entry.value.items) {
    TransitionDraft draft{.span = item.span};
    transition_section().read(reader, item, item.span, draft);
    add_transition(reader, draft, machine);
  }
  if (reader.problems.size() != before) return;
  for (auto& problem : lang::problems_of(machine)) reader.problems.push_back(std::move(problem));
}

/// The keys of a machine; `of` is the machine within T. States come first, for the others refer to them.
template <typename T, typename Of>
std::vector<Key<T>> machine_keys(Of of) {
  return {
      required<T>(
          "states", words(), [of](T & d) -> auto& { return of(d).states; }, "their names"),
      {{.name = "initial", .form = Form::name, .about = "the state at the start", .fallback = "the first"},
       [of](Reader& reader, const yaml::Entry& entry, T& out) { read_initial(reader, entry, of(out)); }},
      {{.name = "transitions",
        .form = Form::list,
        .about = "what leads from state to state: the first that can be taken is, one a period",
        .required = true,
        .section = &transition_section()},
       [of](Reader& reader, const yaml::Entry& entry, T& out) { read_transitions(reader, entry, of(out)); }}};
}

}  // namespace

const Section<lang::Machine>& controller_machine_section() {
  using T = lang::Machine;
  static const Section<T> kSection("a machine", "machine", machine_keys<T>([](T& d) -> T& { return d; }));
  return kSection;
}

const Section<MachineDraft>& machine_section() {
  using T = MachineDraft;
  static const Section<T> kSection = [] {
    auto keys = machine_keys<T>([](T& d) -> lang::Machine& { return d; });
    keys.insert(keys.begin(),
                optional<T>("each", name(), &T::each, "one for all", "a model: one for each of its devices"));
    keys.push_back(optional<T>("min_good", share(), &T::min_good, "100 %",
                               "of the members that aggregates over sets need"));
    keys.push_back(
        optional<T>("every", period(), &T::every, "never", "how often the state is kept in the run folder"));
    return Section<T>("a machine of the loop", "machines", std::move(keys));
  }();
  return kSection;
}

}  // namespace looptwin::testbed
