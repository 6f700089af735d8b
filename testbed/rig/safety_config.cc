#include "testbed/rig/safety_config.h"

#include <fmt/format.h>

#include "base/text.h"
#include "hil/watchdog.h"
#include "testbed/reading/values.h"

namespace looptwin::testbed {
namespace {

/// Kept as it stands, for when the models are known.
template <typename T, typename Put>
Key<T> kept(std::string name, Form form, std::string about, Put put) {
  return {{.name = std::move(name), .form = form, .about = std::move(about)},
          [put](Reader&, const yaml::Entry& entry, T& out) {
            put(out, LaterValue{entry.key_span, entry.key, entry.value});
          }};
}

const Section<SafetyText::Step>& step_section() {
  using T = SafetyText::Step;
  static const Section<T> kSection(
      "a safe value", "safe",
      {with_span(required<T>("model", name(), &T::model, "of the devices"), &T::model_span),
       with_span(optional<T>("devices", pattern(), &T::devices, "all of the model", "which of them"),
                 &T::devices_span),
       kept<T>("command", Form::name, "what they are told",
               [](T& out, LaterValue value) { out.command = std::move(value); }),
       kept<T>("set", Form::other, "or setpoints with their values: {speed: 0 %}",
               [](T& out, LaterValue map) {
                 for (const auto& entry : map.node.entries)
                   out.set.push_back({entry.key_span, entry.key, entry.value});
                 if (out.set.empty()) out.set.push_back(std::move(map));  // refused when it is resolved
               })});
  return kSection;
}

Value<Duration> heartbeat() {
  static constexpr auto kLeast = hil::Watchdog::kLeastHeartbeat;
  return {period().form, [](Reader& reader, const yaml::Node& node) -> std::optional<Duration> {
            const auto read = period().read(reader, node);
            if (!read || *read >= kLeast) return read;
            reader.error(
                node.span,
                fmt::format("a heartbeat of {} is shorter than the watchdog can look for: a loop that "
                            "moves would be stopped",
                            to_string(*read)),
                fmt::format("write {} or more", to_string(kLeast)));
            return std::nullopt;
          }};
}

/// `pump.speed` of a model's setpoint or command.
struct Quantity {
  size_t model = 0;
  twin::Command::Kind kind = twin::Command::Kind::command;
  uint16_t index = 0;
};

/// All problems of what is resolved, and the models that names are looked up in.
class Resolver {
 public:
  Resolver(const twin::Registry& registry, const lang::Units& units)
      : registry_(registry), reader_{units, problems_} {}

  Reader& reader() { return reader_; }
  Diagnostics& problems() { return problems_; }
  const twin::ModelConfig& model(size_t m) const { return registry_.models()[m].config; }

  std::optional<size_t> find_model(const std::string& name, const Span& span) {
    std::vector<std::string> names;
    for (size_t m = 0; m < registry_.models().size(); ++m) {
      if (model(m).name == name) return m;
      names.push_back(model(m).name);
    }
    error(span, fmt::format("'{}' is no model", name), "models: " + joined(names));
    return std::nullopt;
  }

  /// A setpoint or command; `kind` restricts it to one of the two.
  std::optional<Quantity> find(size_t m, const std::string& name, const Span& span,
                               std::optional<twin::Command::Kind> kind = {}) {
    using Kind = twin::Command::Kind;
    std::vector<std::string> names;
    if (kind != Kind::command)
      for (size_t i = 0; i < model(m).setpoints.size(); ++i) {
        if (model(m).setpoints[i].name == name) return Quantity{m, Kind::setpoint, static_cast<uint16_t>(i)};
        names.push_back(model(m).setpoints[i].name);
      }
    if (kind != Kind::setpoint)
      for (size_t i = 0; i < model(m).commands.size(); ++i) {
        if (model(m).commands[i].name == name) return Quantity{m, Kind::command, static_cast<uint16_t>(i)};
        names.push_back(model(m).commands[i].name);
      }
    const char* what = !kind ? "setpoint or command" : *kind == Kind::setpoint ? "setpoint" : "command";
    error(span, fmt::format("{} has no {} '{}'", model(m).name, what, name),
          names.empty() ? "it has none" : "write one of: " + joined(names));
    return std::nullopt;
  }

