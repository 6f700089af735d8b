// plants: equations, kinds of elements with equations of their own.
#include <algorithm>

#include "sim/plants/equations_check.h"
#include "sim/plants/equations_plant.h"
#include "testbed/reading/sections_plants.h"

namespace looptwin::testbed {
namespace {

using sim::EquationElementConfig;
using sim::EquationEventConfig;
using sim::EquationKindConfig;
using sim::EquationMethod;
using sim::EquationRelationConfig;
using sim::EquationsConfig;

Value<double> number_between(double least, double most) {
  return {Form::number, [least, most](Reader& reader, const yaml::Node& node) -> std::optional<double> {
            const auto read = number(reader, node);
            if (!read || (least <= *read && *read <= most)) return read;
            reader.error(node.span, fmt::format("{} is not from {} to {}", *read, least, most));
            return std::nullopt;
          }};
}

using ElementDraft = Repeated<EquationElementConfig>;

struct KindDraft : EquationKindConfig {
  std::vector<ElementDraft> drafts;
};

struct EquationsDraft : EquationsConfig {
  std::vector<KindDraft> drafts;
  std::optional<Duration> given_step;
};

const Section<EquationRelationConfig>& relation_section() {
  using T = EquationRelationConfig;
  static const Section<T> kSection(
      "a relation of elements", "element_relations",
      {required<T>("to", name(), &T::to, "the kind that each element belongs to one element of"),
       optional<T>("inverse", new_name(), &T::inverse, "none",
                   "what the other side calls the set of these")});
  return kSection;
}

const Section<EquationEventConfig>& event_section() {
  using T = EquationEventConfig;
  static const Section<T> kSection(
      "an event of a plant", "element_events",
      {required<T>("when", expression(), &T::when, "the condition that, becoming true, makes it act"),
       required<T>("reset", expressions(), &T::reset,
                   "states with their new values, each of the values just before")});
  return kSection;
}

const Section<ElementDraft>& element_section() {
  using T = ElementDraft;
  static const auto kSection = [] {
    Key<T> other{{.name = "<quantity>",
                  .form = Form::other,
                  .about = "a parameter, an input or a state of the kind: its own value; or a relation: the "
                           "element that it belongs to, where `{i}` counts along"},
                 [](Reader& reader, const yaml::Entry& entry, T& out) {
                   if (const auto* value = scalar(reader, entry.value, "a value"))
                     out.given.push_back({entry.key, entry.key_span, value->span, value->text});
                 }};
    return Section<T>("an element", "each", {repeated<EquationElementConfig>()})
        .with_others(std::move(other));
  }();
  return kSection;
}

const Section<KindDraft>& kind_section() {
  using T = KindDraft;
  static const Section<T> kSection(
      "a kind of elements", "elements",
      {named<T>("each", element_section(), &T::drafts, "the elements; none: one, called as its kind"),
       named<T>("relations", relation_section(), &T::relations, "to elements of other kinds"),
       optional<T>("parameters", expressions(), &T::parameters, "none",
                   "quantities that stay: `{area: 2 m2}`"),
       optional<T>("inputs", expressions(), &T::inputs, "none",
                   "ports that devices drive, with the quantity while none does: `{feed: 0 m3/h}`"),
       optional<T>("states", expressions(), &T::states, "none",
                   "each state's value at the start, of parameters"),
       optional<T>("rates", expressions(), &T::rates, "none", "each state's rate of change"),
       named<T>("limits", limit_section(), &T::limits, "what states stay within: integrators with limits"),
       optional<T>("outputs", expressions(), &T::outputs, "none", "what follows from states and inputs"),
       optional<T>("tolerances", expressions(), &T::tolerances,
                   "`relative_tolerance` of one unit that the state is written in",
                   "of `cvode`, absolute: `{level: 0.1 mm}`"),
       named<T>("events", event_section(), &T::events, "what changes states at once")});
  return kSection;
}

const Section<EquationsDraft>& equations_section() {
  using T = EquationsDraft;
  static const Section<T> kSection(
      "a plant of equations", "equations",
      {optional<T>(
           "solver",
           word<EquationMethod>({{"cvode", EquationMethod::cvode},
                                 {"runge_kutta4", EquationMethod::runge_kutta4},
                                 {"dormand_prince5", EquationMethod::dormand_prince5}}),
           &T::method, "cvode",
           "`cvode`: of variable step and order, for stiff equations; `runge_kutta4`, `dormand_prince5`: one "
           "explicit step of order 4 or 5 each `step`"),
       optional<T>("step", period_from(kLeastPeriod), &T::given_step, "`exchange`",
                   "of the grid: inputs act, and `cvode` begins anew, at its points"),
       optional<T>("relative_tolerance", number_between(1e-13, 0.1), &T::relative_tolerance, "1e-8",
                   "of `cvode`"),
       named<T>("elements", kind_section(), &T::drafts, "kinds of elements by name")});
  return kSection;
}

/// Whether something in it has been reported as what cannot be read.
bool holds_refused(const yaml::Node& node) {
  return node.refused() || std::any_of(node.items.begin(), node.items.end(), holds_refused) ||
         std::any_of(node.entries.begin(), node.entries.end(),
                     [](const yaml::Entry& entry) { return holds_refused(entry.value); });
}

/// Elements that are written once and made many times, each with its own values.
EquationsConfig complete(EquationsDraft draft, const Span& span, Duration exchange) {
  EquationsConfig config = draft;
  config.span = span;
  config.step = draft.given_step.value_or(exchange);
  for (auto& kind : draft.drafts) {
    for (auto& element : kind.drafts) {
      for (uint64_t i = 1; i <= element.count.value_or(1); ++i) {
        auto& made = kind.each.emplace_back(element);
        if (!element.count) continue;
        made.name = fmt::format("{}-{}", element.name, i);
        for (auto& given : made.given) given.element = twin::expand_id(given.element, {.i = i, .n = i});
      }
    }
    if (kind.each.empty()) kind.each.push_back({"", kind.span, {}});
    config.kinds.push_back(std::move(kind));
  }
  return config;
}

}  // namespace

Key<sim::PlantConfig> equations_key() {
  return {{.name = "equations",
           .form = Form::section,
           .about = "states, rates and events of elements, in the scenario's own language",
           .section = &equations_section()},
          [](Reader& reader, const yaml::Entry& entry, sim::PlantConfig& out) {
            EquationsDraft draft;
            const size_t before = reader.problems.size();
            equations_section().read(reader, entry.value, entry.key_span, draft);
            // Checked here, where units are at hand; what is wrong has been said when it is to be made.
            out.make = [](uint64_t, const std::string&) -> Result<std::unique_ptr<sim::CoupledPlant>> {
              return tl::make_unexpected(Diagnostics{});
            };
            if (reader.problems.size() != before || holds_refused(entry.value)) return;
            const auto system = reader.accept(
                sim::check_equations(complete(std::move(draft), entry.key_span, out.exchange), reader.units));
            if (!system) return;
            out.make = [system = *system](uint64_t, const std::string&) {
              return as_plant(sim::EquationPlant::make(system));
            };
          }};
}

}  // namespace looptwin::testbed
