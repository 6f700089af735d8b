// models: device models, what they report and hold, their physics and controllers.
#include <fmt/format.h>

#include "base/text.h"
#include "lang/plant.h"
#include "testbed/reading/distribution.h"
#include "testbed/reading/sections.h"
#include "testbed/reading/value_draft.h"
#include "twin/frame.h"

namespace looptwin::testbed {
namespace {

using yaml::Node;

struct ParameterDraft : twin::ParameterConfig {
  ValueDraft is;
  const Node* fallback = nullptr;
  const Node* spread_node = nullptr;
};

struct FieldDraft : twin::FieldConfig {
  ValueDraft is;
  sim::SensorConfig sensor;
  const Node* range_node = nullptr;
  const Node* resolution_node = nullptr;
  const Node* noise = nullptr;
  const Node* bias = nullptr;
  const Node* drift = nullptr;
  const Node* rate_node = nullptr;
  std::optional<Duration> stale;
};

struct SetpointDraft : twin::SetpointConfig {
  ValueDraft is;
  const Node* fallback = nullptr;
  const Node* range_node = nullptr;
  const Node* tolerance_node = nullptr;
};

struct RandomDraft : sim::RandomSignalConfig {
  const Node* draw_node = nullptr;
};

/// Of a number: a difference of its unit, zero or more (noise, tolerance, resolution).
std::optional<double> read_difference(Reader& reader, const Node& node, const lang::Unit& unit) {
  const auto value = quantity(reader, node, unit, true);
  if (!value || *value >= 0) return value;
  reader.error(node.span, fmt::format("{} is negative", node.text), "write " + node.text.substr(1));
  return std::nullopt;
}

/// Of what changes in `unit`; a bare number is per second.
lang::Unit per_second(const lang::Unit& unit) {
  auto slope = lang::difference_unit(unit);
  slope.text += "/s";
  slope.type.dimension = slope.type.dimension / lang::kTimeDimension;
  return slope;
}

/// Keys that have a sense for numbers only.
void refuse_for_words(Reader& reader, std::initializer_list<std::pair<const char*, const Node*>> nodes) {
  for (const auto& [key, node] : nodes)
    if (node) reader.error(node->span, fmt::format("'{}' has a sense for numbers only", key), "remove it");
}

void finish(Reader& reader, ParameterDraft& d) {
  finish_default(reader, d);
  if (!d.spread_node) return;
  if (d.boolean || !d.words.empty()) return refuse_for_words(reader, {{"spread", d.spread_node}});
  if (d.unit.type.point)
    return reader.error(d.spread_node->span,
                        fmt::format("'{}' is a point on a scale: a factor has no sense for it", d.name),
                        fmt::format("draw it in the fleet, as {}: \"uniform(LOW {}, HIGH {})\"", d.name,
                                    d.unit.text, d.unit.text));
  d.spread = distribution(reader, *d.spread_node, lang::Unit{"1", lang::Type::number(), 1, 0});
}

/// A spread of slopes: zero or more.
std::optional<double> read_slope(Reader& reader, const Node& node, const lang::Unit& unit) {
  const auto value = quantity(reader, node, per_second(unit), false);
  if (!value || *value >= 0) return value;
  reader.error(node.span, fmt::format("{} is negative", node.text), "write " + node.text.substr(1));
  return std::nullopt;
}

/// What is reported is a whole number of steps, of 32 bits. `resolved`: what is written of the resolution was
/// read, if anything is.
void check_steps(Reader& reader, const FieldDraft& d, bool resolved) {
  if (d.resolution == 0 && !d.range) {
    if (resolved && !d.range_node)
      reader.error(d.span, fmt::format("telemetry field '{}' has neither a range nor a resolution", d.name),
                   fmt::format("write resolution: 0.01, the step in {} that its values have; or range: [low, "
                               "high], of which they then have a millionth",
                               d.unit.text));
    return;
  }
  if (!d.range) return;
  constexpr int32_t kBeyond = 2147483647;  // stands for all that is larger
  const auto scaling = twin::scaling_of(d);
  if (scaling.to_raw(d.range->low) == -kBeyond || scaling.to_raw(d.range->high) == kBeyond)
    reader.error(d.range_node->span,
                 fmt::format("the range of '{}' goes beyond ±2147483646 steps of its resolution", d.name),
                 "write a coarser resolution, or a narrower range");
}

void finish(Reader& reader, FieldDraft& d) {
  d.stale_after = d.stale.value_or(d.every * 3);
  const int kinds = (d.is.unit ? 1 : 0) + (d.is.words ? 1 : 0) + (d.is.boolean ? 1 : 0);
  if (kinds != 1)
    reader.error(d.span, fmt::format("telemetry field '{}' needs one of unit, enum and boolean", d.name),
                 "write unit: 1 for a number without unit");
  d.boolean = d.is.boolean;
  if (d.is.words) d.words = *d.is.words;
  if (d.phase && *d.phase >= d.every && d.every.ns > 0)
    reader.error(d.span, fmt::format("the phase of '{}' is not shorter than its period", d.name),
                 "write a phase below every:");
  if (d.flat_after && *d.flat_after <= d.every)
    reader.error(d.span, fmt::format("the flat_after of '{}' is not longer than its period", d.name),
                 "write for how long its value can stay the same");
  if (!d.is.unit)
    return refuse_for_words(reader, {{"range", d.range_node},
                                     {"resolution", d.resolution_node},
                                     {"noise", d.noise},
                                     {"bias", d.bias},
                                     {"drift", d.drift},
                                     {"max_rate", d.rate_node}});
  const auto read = unit().read(reader, *d.is.unit);
  if (!read) return;
  d.unit = *read;
  if (d.range_node) d.range = range(reader, *d.range_node, d.unit);
  if (d.noise) d.sensor.noise = read_difference(reader, *d.noise, d.unit).value_or(0);
  if (d.bias) d.sensor.bias = read_difference(reader, *d.bias, d.unit).value_or(0);
  bool resolved = true;
  if (d.resolution_node) {
    const auto si = read_difference(reader, *d.resolution_node, d.unit);
    d.resolution = si.value_or(0) / d.unit.scale;
    resolved = si.has_value() && d.resolution > 0;
    if (si && !resolved)
      reader.error(d.resolution_node->span,
                   fmt::format("with a resolution of {} values have no steps", d.resolution_node->text),
                   "write one above zero; without, it is a millionth of range:");
  }
  check_steps(reader, d, resolved);
  if (d.drift) d.sensor.drift = read_slope(reader, *d.drift, d.unit).value_or(0);
  if (!d.rate_node) return;
  d.max_rate = quantity(reader, *d.rate_node, per_second(d.unit), false);
  if (d.max_rate && !(*d.max_rate > 0))
    reader.error(d.rate_node->span,
                 fmt::format("with a max_rate of {} nothing could change", d.rate_node->text),
                 "write how fast the value can change, above zero");
}

void finish(Reader& reader, SetpointDraft& d) {
  finish_default(reader, d);
  if (d.boolean || !d.words.empty())
    return refuse_for_words(reader, {{"range", d.range_node}, {"tolerance", d.tolerance_node}});
  if (d.range_node) d.range = range(reader, *d.range_node, d.unit);
  if (d.tolerance_node) d.tolerance = read_difference(reader, *d.tolerance_node, d.unit);
  if (d.range && d.fallback && (d.value < d.range->low || d.value > d.range->high))
    reader.error(d.fallback->span, fmt::format("the default of '{}' is outside its range", d.name),
                 "widen range:, or change default:");
}

void finish(Reader& reader, RandomDraft& d) {
  if (!d.draw_node || !scalar(reader, *d.draw_node, "a distribution")) return;
  if (auto read = reader.accept(read_distribution(d.draw_node->span, reader.units))) {
    d.draw = std::move(read->distribution);
    d.unit = std::move(read->unit);
  }
}

/// A map of names to drafts, each finished once all its keys are read.
template <typename T, typename Draft, typename Take>
Key<T> finished(std::string name, const Section<Draft>& section, std::string about, Take take) {
  const SectionInfo owner{"'" + name + "'", {}, {}, {}};
  return {{.name = name, .form = Form::named, .about = std::move(about), .section = &section},
          [owner, &section, take](Reader& reader, const yaml::Entry& entry, T& out) {
            std::vector<Draft> drafts;
            read_named(reader, owner, section, entry, drafts);
            for (auto& draft : drafts) {
              finish(reader, draft);
              take(out, draft);
            }
          }};
}

const Section<twin::RelationConfig>& relation_section() {
  using T = twin::RelationConfig;
  static const Section<T> kSection(
      "a relation", "relations",
      {required<T>("to", name(), &T::to, "the model that each device belongs to one device of"),
       required<T>("inverse", new_name(), &T::inverse, "what the other side calls the set of these devices"),
       optional<T>("optional", boolean(), &T::optional, "false",
                   "devices may be related to none: what is read of it is unknown")});
  return kSection;
}

const Section<ParameterDraft>& parameter_section() {
  using T = ParameterDraft;
  const auto unit = [](T & d) -> auto& { return d.is.unit; };
  const auto words_of = [](T & d) -> auto& { return d.is.words; };
  static const Section<T> kSection(
      "a parameter", "parameters",
      {required<T>("default", later(Form::other), &T::fallback,
                   "a quantity, `true` or `false`, or a word of `enum`"),
       optional<T>("unit", later(Form::unit), unit, "the default's own", "of bare numbers"),
       optional<T>("enum", words(), words_of, "", "the words it can be; codes in this order"),
       optional<T>("spread", later(Form::distribution), &T::spread_node, "none",
                   "a factor drawn per device, times the default; not for points, as degC")});
  return kSection;
}

const Section<FieldDraft>& field_section() {
  using T = FieldDraft;
  const auto unit = [](T & d) -> auto& { return d.is.unit; };
  const auto words_of = [](T & d) -> auto& { return d.is.words; };
  const auto flag = [](T & d) -> auto& { return d.is.boolean; };
  const auto from = [](T & d) -> auto& { return d.sensor.from; };
  const auto dropout = [](T & d) -> auto& { return d.sensor.dropout; };
  static const Section<T> kSection(
      "a telemetry field", "telemetry",
      {optional<T>("from", expression(), from, "none",
                   "what the sensor sees: an expression of the physics; needed where the model has physics"),
       optional<T>("unit", later(Form::unit), unit, "",
                   "of a number; `1` for a ratio. One of unit, enum, boolean"),
       optional<T>("enum", words(), words_of, "", "the words it can be"),
       optional<T>("boolean", boolean(), flag, "false", "`true` for a field that is true or false"),
       required<T>("every", period_from(kLeastPeriod), &T::every, "the period of its samples"),
       optional<T>("phase", duration(), &T::phase, "spread evenly over the period", "of the first sample"),
       optional<T>("range", later(Form::range), &T::range_node, "none",
                   "what is outside is bad. At least one of range and resolution"),
       optional<T>("resolution", later(Form::quantity), &T::resolution_node,
                   "2⁻²⁰ of the range, up to a power of 2", "the step of reported values; a difference"),
       optional<T>("noise", later(Form::quantity), &T::noise, "0",
                   "standard deviation of each sample; a difference"),
       optional<T>("bias", later(Form::quantity), &T::bias, "0",
                   "standard deviation over devices of a constant offset; a difference"),
       optional<T>("drift", later(Form::quantity), &T::drift, "0",
                   "standard deviation over devices of a slope, as `0.1 K/d`; a bare number is per second"),
       optional<T>("dropout", share(), dropout, "0", "share of samples that are not taken"),
       optional<T>("stale_after", period(), &T::stale, "3 periods", "a value this old is unknown"),
       optional<T>("least_spacing", period(), &T::least_spacing, "none",
                   "samples closer than this are counted and shed"),
       optional<T>("max_rate", later(Form::quantity), &T::rate_node, "none",
                   "what jumps further, as `2 K/min`, is bad until three samples in a row confirm it; a bare "
                   "number is per second"),
       optional<T>("flat_after", period(), &T::flat_after, "none",
                   "what has not changed by one step of resolution for so long is bad")});
  return kSection;
}

const Section<SetpointDraft>& setpoint_section() {
  using T = SetpointDraft;
  const auto unit = [](T & d) -> auto& { return d.is.unit; };
  const auto words_of = [](T & d) -> auto& { return d.is.words; };
  static const Section<T> kSection(
      "a setpoint", "setpoints",
      {required<T>("default", later(Form::other), &T::fallback,
                   "a quantity, `true` or `false`, or a word of `enum`"),
       optional<T>("unit", later(Form::unit), unit, "the default's own", "of bare numbers"),
       optional<T>("enum", words(), words_of, "", "the words it can be"),
       optional<T>("range", later(Form::range), &T::range_node, "none", "what the device accepts"),
       optional<T>("tolerance", later(Form::quantity), &T::tolerance_node, "none",
                   "`follows` further away than this is deviating; a difference"),
       optional<T>("follows", name(), &T::follows, "none", "the telemetry field that should follow it"),
       optional<T>("settle", duration(), &T::settle, "0 s", "how long the field may take after a change"),
       optional<T>("local", boolean(), &T::local, "false", "people may override it at the device")});
  return kSection;
}

const Section<twin::CommandConfig>& command_section() {
  using T = twin::CommandConfig;
  static const Section<T> kSection("a command", "commands",
                                   {optional<T>("expires", period(), &T::expires, "1 min",
                                                "not applied later than this after it was issued")});
  return kSection;
}

const Section<RandomDraft>& random_section() {
  using T = RandomDraft;
  static const Section<T> kSection(
      "a random signal", "random",
      {required<T>("draw", later(Form::distribution), &T::draw_node, "what each value is drawn from"),
       required<T>("every", period_from(kLeastPeriod), &T::every, "how long each value is held")});
  return kSection;
}

/// `drives: {station: {running: on}}`
Value<std::vector<sim::DriveConfig>> drives() {
  return {Form::other, [](Reader& reader, const Node& node) -> std::optional<std::vector<sim::DriveConfig>> {
            static const SectionInfo kRelations{"a map of relations", {}, {}, {}};
            if (!expect_map(reader, kRelations, node, node.span)) return std::nullopt;
            std::vector<sim::DriveConfig> out;
            for (const auto& relation : node.entries) {
              const auto ports = expressions().read(reader, relation.value);
              if (!ports) continue;
              for (const auto& port : *ports)
                out.push_back({relation.key, port.name, port.name_span, port.text});
            }
            return out;
          }};
}

const Section<sim::PhysicsEventConfig>& physics_event_section() {
  using T = sim::PhysicsEventConfig;
  static const Section<T> kSection(
      "an event of the physics", "physics_events",
      {required<T>("when", expression(), &T::when, "the condition: what happens when it becomes true"),
       required<T>("reset", expressions(), &T::reset, "states with their new values, of those just before")});
  return kSection;
}

const Section<PhysicsDraft>& physics_section() {
  using T = PhysicsDraft;
  static const Section<T> kSection(
      "physics", "physics",
      {optional<T>(
           "inputs", expressions(), &T::inputs, "none",
           "of feeds and of civil time, one for all devices; or of the element of a plant that a device is "
           "related to: `at.pressure`"),
       optional<T>("drives", drives(), &T::drives, "none",
                   "by relation, ports of a plant's element with what they are given: `{station: {running: "
                   "turning}}`"),
       finished<T>("random", random_section(), "signals drawn per device, held for a period",
                   [](T& out, RandomDraft& d) { out.random.push_back(std::move(d)); }),
       optional<T>("states", expressions(), &T::states, "none", "each state's initial value, of parameters"),
       optional<T>("rates", expressions(), &T::rates, "none", "each state's rate of change"),
       python_key<T>("a class that goes on with the states, in the place of rates"),
       named<T>("limits", limit_section(), &T::limits, "what states stay within: integrators with limits"),
       named<T>("events", physics_event_section(), &T::events,
                "what happens to states at an instant, located within the step"),
       optional<T>("outputs", expressions(), &T::outputs, "none",
                   "what follows from states, inputs and actuators"),
       optional<T>("step", period_from(kLeastPeriod), &T::step, "1 s", "of the integration"),
       optional<T>("integrator",
                   word<lang::Integrator>({{"exact", lang::Integrator::exact},
                                           {"runge_kutta4", lang::Integrator::runge_kutta4},
                                           {"euler", lang::Integrator::euler},
                                           {"dormand_prince5", lang::Integrator::dormand_prince5}}),
                   &T::integrator, "exact for linear rates, else runge_kutta4",
                   "`exact` demands linear rates; the others are explicit, of order 4, 1 and 5, with the "
                   "given step")});
  return kSection;
}

const Section<ControllerDraft>& controller_section() {
  using T = ControllerDraft;
  static const Section<T> kSection(
      "a controller", "controller",
      {optional<T>("every", period_from(kLeastPeriod), &T::every, "1 s",
                   "its period; a multiple of the physics' step"),
       named<T>("machines", controller_machine_section(), &T::machines,
                "states that it keeps; outputs and physics see them by name"),
       optional<T>("outputs", expressions(), &T::outputs, "none", "its signals; physics sees them by name"),
       python_key<T>("a class that gives the signals, in the place of outputs and machines")});
  return kSection;
}

}  // namespace

const Section<sim::LimitConfig>& limit_section() {
  using T = sim::LimitConfig;
  static const Section<T> kSection(
      "a limit", "limits",
      {optional<T>("low", expression(), &T::low, "none", "the least value, of parameters"),
       optional<T>("high", expression(), &T::high, "none", "the greatest value, of parameters")});
  return kSection;
}

Value<std::vector<sim::Named>> expressions() {
  return {Form::expressions, [](Reader& reader, const Node& node) -> std::optional<std::vector<sim::Named>> {
            static const SectionInfo kMap{"a map of expressions", {}, {}, {}};
            if (!expect_map(reader, kMap, node, node.span)) return std::nullopt;
            std::vector<sim::Named> out;
            for (const auto& entry : node.entries) {
              if (!check_name(reader, entry.key, entry.key_span)) continue;
              if (scalar(reader, entry.value, "an expression"))
                out.push_back({entry.key, entry.key_span, entry.value.span});
            }
            return out;
          }};
}

/// A distribution in `unit`, which may draw negative values.
static Value<Distribution> distribution_in(const lang::Unit& unit) {
  return {Form::distribution,
          [unit](Reader& reader, const Node& node) { return distribution(reader, node, unit); }};
}

static const Section<sim::ClockConfig>& clock_section() {
  using T = sim::ClockConfig;
  static const lang::Unit kSecond{"s", lang::Type::number(lang::kTimeDimension), 1, 0};
  static const lang::Unit kMillionth{"ppm", lang::Type::number(lang::kRatio), 1e-6, 0};
  static const Section<T> kSection(
      "a clock", "clock",
      {optional<T>("offset", distribution_in(kSecond), &T::offset, "`0 s`",
                   "how far it is ahead at the start and after each synchronisation"),
       optional<T>("drift", distribution_in(kMillionth), &T::drift, "`0 ppm`",
                   "of each device for ever; ahead where positive. A bare number is in parts per million"),
       optional<T>("sync", period(), &T::sync, "never", "how often it is set")});
  return kSection;
}

const Section<ModelDraft>& model_section() {
  using T = ModelDraft;
  const auto refuses = [](T & d) -> auto& { return d.device.refuses; };
  static const Section<T> kSection(
      "a model", "models",
      {named<T>("relations", relation_section(), &T::relations, "to other models"),
       finished<T>("parameters", parameter_section(), "what differs between devices and stays",
                   [](T& out, ParameterDraft& d) { out.parameters.push_back(std::move(d)); }),
       finished<T>("telemetry", field_section(), "what each device reports",
                   [](T& out, FieldDraft& d) {
                     out.device.sensors.push_back(std::move(d.sensor));
                     out.telemetry.push_back(std::move(d));
                   }),
       finished<T>("setpoints", setpoint_section(), "what each device is asked to hold",
                   [](T& out, SetpointDraft& d) { out.setpoints.push_back(std::move(d)); }),
       named<T>("commands", command_section(), &T::commands, "what each device can be asked to do once"),
       section_into<T>("physics", physics_section(), "how a device behaves",
                       [](T& out, PhysicsDraft d) {
                         out.physics_class = std::move(d.python);
                         out.device.physics = std::move(d);
                       }),
       section_into<T>("controller", controller_section(),
                       "the loop inside the device; it sees telemetry, setpoints and commands",
                       [](T& out, ControllerDraft d) {
                         out.controller_class = std::move(d.python);
                         out.device.controller = std::move(d);
                       }),
       section<T>(
           "clock", clock_section(), [](T & d) -> auto& { return d.device.clock; },
           "what the device dates its samples and answers by; without, it is right"),
       optional<T>("refuses", expression(), refuses, "false",
                   "the resident's opt-out: while true, the device refuses overrides of local setpoints")});
  return kSection;
}

}  // namespace looptwin::testbed
