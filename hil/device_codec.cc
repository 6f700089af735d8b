#include "hil/device_codec.h"

#include <fmt/format.h>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

namespace looptwin::hil {
namespace {

using Json = nlohmann::json;

/// Puts a value where a pointer leads, making what lies between; where something else lies there it stays.
void put(Json& json, const std::string& pointer, Json value) {
  if (pointer.empty()) return;
  try {
    json[Json::json_pointer(pointer)] = std::move(value);
  } catch (const Json::exception&) {  // two pointers of the mapping contradict each other
  }
}

/// As short as the resolution allows: 25.3, not 25.300000000000001.
double rounded(double value) { return std::round(value * 1e9) / 1e9; }

template <typename Named>
std::optional<uint16_t> find(const std::vector<Named>& all, const Json& name) {
  if (!name.is_string()) return std::nullopt;
  const auto found = std::find_if(all.begin(), all.end(), [&](const auto& one) {
    return one.name == name.get_ref<const std::string&>();
  });
  if (found == all.end()) return std::nullopt;
  return static_cast<uint16_t>(found - all.begin());
}

/// The value of a setpoint in SI; nothing where it is of another type or unit.
std::optional<double> value_of(const twin::SetpointConfig& setpoint, const Json& order) {
  const auto value = order.find("value");
  if (value == order.end()) return std::nullopt;
  if (!setpoint.words.empty()) {
    if (!value->is_string()) return std::nullopt;
    const auto word =
        std::find(setpoint.words.begin(), setpoint.words.end(), value->get_ref<const std::string&>());
    if (word == setpoint.words.end()) return std::nullopt;
    return static_cast<double>(word - setpoint.words.begin());
  }
  if (setpoint.boolean)
    return value->is_boolean() ? std::optional(value->get<bool>() ? 1.0 : 0.0) : std::nullopt;
  if (!value->is_number()) return std::nullopt;
  const auto unit = order.find("unit");
  if (unit != order.end() && *unit != setpoint.unit.text) return std::nullopt;
  const double si = setpoint.unit.to_si(value->get<double>());
  return std::isfinite(si) ? std::optional(si) : std::nullopt;
}

}  // namespace

DeviceCodec::DeviceCodec(const twin::ModelConfig& model, Mapping mapping)
    : model_(model), mapping_(std::move(mapping)), groups_(twin::report_groups(model)) {
  for (const auto& field : model.telemetry) scalings_.push_back(twin::scaling_of(field));
}

void DeviceCodec::telemetry(std::string_view device, const twin::Frame& frame, size_t i, uint32_t number,
                            double dated, std::vector<Publication>& out) const {
  if (!mapping_.telemetry) return;
  Json whole = Json::object();
  const auto& fields = groups_[frame.group].fields;
  for (size_t k = 0; k < fields.size(); ++k) {
    if (!frame.is_about(k)) continue;
    const auto& field = model_.telemetry[fields[k]];
    const int32_t raw = frame.value[k][i];
    Json value;
    if (raw == twin::kMissing)
      value = nullptr;
    else if (!field.words.empty())
      value = static_cast<size_t>(raw) < field.words.size() ? Json(field.words[static_cast<size_t>(raw)])
                                                            : Json();
    else if (field.boolean)
      value = raw != 0;
    else
      value = rounded(field.unit.from_si(scalings_[fields[k]].to_si(raw)));
    if (mapping_.telemetry->has_field()) {
      auto text = value.is_string() ? value.get<std::string>() : value.dump();
      out.push_back({mapping_.telemetry->topic(device, field.name), std::move(text), false});
      continue;
    }
    const auto* place = mapping_.place_of(field.name);
    put(whole, place != nullptr ? place->at : "/" + field.name, std::move(value));
  }
  if (mapping_.telemetry->has_field()) return;
  put(whole, mapping_.sequence, number);
  put(whole, mapping_.time, dated);
  out.push_back({mapping_.telemetry->topic(device), whole.dump(), false});
}

void DeviceCodec::presence(std::string_view device, bool online, std::vector<Publication>& out) const {
  if (!mapping_.presence) return;
  out.push_back({mapping_.presence->topic(device), online ? mapping_.online : mapping_.offline, true});
}

void DeviceCodec::acknowledgement(std::string_view device, const twin::Acknowledgement& answer, double dated,
                                  std::vector<Publication>& out) const {
  if (!mapping_.acknowledgements) return;
  Json json = {{"id", fmt::format("{:016x}", answer.id)}, {"outcome", name_of(answer.outcome)}};
  put(json, mapping_.time, dated);
  out.push_back({mapping_.acknowledgements->topic(device), json.dump(), false});
}

tl::expected<DeviceCodec::Order, PayloadProblem> DeviceCodec::order(std::string_view payload) const {
  if (payload.size() > kLongestPayload) return tl::make_unexpected(PayloadProblem::malformed);
  const auto json = Json::parse(payload, nullptr, false);
  if (!json.is_object()) return tl::make_unexpected(PayloadProblem::malformed);
  const auto wrong = tl::make_unexpected(PayloadProblem::wrong_type);
  const auto id = json.find("id");
  if (id == json.end() || !id->is_string()) return wrong;
  Order order;
  const auto& text = id->get_ref<const std::string&>();
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), order.command.id, 16);
  if (error != std::errc() || end != text.data() + text.size()) return wrong;
  if (const auto expires = json.find("expires"); expires != json.end()) {
    if (!expires->is_number()) return wrong;
    order.expires = expires->get<double>();
  }
  if (const auto may = json.find("may_refuse"); may != json.end()) order.command.may_refuse = *may == true;
  if (const auto name = json.find("command"); name != json.end()) {
    const auto index = find(model_.commands, *name);
    order.command.kind = twin::Command::Kind::command;
    order.command.index = index.value_or(0);
    if (!index) order.refused = twin::Outcome::unknown_command;
  } else if (const auto set = json.find("set"); set != json.end()) {
    const auto index = find(model_.setpoints, *set);
    if (!index) return order.refused = twin::Outcome::unknown_command, order;
    order.command.index = *index;
    const auto value = value_of(model_.setpoints[*index], json);
    order.command.value = value.value_or(0);
    if (!value) order.refused = twin::Outcome::refused_range;
  } else {
    return wrong;
  }
  return order;
}

}  // namespace looptwin::hil
