// `forces:` of rig.yaml, and those that people give while a rig runs: the same keys.
#include <fmt/format.h>

#include "base/text.h"
#include "testbed/reading/values.h"
#include "testbed/rig/safety_config.h"

namespace looptwin::testbed {
namespace {

using hil::ForceKind;
using hil::ForcePoint;

constexpr const char* kPoints[] = {"field", "setpoint", "command", "message"};
constexpr const char* kKinds[] = {"force", "offset",    "freeze",  "noise",  "drop",
                                  "delay", "duplicate", "reorder", "corrupt"};
const std::pair<const char*, ForcePoint> kMessages[] = {{"telemetry", ForcePoint::telemetry},
                                                        {"presence", ForcePoint::presence},
                                                        {"acknowledgement", ForcePoint::acknowledgement},
                                                        {"command", ForcePoint::commands}};

Key<ForceText> kept(const char* name, Form form, std::string about,
                    std::vector<LaterValue> ForceText::*into) {
  return {{.name = name, .form = form, .about = std::move(about)},
          [into](Reader&, const yaml::Entry& entry, ForceText& out) {
            (out.*into).push_back({entry.key_span, entry.key, entry.value});
          }};
}

std::string names_of(std::span<const char* const> names) {
  return joined(std::vector<std::string>(names.begin(), names.end()));
}

/// Exactly one of some keys; null after having said so.
const LaterValue* only(Reader& reader, const std::vector<LaterValue>& given, const Span& span,
                       const char* what, std::span<const char* const> names) {
  if (given.size() == 1) return &given.front();
  reader.error(given.empty() ? span : given[1].span,
               fmt::format("a force {} {}", given.empty() ? "lacks" : "has more than one", what),
               "write one of: " + names_of(names));
  return nullptr;
}

/// How the values at a point are written.
struct Written {
  std::string name;
  const lang::Unit* unit = nullptr;
  const std::vector<std::string>* words = nullptr;  ///< null: numbers
  bool boolean = false;
};

template <typename Config>
std::optional<std::pair<uint16_t, Written>> find(const std::vector<Config>& configs,
                                                 const std::string& name) {
  for (size_t i = 0; i < configs.size(); ++i) {
    if (configs[i].name != name) continue;
    Written written{name};
    if constexpr (requires { configs[i].unit; }) {
      written.unit = &configs[i].unit;
      written.boolean = configs[i].boolean;
      if (!configs[i].words.empty()) written.words = &configs[i].words;
    }
    return std::pair(static_cast<uint16_t>(i), written);
  }
  return std::nullopt;
}

bool of_values(ForceKind kind) { return kind <= ForceKind::noise; }

/// SI; of a share 0 … 1.
std::optional<double> amount_of(Reader& reader, const LaterValue& given, ForceKind kind, const Written& of) {
  if (!of_values(kind)) return share().read(reader, given.node);
  if (kind == ForceKind::freeze) {
    const auto on = boolean().read(reader, given.node);
    if (on && !*on) reader.error(given.node.span, "a force that is not there", "write freeze: true");
    return on ? std::optional(0.0) : std::nullopt;
  }
  const bool coded = of.boolean || of.words != nullptr;
  if (kind != ForceKind::force) {
    if (!coded) return quantity(reader, given.node, *of.unit, true);
    reader.error(given.span, fmt::format("'{}' is no number: it has no {}", of.name, given.name),
                 "write force: VALUE, or freeze: true");
    return std::nullopt;
  }
  if (of.boolean) {
    const auto read = boolean().read(reader, given.node);
    return read ? std::optional(*read ? 1.0 : 0.0) : std::nullopt;
  }
  return of.words != nullptr ? code(reader, given.node, *of.words)
                             : quantity(reader, given.node, *of.unit, false);
}

bool fits(ForceKind kind, const std::string& point) {
  if (kind == ForceKind::drop || point == "setpoint") return true;
  return of_values(kind) == (point == "field");
}

}  // namespace

const Section<ForceText>& force_section() {
  using T = ForceText;
  const auto points = &T::points;
  const auto kinds = &T::kinds;
  static const Section<T> kSection(
      "a force", "forces",
      {optional<T>("name", text(), &T::name, "what it does to what", "to end it by"),
       optional<T>("owner", text(), &T::owner, "rig", "whose it is"),
       with_span(required<T>("device", pattern(), &T::device, "an id or a pattern"), &T::device_span),
       kept("field", Form::name, "of telemetry, on its way in", points),
       kept("setpoint", Form::name, "on its way out", points),
       kept("command", Form::name, "on its way out", points),
       kept("message", Form::word, "`telemetry`, `presence`, `acknowledgement` or `command`: whole messages",
            points),
       kept("force", Form::quantity, "the value is this one", kinds),
       kept("offset", Form::quantity, "so much is added", kinds),
       kept("freeze", Form::boolean, "the value stays what it was", kinds),
       kept("noise", Form::quantity, "normal noise of this standard deviation is added", kinds),
       kept("drop", Form::share, "this share is lost", kinds),
       kept("delay", Form::duration, "comes so much later", kinds),
       kept("duplicate", Form::share, "this share comes twice", kinds),
       kept("reorder", Form::share, "this share comes after the next one", kinds),
       kept("corrupt", Form::share, "a byte of this share is another", kinds),
       optional<T>("at", duration(), &T::at, "the beginning", "since the run's start"),
       optional<T>("for", period(), &T::lasts, "to the end", "how long")});
  return kSection;
}

Result<hil::ForceConfig> resolve(const ForceText& text, const twin::Registry& registry,
                                 const lang::Units& units, Time begins) {
  Diagnostics problems;
  Reader reader{units, problems};
  const auto* point = only(reader, text.points, text.span, "point", kPoints);
  const auto* given = only(reader, text.kinds, text.span, "kind", kKinds);
  const auto devices = registry.matching(text.device);
  if (devices.empty())
    reader.error(text.device_span, fmt::format("no device matches '{}'", text.device),
                 "write an id, or a pattern");
  if (!point || !given || !scalar(reader, point->node, "a name") || devices.empty())
    return tl::make_unexpected(std::move(problems));

  hil::ForceConfig config;
  config.owner = text.owner;
  config.kind = static_cast<ForceKind>(std::find(std::begin(kKinds), std::end(kKinds), given->name) -
                                       std::begin(kKinds));
  const std::string& what = point->node.text;
  config.name = text.name.empty() ? fmt::format("{} {} of {}", given->name, what, text.device) : text.name;
  config.from = begins + text.at.value_or(Duration{});
  config.until = text.lasts ? config.from + *text.lasts : kNever;
  if (!fits(config.kind, point->name))
    reader.error(given->span, fmt::format("'{}' does not act on a {}", given->name, point->name),
                 point->name == "field" ? "write force, offset, freeze, noise or drop"
                                        : "write drop, delay, duplicate, reorder or corrupt");
  Written written;
  for (const auto device : devices) {
    const auto& model = registry.models()[device.table.index()].config;
    std::optional<std::pair<uint16_t, Written>> found{std::pair(uint16_t{0}, Written{})};
    config.point = ForcePoint::telemetry;
    if (point->name == "field") {
      found = find(model.telemetry, what);
      config.point = ForcePoint::field;
    } else if (point->name == "setpoint") {
      found = find(model.setpoints, what);
      config.point = ForcePoint::setpoint;
    } else if (point->name == "command") {
      found = find(model.commands, what);
      config.point = ForcePoint::command;
    } else {
      const auto known = std::find_if(std::begin(kMessages), std::end(kMessages),
                                      [&](const auto& message) { return message.first == what; });
      if (known == std::end(kMessages)) {
        reader.error(point->node.span, fmt::format("there is no message '{}'", what),
                     "write telemetry, presence, acknowledgement or command");
        break;
      }
      config.point = known->second;
    }
    if (!found) {
      reader.error(point->node.span, fmt::format("{} has no {} '{}'", model.name, point->name, what));
      break;
    }
    written = found->second;
    config.targets.push_back({device, found->first});
  }
  if (has_errors(problems)) return tl::make_unexpected(std::move(problems));
  if (config.kind == ForceKind::delay)
    config.delay = duration().read(reader, given->node).value_or(Duration{});
  else
    config.amount = amount_of(reader, *given, config.kind, written).value_or(0);
  if (has_errors(problems)) return tl::make_unexpected(std::move(problems));
  return config;
}

Result<ForceText> read_force(const std::string& line, const lang::Units& units) {
  Diagnostics problems;
  const auto source = std::make_shared<const Source>(Source{"force", line});
  const auto document = yaml::parse(source, problems);
  Reader reader{units, problems, document.complete};
  ForceText text;
  text.span = {source, 0, static_cast<uint32_t>(line.size())};
  force_section().read(reader, document.root, text.span, text);
  if (has_errors(problems)) return tl::make_unexpected(std::move(problems));
  return text;
}

}  // namespace looptwin::testbed
