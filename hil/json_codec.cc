#include "hil/json_codec.h"

#include <fmt/format.h>
#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/json_tree.h"

namespace looptwin::hil {
namespace {

constexpr int kDeepest = 32;

/// Null where it cannot be read: too long, too deep, no JSON.
std::optional<Json> parsed(std::string_view payload) {
  if (payload.size() > kLongestPayload) return std::nullopt;
  auto json = load_json<Json>(payload, kDeepest);
  if (json.is_discarded()) return std::nullopt;
  return json;
}

/// What a pointer leads to; null where it leads nowhere.
const Json* at(const Json& json, const std::string& pointer) {
  if (pointer.empty()) return &json;
  // Most lead to a member of the whole: that needs no parsing, for each value of each message.
  if (pointer.find_first_of("/~", 1) == std::string::npos && pointer[0] == '/' && json.is_object()) {
    const auto member = json.find(pointer.c_str() + 1);
    return member != json.end() ? &*member : nullptr;
  }
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

/// Of messages: what is no number of them is none.
std::optional<uint32_t> counter_at(const Json& json, const std::string& pointer) {
  const auto number = number_at(json, pointer);
  if (!number || !(0 <= *number && *number < 0x1p32)) return std::nullopt;
  return static_cast<uint32_t>(*number);
}

/// What stands for a value; absent where that is a list or an object.
std::optional<Scalar> scalar_of(const Json& json) {
  if (json.is_null()) return Scalar();
  if (json.is_boolean()) return Scalar(json.get<bool>());
  if (json.is_number()) return Scalar(json.get<double>());
  if (json.is_string()) return Scalar(json.get_ref<const std::string&>());
  return std::nullopt;
}

/// A whole payload that is a value: JSON where it is that, else a text.
Scalar scalar_payload(std::string_view payload) {
  const auto json = parsed(payload);
  auto scalar = json ? scalar_of(*json) : std::nullopt;
  return scalar ? std::move(*scalar) : Scalar(std::string(payload));
}

OrderedJson json_of(const Scalar& value) {
  return std::visit(
      [](const auto& v) -> OrderedJson {
        if constexpr (std::is_same_v<std::decay_t<decltype(v)>, std::monostate>)
          return nullptr;
        else
          return v;
      },
      value);
}

void put(OrderedJson& json, const std::string& pointer, OrderedJson value) {
  try {
    json[OrderedJson::json_pointer(pointer)] = std::move(value);
  } catch (const Json::exception&) {  // no pointer, or below another one's value: it cannot be said
  }
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
    fields_.push_back({place != nullptr ? place->at : "/" + field.name, twin::scaling_of(field)});
  }
}

std::optional<int32_t> JsonCodec::raw(size_t field, const Scalar& value) const {
  const auto& config = model_.telemetry[field];
  return raw_of(config, fields_[field].scaling, config.unit, value);
}

tl::expected<Samples, PayloadProblem> JsonCodec::telemetry(std::string_view payload,
                                                           std::string_view field) const {
  Samples samples;
  const auto take = [&](size_t f, const std::optional<Scalar>& value) {
    const auto number = value ? raw(f, *value) : std::nullopt;
    if (number) samples.values.emplace_back(f, *number);
    return number.has_value();
  };
  if (!field.empty()) {
    const auto& known = model_.telemetry;
    const auto named =
        std::find_if(known.begin(), known.end(), [&](const auto& f) { return f.name == field; });
    if (named == known.end()) return samples;  // of a topic beside ours
    if (payload.size() > kLongestPayload) return tl::make_unexpected(PayloadProblem::malformed);
    if (!take(static_cast<size_t>(named - known.begin()), scalar_payload(payload)))
      return tl::make_unexpected(PayloadProblem::wrong_type);
    return samples;
  }
  const auto json = parsed(payload);
  if (!json || !json->is_object()) return tl::make_unexpected(PayloadProblem::malformed);
  for (size_t f = 0; f < fields_.size(); ++f) {
    const Json* value = at(*json, fields_[f].pointer);
    if (value != nullptr && !take(f, scalar_of(*value)))
      return tl::make_unexpected(PayloadProblem::wrong_type);
  }
  samples.unix_seconds = number_at(*json, mapping_.time);
  samples.sequence = counter_at(*json, mapping_.sequence);
  samples.kept = counter_at(*json, mapping_.kept);
  return samples;
}

std::string JsonCodec::command(const twin::Command& command, double expires) const {
  OrderedJson json = {{"id", fmt::format("{:016x}", command.id)}};
  if (command.kind == twin::Command::Kind::command) {
    json["command"] = model_.commands[command.index].name;
  } else {
    const auto& setpoint = model_.setpoints[command.index];
    json["set"] = setpoint.name;
    json["value"] = json_of(hil::scalar_of(setpoint, setpoint.unit, command.value));
    if (setpoint.words.empty() && !setpoint.boolean) json["unit"] = setpoint.unit.text;
  }
  json["expires"] = expires;
  if (command.may_refuse) json["may_refuse"] = true;
  return dump_json(json);
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

std::string JsonCodec::confirmation(uint32_t number) const {
  auto json = OrderedJson::object();
  put(json, mapping_.sequence, number);
  return dump_json(json);
}

std::string JsonCodec::telemetry_text(const Samples& samples) const {
  auto json = OrderedJson::object();
  for (const auto& [f, raw] : samples.values) {
    const auto& config = model_.telemetry[f];
    put(json, fields_[f].pointer, json_of(hil::scalar_of(config, fields_[f].scaling, config.unit, raw)));
  }
  if (samples.sequence && !mapping_.sequence.empty()) put(json, mapping_.sequence, *samples.sequence);
  if (samples.unix_seconds && !mapping_.time.empty()) put(json, mapping_.time, *samples.unix_seconds);
  return dump_json(json);
}

std::string JsonCodec::scalar_text(uint16_t field, int32_t raw) const {
  const auto& config = model_.telemetry[field];
  const auto value = hil::scalar_of(config, fields_[field].scaling, config.unit, raw);
  const auto* text = std::get_if<std::string>(&value);
  return text != nullptr ? *text : dump_json(json_of(value));
}

std::string JsonCodec::acknowledgement_text(const Answer& answer) const {
  const auto outcome = std::find_if(std::begin(kOutcomes), std::end(kOutcomes),
                                    [&](const auto& known) { return known.second == answer.outcome; });
  OrderedJson json = {{"id", fmt::format("{:016x}", answer.id)}, {"outcome", outcome->first}};
  if (answer.unix_seconds && !mapping_.time.empty()) put(json, mapping_.time, *answer.unix_seconds);
  return dump_json(json);
}

tl::expected<Asked, PayloadProblem> JsonCodec::asked(std::string_view payload) const {
  const auto json = parsed(payload);
  if (!json || !json->is_object()) return tl::make_unexpected(PayloadProblem::malformed);
  const auto text_at = [&](const char* pointer) {
    const Json* value = at(*json, pointer);
    return value != nullptr && value->is_string() ? value->get<std::string>() : std::string();
  };
  Asked asked;
  auto& command = asked.command;
  const auto id = text_at("/id");
  const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), command.id, 16);
  if (!id.empty() && (error != std::errc() || end != id.data() + id.size()))
    return tl::make_unexpected(PayloadProblem::wrong_type);
  const auto index_of = [](const auto& all, const std::string& name) {
    return std::find_if(all.begin(), all.end(), [&](const auto& one) { return one.name == name; }) -
           all.begin();
  };
  const auto setpoint = static_cast<size_t>(index_of(model_.setpoints, text_at("/set")));
  const auto imperative = static_cast<size_t>(index_of(model_.commands, text_at("/command")));
  if (at(*json, "/set") != nullptr && setpoint < model_.setpoints.size()) {
    const auto& config = model_.setpoints[setpoint];
    const Json* value = at(*json, "/value");
    const auto scalar = value != nullptr ? scalar_of(*value) : std::nullopt;
    const auto si = scalar ? value_of(config, config.unit, *scalar) : std::nullopt;
    const auto unit = text_at("/unit");
    command.index = static_cast<uint16_t>(setpoint);
    command.value = si.value_or(0);
    if (!si || (!unit.empty() && unit != config.unit.text)) asked.refused = twin::Outcome::refused_range;
  } else if (imperative < model_.commands.size()) {
    command.kind = twin::Command::Kind::command;
    command.index = static_cast<uint16_t>(imperative);
  } else {
    asked.refused = twin::Outcome::unknown_command;
  }
  const bool names_one = !text_at("/set").empty() || !text_at("/command").empty();
  if (!names_one || (asked.refused && id.empty())) return tl::make_unexpected(PayloadProblem::wrong_type);
  const Json* may_refuse = at(*json, "/may_refuse");
  command.may_refuse = may_refuse != nullptr && may_refuse->is_boolean() && may_refuse->get<bool>();
  if (const Json* expires = at(*json, "/expires"); expires != nullptr && !expires->is_number())
    return tl::make_unexpected(PayloadProblem::wrong_type);
  asked.unix_expires = number_at(*json, "/expires");
  if (asked.unix_expires == 0.0) asked.unix_expires.reset();
  return asked;
}

}  // namespace looptwin::hil
