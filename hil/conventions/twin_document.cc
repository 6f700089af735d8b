#include "hil/conventions/twin_document.h"

#include <fmt/format.h>

namespace looptwin::hil {
namespace {

constexpr int kDeepest = 16;

Place at_place(const Place* place, const std::string& name, const std::string& topic) {
  Place out = place != nullptr ? *place : Place{};
  out.name = name;
  if (out.at.empty()) out.at = "/" + name;
  out.topic = known_topic(topic);
  return out;
}

Json json_of(const Scalar& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* truth = std::get_if<bool>(&value)) return *truth;
  if (const auto* number = std::get_if<double>(&value)) return *number;
  return nullptr;
}

/// {"a": {"b": value}} of /a/b; absent where that is no pointer.
std::optional<Json> patch_at(const std::string& pointer, Json value) {
  try {
    Json patch = Json::object();
    patch[Json::json_pointer(pointer)] = std::move(value);
    return patch.is_object() ? std::optional(std::move(patch)) : std::nullopt;
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

/// A place for each quantity: fields and what setpoints and commands have become in the reported state. All
/// stand at one topic.
Speakers in_documents(Speakers speakers, const std::string& topic) {
  for (auto& [table, mapping] : speakers.models) {
    const auto& model = speakers.registry.model(table).config;
    std::vector<Place> fields, setpoints, orders;
    for (const auto& field : model.telemetry)
      fields.push_back(at_place(mapping.place_of(field.name), field.name, topic));
    const auto add = [&](const std::vector<Place>& places, const std::string& name, std::vector<Place>& to) {
      Place place = at_place(place_in(places, name), name, topic);
      place.shows = {place};
      to.push_back(std::move(place));
    };
    for (const auto& setpoint : model.setpoints) add(mapping.setpoints, setpoint.name, setpoints);
    for (const auto& command : model.commands) add(mapping.orders, command.name, orders);
    mapping.fields = std::move(fields);
    mapping.setpoints = std::move(setpoints);
    mapping.orders = std::move(orders);
  }
  return speakers;
}

}  // namespace

bool TwinDocument::merge(Json& state, const Json& patch) {
  Json merged = state;
  merged.merge_patch(patch);
  if (dump_json(merged).size() > kLargestDocument) return false;
  state = std::move(merged);
  return true;
}

Json TwinDocument::difference(const Json& desired, const Json& reported) {
  Json out;
  for (const auto& [key, value] : desired.items()) {
    const auto other = reported.find(key);
    if (other == reported.end()) {
      out[key] = value;
    } else if (value.is_object() && other->is_object()) {
      if (auto inner = difference(value, *other); !inner.is_null()) out[key] = std::move(inner);
    } else if (value != *other) {
      out[key] = value;
    }
  }
  return out;
}

std::optional<Json> object_of(std::string_view payload) {
  if (payload.size() > kLongestPayload) return std::nullopt;
  auto json = load_json<Json>(payload, kDeepest);
  if (json.is_discarded() || !json.is_object()) return std::nullopt;
  return json;
}

DocumentReader::DocumentReader(Speakers speakers, const std::string& topic)
    : speakers_(in_documents(std::move(speakers), topic)),
      topic_(known_topic(topic)),
      models_(places_of(speakers_)) {}

bool DocumentReader::hear_presence(const ModelPlaces& model, const MqttMessage& message,
                                   std::vector<Heard>& heard) {
  const auto& mapping = model.mapping();
  const auto device = mapping.presence ? model.device(*mapping.presence, message.topic) : std::nullopt;
  if (!device) return false;
  const bool online = message.payload == mapping.online;
  heard.push_back(HeardPresence{*device, online, message.retained && !mapping.trust_kept});
  return true;
}

void DocumentReader::add_presence(const ModelPlaces& model, std::set<std::string>& filters) {
  if (model.mapping().presence) model.add_filters(*model.mapping().presence, filters);
}

void DocumentReader::hear(twin::DeviceRef device, const Json& reported, std::vector<Heard>& heard) {
  const auto& places = *model(device);
  const auto text = dump_json(reported);
  Reading reading(text);
  Samples samples;
  std::vector<Heard> answers;
  for (const auto& said : places.said()) {
    const auto value = reading.at(said.place->at);
    if (value && !*value) continue;
    if (said.use == ModelPlaces::Use::field) {
      const auto raw = value ? places.raw(said, **value) : std::nullopt;
      if (raw)
        samples.values.emplace_back(said.index, *raw);
      else
        heard.push_back(PayloadProblem::wrong_type);
    } else if (!value) {
      continue;
    } else if (said.use == ModelPlaces::Use::setpoint) {
      if (const auto shown = places.value(said.index, *said.place, **value))
        ledger_.shows(device, said.index, *shown, {}, answers);
    } else if (const auto* id = std::get_if<std::string>(&**value)) {
      ledger_.answers(device, twin::Command::Kind::command, said.index, twin::Outcome::accepted, {}, answers,
                      *id);
    }
  }
  heard.push_back(HeardTelemetry{device, std::move(samples), false});
  for (auto& answer : answers) heard.push_back(std::move(answer));
}

std::optional<Json> DocumentReader::patch_of(const twin::Command& command) const {
  const auto* told = place(command);
  if (told == nullptr) return std::nullopt;
  // A command is a wish of its own: a device that has done it reports its id.
  return patch_at(told->at, command.kind == twin::Command::Kind::setpoint
                                ? json_of(model(command.device)->scalar(command.index, *told, command.value))
                                : Json(fmt::format("{:016x}", command.id)));
}

std::optional<Json> DocumentReader::desire(const twin::Command& command) {
  auto patch = patch_of(command);
  if (!patch) return std::nullopt;
  const auto& places = *model(command.device);
  const auto& at = places.told(command.kind, command.index)->at;
  const bool setpoint = command.kind == twin::Command::Kind::setpoint;
  const double tolerance =
      setpoint ? tolerance_of(places.config().setpoints[command.index], command.value) : 0;
  if (!ledger_.leaves(command, tolerance)) return std::nullopt;
  if (auto undo = patch_at(at, nullptr))
    standing_[{command.device, at}] = {command.expires, std::move(*undo)};
  return patch;
}

const Place* DocumentReader::place(const twin::Command& command) const {
  const auto* places = model(command.device);
  return places != nullptr ? places->told(command.kind, command.index) : nullptr;
}

std::string DocumentReader::base(twin::DeviceRef device) const {
  const auto topic = model(device)->topic(topic_, device);
  return topic.substr(0, topic.rfind('/') + 1);
}

void DocumentReader::say(twin::DeviceRef device, const std::string& what, const Json& json) {
  said_.push_back({base(device) + what, json.is_null() ? "" : dump_json(json)});
}

void DocumentReader::flush(std::vector<Outgoing>& out) {
  std::move(said_.begin(), said_.end(), std::back_inserter(out));
  said_.clear();
}

std::vector<std::pair<twin::DeviceRef, Json>> DocumentReader::expired(Time now) {
  std::vector<std::pair<twin::DeviceRef, Json>> undone;
  std::erase_if(standing_, [&](const auto& one) {
    if (one.second.expires >= now) return false;
    undone.emplace_back(one.first.first, one.second.undo);
    return true;
  });
  return undone;
}

}  // namespace looptwin::hil
