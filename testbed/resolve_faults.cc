// Faults: which sensor or signal, when, and how much.
#include <fmt/format.h>
#include <tuple>

#include "base/text.h"
#include "testbed/resolve.h"

namespace looptwin::testbed {
namespace {

using sim::FaultKind;

enum class About : uint8_t { sensor, signal, device };

About about(FaultKind kind) {
  if (kind == FaultKind::actuator_stuck) return About::signal;
  return kind == FaultKind::link_down || kind == FaultKind::device_off ? About::device : About::sensor;
}

bool takes_value(FaultKind kind) {
  return kind == FaultKind::bias || kind == FaultKind::drift || kind == FaultKind::noise ||
         kind == FaultKind::dropout || kind == FaultKind::out_of_range;
}

const std::string& word_of(FaultKind kind) {
  for (const auto& key : fault_section().keys)
    if (key.name == "kind") return key.words[static_cast<size_t>(kind)];
  static const std::string kNone;
  return kNone;
}

/// The first such time of day at or after the start, or the date and time itself; local.
std::optional<Time> read_at(Reader& reader, const Draft& draft, const yaml::Node& node) {
  if (!scalar(reader, node, "a time of day")) return std::nullopt;
  const UnixTime start = draft.scenario.start;
  const Civil today = draft.zone.to_local(start);
  UnixTime at;
  if (const auto date = parse_iso(node.text)) {
    at = draft.zone.to_utc(*date);
  } else if (auto of_day = parse_iso("2000-01-01T" + node.text); of_day && !of_day->offset) {
    for (int64_t day = day_number(today.year, today.month, today.day);; ++day) {
      const Civil date = civil_from_days(day);
      std::tie(of_day->local.year, of_day->local.month, of_day->local.day) =
          std::tuple(date.year, date.month, date.day);
      at = draft.zone.to_utc(*of_day);
      if (at >= start) break;
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

/// The telemetry field of the fault's name; all models that have it count, since a pattern may match devices
/// of several.
const twin::FieldConfig* find_field(Reader& reader, const Draft& draft, const FaultDraft& fault) {
  const twin::FieldConfig* found = nullptr;
  std::vector<std::string> names;
  for (const auto& model : draft.models) {
    for (const auto& field : model.telemetry) {
      names.push_back(field.name);
      if (field.name == fault.sensor && !found) found = &field;
    }
  }
  if (!found)
    reader.error(fault.sensor_span, fmt::format("no model has the telemetry field '{}'", fault.sensor),
                 near_and_all(fault.sensor, names, "fields"));
  return found;
}

void check_signal(Reader& reader, const Draft& draft, const FaultDraft& fault) {
  std::vector<std::string> names;
  for (const auto& model : draft.models)
    if (model.device.controller)
      for (const auto& output : model.device.controller->outputs) names.push_back(output.name);
  if (std::find(names.begin(), names.end(), fault.sensor) == names.end())
    reader.error(fault.sensor_span, fmt::format("no controller has the signal '{}'", fault.sensor),
                 near_and_all(fault.sensor, names, "signals"));
}

void read_value(Reader& reader, FaultDraft& fault, const twin::FieldConfig* field) {
  const auto& node = *fault.value_node;
  if (fault.kind == FaultKind::dropout) {
    fault.value = share().read(reader, node).value_or(0);
  } else if (fault.kind == FaultKind::noise) {
    fault.value = number(reader, node).value_or(0);
    if (fault.value < 0) reader.error(node.span, "noise is multiplied by a factor that is not negative");
  } else if (field) {
    auto unit = field->unit;
    if (fault.kind == FaultKind::drift) {
      unit = lang::difference_unit(unit);
      unit.text += "/s";
      unit.type.dimension = unit.type.dimension / lang::kTimeDimension;
    }
    fault.value = quantity(reader, node, unit, fault.kind != FaultKind::out_of_range).value_or(0);
  }
}

}  // namespace

void resolve_faults(Reader& reader, Draft& draft) {
  for (auto& fault : draft.faults) {
    check_time(reader, draft, fault);
    const auto& kind = word_of(fault.kind);
    const auto needed = about(fault.kind);
    const twin::FieldConfig* field = nullptr;
    if (needed == About::device) {
      if (fault.sensor_span.source)
        reader.error(fault.sensor_span, fmt::format("{} is about the whole device", kind), "remove this key");
    } else if (!fault.sensor_span.source) {
      reader.error(fault.span, fmt::format("a fault of kind {} needs '{}'", kind,
                                           needed == About::signal ? "signal" : "sensor"));
    } else if (needed == About::signal) {
      check_signal(reader, draft, fault);
    } else {
      field = find_field(reader, draft, fault);
    }
    if (takes_value(fault.kind) && !fault.value_node)
      reader.error(fault.span, fmt::format("a fault of kind {} needs 'value'", kind));
    else if (!takes_value(fault.kind) && fault.value_node)
      reader.error(fault.value_node->span, fmt::format("a fault of kind {} has no value", kind),
                   "remove this key");
    else if (fault.value_node)
      read_value(reader, fault, field);
    draft.scenario.faults.push_back(fault);
  }
}

}  // namespace looptwin::testbed
