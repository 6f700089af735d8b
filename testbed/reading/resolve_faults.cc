// Faults: which sensor or signal, when, and how much.
#include <fmt/format.h>
#include <algorithm>
#include <tuple>

#include "base/text.h"
#include "sim/column_code.h"
#include "testbed/reading/load.h"

namespace looptwin::testbed {
namespace {

using sim::FaultKind;

enum class About : uint8_t { sensor, signal, device };

About about(FaultKind kind) {
  if (kind == FaultKind::actuator_stuck) return About::signal;
  const bool whole = kind == FaultKind::link_down || kind >= FaultKind::device_off;
  return whole ? About::device : About::sensor;
}

bool takes_value(FaultKind kind) {
  return kind == FaultKind::bias || kind == FaultKind::drift || kind == FaultKind::noise ||
         kind == FaultKind::dropout || kind == FaultKind::out_of_range || kind == FaultKind::loss;
}

const std::string& word_of(FaultKind kind) {
  for (const auto& key : fault_section().keys)
    if (key.name == "kind") return key.words[static_cast<size_t>(kind)];
  static const std::string kNone;
  return kNone;
}

bool refused_within(const Diagnostics& problems, const Span& span) {
  return std::any_of(problems.begin(), problems.end(), [&](const Diagnostic& d) {
    return d.span.source == span.source && d.span.begin >= span.begin && d.span.end <= span.end;
  });
}

void check_time(Reader& reader, const Draft& draft, FaultDraft& fault) {
  if (fault.at) {
    if (fault.after || fault.every) {
      reader.error(fault.span, "a fault has one of after, at and every", "remove the others");
    } else {
      fault.after = read_at(reader, draft, *fault.at);
    }
  } else if (fault.after && fault.every) {
    reader.error(fault.span, "a fault has one of after, at and every", "remove the others");
  } else if (!fault.after && !fault.every) {
    reader.error(fault.span, "a fault needs its time",
                 "write after: 14 h, at: \"14:00\", or every: 30 d for faults that are drawn");
  }
}

/// A restart of the MML or the broker; false: the fault is about devices.
bool take_restart(Reader& reader, Draft& draft, const FaultDraft& fault) {
  const bool restart = fault.kind == FaultKind::restart;
  if (fault.of_span.source && !restart)
    reader.error(fault.of_span, "'of' belongs to faults of kind restart", "remove this key");
  const bool of_part = restart && fault.of != Restarted::devices;
  if (fault.keeps_span.source && (!restart || of_part))
    reader.error(fault.keeps_span, "'keeps' belongs to restarts of devices", "remove this key");
  if (fault.persistent_span.source && !of_part)
    reader.error(fault.persistent_span, "'persistent' belongs to restarts of the broker or the mml",
                 "remove this key");
  if (restart && !fault.lasts)
    reader.error(fault.span, "a fault of kind restart needs 'lasts'",
                 "write lasts: 30 s, or 0 s for at once");
  if (!restart && fault.lasts && fault.lasts->ns == 0)
    reader.error(fault.span, "a fault that lasts 0 s does nothing", "write a longer time");
  if (!of_part) {
    if (fault.device.empty())
      reader.error(fault.span, "a fault needs 'device'",
                   "write device: \"block-3/*\"; `*` stops at a slash, `**` does not");
    return false;
  }
  if (!fault.device.empty())
    reader.error(fault.span, "a restart of the broker or the mml is not about a device",
                 "remove 'device', or write of: devices");
  if (fault.every && *fault.every < seconds(1))
    reader.error(fault.span, "the broker or the mml restarts every second at the most",
                 "write every: with a mean time of 1 s or longer");
  draft.scenario.restarts.push_back(
      {fault.span, fault.of, fault.after, fault.every, fault.lasts.value_or(Duration{}), fault.persistent});
  return true;
}

void check_signal(Reader& reader, const Draft& draft, const FaultDraft& fault) {
  std::vector<std::string> names;
  for (const auto& model : draft.models)
    if (const auto& controller = model.device.controller) {
      for (const auto& output : controller->outputs) names.push_back(output.name);
      if (!controller->code) continue;
      for (const auto& output : controller->code->outputs()) names.push_back(output.name);
    }
  if (std::find(names.begin(), names.end(), fault.sensor) == names.end())
    reader.error(fault.sensor_span, fmt::format("no controller has the signal '{}'", fault.sensor),
                 near_and_all(fault.sensor, names, "signals"));
}

/// A code that a sensor of words, or of true and false, reads: one of theirs, or one that is not.
std::optional<double> read_code(Reader& reader, const yaml::Node& node, const twin::FieldConfig& field) {
  const auto& words = field.boolean ? std::vector<std::string>{"false", "true"} : field.words;
  if (!looks_numeric(node)) return code(reader, node, words);
  // On the wire 255 is an unknown word, 2 an unknown truth.
  const auto found =
      whole_number(field.boolean ? 3 : std::min<size_t>(words.size(), 254), 254).read(reader, node);
  return found ? std::optional(static_cast<double>(*found)) : std::nullopt;
}

/// The value as it is meant for one model's field; a bare number is in that field's unit.
std::optional<double> read_value(Reader& reader, const FaultDraft& fault, const twin::FieldConfig& field) {
  const auto& node = *fault.value_node;
  if (fault.kind == FaultKind::dropout) return share().read(reader, node);
  if (field.boolean || !field.words.empty()) {
    if (fault.kind == FaultKind::out_of_range) return read_code(reader, node, field);
    reader.error(fault.sensor_span,
                 fmt::format("'{}' is no number: it has no {}", field.name, word_of(fault.kind)),
                 "write stuck, dropout, or out_of_range");
    return std::nullopt;
  }
  if (fault.kind == FaultKind::noise) {
    const auto factor = number(reader, node);
    if (factor && *factor < 0)
      reader.error(node.span, "noise is multiplied by a factor that is not negative");
    return factor;
  }
  auto unit = field.unit;
  if (fault.kind == FaultKind::drift) {
    unit = lang::difference_unit(unit);
    unit.text += "/s";
    unit.type.dimension = unit.type.dimension / lang::kTimeDimension;
  }
  return quantity(reader, node, unit, fault.kind != FaultKind::out_of_range);
}

/// All models that have the field count, each with its own unit, since a pattern may match devices of
/// several. Which it does match is known once there is a fleet; here the value must mean something to one of
/// them.
void check_sensor(Reader& reader, const Draft& draft, FaultDraft& fault) {
  std::vector<std::string> names;
  std::vector<std::optional<double>> values(draft.models.size());
  std::optional<Diagnostics> refused;
  bool found = false, meant = false;
  for (size_t m = 0; m < draft.models.size(); ++m) {
    for (const auto& field : draft.models[m].telemetry) {
      names.push_back(field.name);
      if (field.name != fault.sensor) continue;
      found = true;
      if (!fault.value_node || !takes_value(fault.kind)) continue;
      Diagnostics problems;
      Reader attempt{reader.units, problems, reader.complete};
      const auto value = read_value(attempt, fault, field);
      if (value && problems.empty()) {
        if (!meant) fault.value = *value;
        values[m] = value;
        meant = true;
      } else if (!refused) {
        refused = std::move(problems);
      }
    }
  }
  if (!found)
    reader.error(fault.sensor_span, fmt::format("no model has the telemetry field '{}'", fault.sensor),
                 near_and_all(fault.sensor, names, "fields"));
  if (meant)
    fault.values = std::move(values);
  else if (refused)
    reader.problems.insert(reader.problems.end(), refused->begin(), refused->end());
}

}  // namespace

bool is_there(Reader& reader, const Timezone& zone, const IsoTime& date, const yaml::Node& node) {
  if (date.offset || zone.instants(date.local).kind != Timezone::Kind::gap) return true;
  reader.error(node.span,
               fmt::format("there is no {} in {}: clocks are set forward over it", node.text, zone.name()),
               fmt::format("write {}", zone.format(zone.to_utc(date))));
  return false;
}

std::optional<Time> read_at(Reader& reader, const Draft& draft, const yaml::Node& node) {
  if (!scalar(reader, node, "a time of day")) return std::nullopt;
  const UnixTime start = draft.scenario.start;
  const Civil today = draft.zone.to_local(start);
  UnixTime at;
  if (const auto date = parse_iso(node.text)) {
    if (!is_there(reader, draft.zone, *date, node)) return std::nullopt;
    at = draft.zone.to_utc(*date);
  } else if (auto of_day = parse_iso("2000-01-01T" + node.text); of_day && !of_day->offset) {
    for (int64_t day = day_number(today.year, today.month, today.day);; ++day) {
      const Civil date = civil_from_days(day);
      std::tie(of_day->local.year, of_day->local.month, of_day->local.day) =
          std::tuple(date.year, date.month, date.day);
      at = draft.zone.to_utc(*of_day);
      // Not on the day on which clocks are set forward over it.
      if (at >= start && draft.zone.instants(of_day->local).kind != Timezone::Kind::gap) break;
    }
  } else {
    reader.error(node.span, fmt::format("'{}' is not a time of day", node.text),
                 "write \"14:00\", or \"2019-07-16T14:00:00\"");
    return std::nullopt;
  }
  if (at >= start) return kStart + (at - start);
  reader.error(node.span, fmt::format("{} is before the scenario's start", node.text), "write a later time");
  return std::nullopt;
}

void resolve_faults(Reader& reader, Draft& draft) {
  for (auto& fault : draft.faults) {
    // What a refused value would have said is not missing.
    if (refused_within(reader.problems, fault.span)) continue;
    check_time(reader, draft, fault);
    const auto& kind = word_of(fault.kind);
    const auto needed = about(fault.kind);
    if (needed == About::device) {
      if (fault.sensor_span.source)
        reader.error(fault.sensor_span, fmt::format("{} is about the whole device", kind), "remove this key");
      if (fault.kind == FaultKind::loss && fault.value_node)
        fault.value = share().read(reader, *fault.value_node).value_or(0);
    } else if (!fault.sensor_span.source) {
      reader.error(fault.span, fmt::format("a fault of kind {} needs '{}'", kind,
                                           needed == About::signal ? "signal" : "sensor"));
    } else if (needed == About::signal) {
      check_signal(reader, draft, fault);
    } else {
      check_sensor(reader, draft, fault);
    }
    if (takes_value(fault.kind) && !fault.value_node)
      reader.error(fault.span, fmt::format("a fault of kind {} needs 'value'", kind));
    else if (!takes_value(fault.kind) && fault.value_node)
      reader.error(fault.value_node->span, fmt::format("a fault of kind {} has no value", kind),
                   "remove this key");
    if (!take_restart(reader, draft, fault)) draft.scenario.faults.push_back(fault);
  }
}

Result<sim::FaultConfig> read_fault(const Scenario& scenario, const lang::Units& units,
                                    const SourcePtr& text) {
  Diagnostics problems;
  Reader reader{units, problems};
  const auto root = yaml::parse(text, problems).root;
  Draft draft;
  draft.scenario.start = scenario.start;
  if (auto zone = Timezone::load(scenario.timezone)) draft.zone = std::move(*zone);
  for (size_t m = 0; m < scenario.models.size(); ++m)
    draft.models.push_back({scenario.models[m], scenario.devices[m]});
  FaultDraft fault;
  fault.span = root.span;
  if (problems.empty()) fault_section().read(reader, root, root.span, fault);
  if (fault.every) reader.error(root.span, "a fault that is drawn cannot be given by hand", "write after:");
  if (!fault.after && fault.at == nullptr) fault.after = kStart;
  draft.faults.push_back(std::move(fault));
  if (problems.empty()) resolve_faults(reader, draft);
  if (problems.empty() && draft.scenario.faults.empty())
    reader.error(root.span, "a restart of the broker or the mml cannot be given by hand",
                 "write it among the scenario's faults");
  if (!problems.empty()) return tl::make_unexpected(std::move(problems));
  return std::move(draft.scenario.faults.front());
}

}  // namespace looptwin::testbed