  std::optional<Quantity> find_dotted(const std::string& name, const Span& span) {
    const auto dot = name.find('.');
    if (dot == name.npos) {
      error(span, fmt::format("'{}' names no model's setpoint or command", name), "write MODEL.NAME");
      return std::nullopt;
    }
    const auto m = find_model(name.substr(0, dot), span);
    return m ? find(*m, name.substr(dot + 1), span) : std::nullopt;
  }

  std::optional<double> value(const twin::SetpointConfig& setpoint, const yaml::Node& node) {
    return setpoint_value(reader_, node, setpoint);
  }

  std::vector<twin::DeviceRef> devices(const std::string& pattern, const Span& span,
                                       std::optional<size_t> m = {}) {
    auto found = registry_.matching(pattern);
    if (m) std::erase_if(found, [&](const auto& device) { return device.table.index() != *m; });
    if (found.empty())
      error(span, fmt::format("no device matches '{}'", pattern), "write an id, or a pattern");
    return found;
  }

  void error(const Span& span, std::string message, std::string hint = {}) {
    reader_.error(span, std::move(message), std::move(hint));
  }

 private:
  const twin::Registry& registry_;
  Diagnostics problems_;
  Reader reader_;
};

struct LimitsText {
  std::optional<yaml::Node> range, rate;
  std::optional<uint64_t> most;
};

const Section<LimitsText>& limits_section() {
  using T = LimitsText;
  static const Section<T> kSection(
      "a limit", "limits",
      {kept<T>("range", Form::range, "what may be sent at all",
               [](T& out, LaterValue value) { out.range = std::move(value.node); }),
       kept<T>("rate", Form::quantity, "how fast the values that are sent may change: 5 %/s",
               [](T& out, LaterValue value) { out.rate = std::move(value.node); }),
       optional<T>("most", whole_number(1, 1'000'000), &T::most, "none",
                   "messages to one device in any minute")});
  return kSection;
}

lang::Unit per_second(const lang::Unit& unit) {
  lang::Unit rate = lang::difference_unit(unit);
  rate.text += "/s";
  rate.type.dimension = rate.type.dimension / lang::kTimeDimension;
  return rate;
}

void add_limits(Resolver& r, const LaterValue& text, std::vector<hil::ModelLimits>& limits) {
  const auto found = r.find_dotted(text.name, text.span);
  LimitsText read;
  limits_section().read(r.reader(), text.node, text.span, read);
  if (!found) return;
  const bool setpoint = found->kind == twin::Command::Kind::setpoint;
  auto& model = limits[found->model];
  auto& to = setpoint ? model.setpoints[found->index] : model.commands[found->index];
  to.most = read.most;
  if (!read.range && !read.rate) return;
  const auto* config = setpoint ? &r.model(found->model).setpoints[found->index] : nullptr;
  if (config == nullptr || config->boolean || !config->words.empty())
    return r.error(text.span, fmt::format("{} is no number: it has no range and no rate", text.name),
                   "write most: 6");
  if (read.range) to.range = range(r.reader(), *read.range, config->unit);
  if (read.rate) to.rate = quantity(r.reader(), *read.rate, per_second(config->unit), false);
  if (to.rate && !(*to.rate > 0))
    r.error(read.rate->span, "with such a rate nothing could change", "write how fast it may, above zero");
}

void add_step(Resolver& r, const SafetyText::Step& text, std::vector<hil::SafeStep>& steps) {
  const auto m = r.find_model(text.model, text.model_span);
  if (text.command.has_value() == !text.set.empty())
    r.error(text.span, "a safe value is either a command or setpoints",
            "write {model: pump, command: stop}, or {model: pump, set: {speed: 0 %}}");
  if (!m) return;
  const auto devices = r.devices(text.devices, text.devices_span, m);
  const auto add = [&](const Quantity& quantity, double value) {
    steps.push_back({devices, quantity.kind, quantity.index, value});
  };
  if (text.command && scalar(r.reader(), text.command->node, "a command"))
    if (const auto found =
            r.find(*m, text.command->node.text, text.command->node.span, twin::Command::Kind::command))
      add(*found, 0);
  for (const auto& one : text.set) {
    if (one.node.map()) {
      r.error(one.span, "'set' holds setpoints with their values", "write set: {speed: 0 %}");
      continue;
    }
    const auto found = r.find(*m, one.name, one.span, twin::Command::Kind::setpoint);
    if (!found) continue;
    const auto& setpoint = r.model(*m).setpoints[found->index];
    const auto value = r.value(setpoint, one.node);
    if (value && setpoint.range && (*value < setpoint.range->low || *value > setpoint.range->high))
      r.error(one.node.span, fmt::format("this is outside the range of '{}'", one.name),
              "write a value that the device takes");
    if (value) add(*found, *value);
  }
}

}  // namespace

const Section<SafetyText>& safety_section() {
  using T = SafetyText;
  const auto allow = [](T& out, const LaterValue& list) {
    for (const auto& item : list.node.items) out.allow.push_back({item.span, item.text, item});
    if (list.node.items.empty()) out.allow.push_back({list.span, {}, list.node});
  };
  const auto limits = [](T& out, const LaterValue& map) {
    for (const auto& entry : map.node.entries) out.limits.push_back({entry.key_span, entry.key, entry.value});
    if (map.node.entries.empty()) out.limits.push_back({map.span, {}, map.node});
  };
  Key<T> of_limits =
      kept<T>("limits", Form::named, "of a model's setpoint or command, by pump.speed", limits);
  of_limits.info.section = &limits_section();
  static const Section<T> kSection(
      "safety", "safety",
      {list<T>("safe", step_section(), &T::safe, "what makes the rig safe, in this order"),
       kept<T>("allow", Form::texts, "the only setpoints and commands that are ever sent: [pump.start]",
               allow),
       of_limits,
       optional<T>("teardown", duration(), &T::teardown, "5 s", "how long making safe may take at the end"),
       optional<T>("heartbeat", heartbeat(), &T::heartbeat, "2 s",
                   "a loop that does not move for so long is made safe by the watchdog; 200 ms or more"),
       optional<T>("broker_loss", word<bool>({{"stop", true}, {"go_on", false}}), &T::stop_after_loss, "stop",
                   "what a broker that was away is")});
  return kSection;
}

Result<hil::SafetyOptions> resolve(const SafetyText& text, const twin::Registry& registry,
                                   const lang::Units& units) {
  Resolver r(registry, units);
  hil::SafetyOptions options;
  options.teardown = text.teardown;
  options.stop_after_loss = text.stop_after_loss;
  for (const auto& model : registry.models()) {
    auto& limits = options.limits.emplace_back();
    limits.setpoints.resize(model.config.setpoints.size());
    limits.commands.resize(model.config.commands.size());
    if (text.allow.empty()) continue;
    for (auto& one : limits.setpoints) one.allowed = false;
    for (auto& one : limits.commands) one.allowed = false;
  }
  for (const auto& one : text.allow) {
    const auto found = r.find_dotted(one.name, one.span);
    if (!found) continue;
    auto& limits = options.limits[found->model];
    const bool setpoint = found->kind == twin::Command::Kind::setpoint;
    (setpoint ? limits.setpoints : limits.commands)[found->index].allowed = true;
  }
  for (const auto& one : text.limits) add_limits(r, one, options.limits);
  for (const auto& step : text.safe) add_step(r, step, options.steps);
  if (has_errors(r.problems())) return tl::make_unexpected(std::move(r.problems()));
  return options;
}

std::optional<double> setpoint_value(Reader& reader, const yaml::Node& node,
                                     const twin::SetpointConfig& setpoint) {
  if (setpoint.boolean) {
    const auto read = boolean().read(reader, node);
    return read ? std::optional(*read ? 1.0 : 0.0) : std::nullopt;
  }
  if (!setpoint.words.empty()) return code(reader, node, setpoint.words);
  return quantity(reader, node, setpoint.unit, false);
}

}  // namespace looptwin::testbed
