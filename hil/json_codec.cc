#include "hil/json_codec.h"

#include <fmt/format.h>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

namespace looptwin::hil {
namespace {

using Json = nlohmann::json;
constexpr int kDeepest = 32;

/// Null where it cannot be read: too long, too deep, no JSON.
std::optional<Json> parsed(std::string_view payload) {
  if (payload.size() > kLongestPayload) return std::nullopt;
  const auto shallow = [](int depth, Json::parse_event_t, Json&) { return depth <= kDeepest; };
  auto json = Json::parse(payload, shallow, false);
  if (json.is_discarded()) return std::nullopt;
  return json;
}

/// What a pointer leads to; null where it leads nowhere.
const Json* at(const Json& json, const std::string& pointer) {
  if (pointer.empty()) return &json;
  try {
    const Json::json_pointer place(pointer);
    return json.contains(place) ? &json.at(place) : nullptr;
  } catch (const Json::exception&) {
    return nullptr;
  }
}

std::optional<double> number_at(const Json& json, const std::string& pointer) {
  const Json* value = pointer.empty() ? nullptr : at(json, pointer);
  return value != nullptr && value->is_number() ? std::optional(value->get<double>()) : std::nullopt;
}

/// A scalar payload: JSON where it is that, else a text.
Json scalar_of(std::string_view payload) {
  auto json = parsed(payload);
  return json && json->is_primitive() ? std::move(*json) : Json(std::string(payload));
}

const std::pair<const char*, twin::Outcome> kOutcomes[] = {
    {"accepted", twin::Outcome::accepted},
    {"out_of_range", twin::Outcome::refused_range},
    {"refused", twin::Outcome::refused_local},
    {"expired", twin::Outcome::expired},
    {"unknown_command", twin::Outcome::unknown_command}};

}  // namespace

const char* name_of(twin::Outcome outcome) {
  const auto found = std::find_if(std::begin(kOutcomes), std::end(kOutcomes),
                                  [&](const auto& known) { return known.second == outcome; });
  return found->first;
}

JsonCodec::JsonCodec(const twin::ModelConfig& model, Mapping mapping)
    : model_(model), mapping_(std::move(mapping)) {
  for (const auto& field : model.telemetry) {
    const auto* place = mapping_.place_of(field.name);
    fields_.push_back({field.name, place != nullptr ? *place : "/" + field.name, twin::scaling_of(field),
                       field.words, field.boolean});
  }
}

tl::expected<Samples, PayloadProblem> JsonCodec::telemetry(std::string_view payload,
                                                           std::string_view field) const {
  Samples samples;
  const auto take = [&](size_t f, const Json& value) {
    const auto& known = fields_[f];
    std::optional<double> number;
    if (value.is_null()) return samples.values.emplace_back(f, twin::kMissing), true;
    if (!known.words.empty() && value.is_string()) {
      const auto word =
          std::find(known.words.begin(), known.words.end(), value.get_ref<const std::string&>());
      if (word != known.words.end()) number = static_cast<double>(word - known.words.begin());
    } else if (known.boolean && value.is_boolean()) {
      number = value.get<bool>() ? 1 : 0;
    } else if (known.words.empty() && !known.boolean && value.is_number()) {
      const auto& unit = model_.telemetry[f].unit;
      const double si = unit.to_si(value.get<double>());
      samples.values.emplace_back(f, std::isfinite(si) ? known.scaling.to_raw(si) : twin::kMissing);
      return true;
    }
    if (!number) return false;
    samples.values.emplace_back(f, static_cast<int32_t>(*number));
    return true;
  };
  if (!field.empty()) {
    const auto known =
        std::find_if(fields_.begin(), fields_.end(), [&](const auto& f) { return f.name == field; });
    if (known == fields_.end()) return samples;  // of a topic beside ours
    if (payload.size() > kLongestPayload) return tl::make_unexpected(PayloadProblem::malformed);
    if (!take(static_cast<size_t>(known - fields_.begin()), scalar_of(payload)))
      return tl::make_unexpected(PayloadProblem::wrong_type);
    return samples;
  }
  const auto json = parsed(payload);
  if (!json || !json->is_object()) return tl::make_unexpected(PayloadProblem::malformed);
  for (size_t f = 0; f < fields_.size(); ++f) {
    const Json* value = at(*json, fields_[f].pointer);
    if (value != nullptr && !take(f, *value)) return tl::make_unexpected(PayloadProblem::wrong_type);
  }
  samples.unix_seconds = number_at(*json, mapping_.time);
  if (const auto number = number_at(*json, mapping_.sequence); number && 0 <= *number && *number < 0x1p32)
    samples.sequence = static_cast<uint32_t>(*number);
  return samples;
}

std::string JsonCodec::command(const twin::Command& command, double expires) const {
  nlohmann::ordered_json json = {{"id", fmt::format("{:016x}", command.id)}};
  if (command.kind == twin::Command::Kind::command) {
    json["command"] = model_.commands[command.index].name;
  } else {
    const auto& setpoint = model_.setpoints[command.index];
    json["set"] = setpoint.name;
    if (!setpoint.words.empty()) {
      json["value"] = setpoint.words[static_cast<size_t>(command.value)];
    } else if (setpoint.boolean) {
      json["value"] = command.value != 0;
    } else {
      json["value"] = setpoint.unit.from_si(command.value);
      json["unit"] = setpoint.unit.text;
    }
  }
  json["expires"] = expires;
  if (command.may_refuse) json["may_refuse"] = true;
  return json.dump();
}

tl::expected<JsonCodec::Answer, PayloadProblem> JsonCodec::acknowledgement(std::string_view payload) const {
  const auto json = parsed(payload);
  if (!json || !json->is_object()) return tl::make_unexpected(PayloadProblem::malformed);
  const Json *id = at(*json, "/id"), *outcome = at(*json, "/outcome");
  if (id == nullptr || !id->is_string() || outcome == nullptr || !outcome->is_string())
    return tl::make_unexpected(PayloadProblem::wrong_type);
  const auto& text = id->get_ref<const std::string&>();
  Answer answer;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), answer.id, 16);
  const auto found = std::find_if(std::begin(kOutcomes), std::end(kOutcomes), [&](const auto& known) {
    return known.first == outcome->get_ref<const std::string&>();
  });
  if (error != std::errc() || end != text.data() + text.size() || found == std::end(kOutcomes))
    return tl::make_unexpected(PayloadProblem::wrong_type);
  answer.outcome = found->second;
  answer.unix_seconds = number_at(*json, mapping_.time);
  return answer;
}

}  // namespace looptwin::hil
