#include "hil/conventions/model_places.h"

#include <algorithm>
#include <charconv>

#include "base/json_tree.h"

namespace looptwin::hil {
namespace {

constexpr int kDeepest = 32;

/// What a wire's value is called in `words:`.
std::string word_of(const Scalar& value) { return bare_text(value); }

/// The wire's value as the model has it: its words for the wire's, numbers where a text is one.
Scalar translated(const Place& place, const Scalar& value, bool number) {
  if (!place.words.empty()) {
    const auto word = word_of(value);
    for (const auto& [theirs, ours] : place.words)
      if (theirs == word)
        return ours == "true" ? Scalar(true) : ours == "false" ? Scalar(false) : Scalar(ours);
    return value;
  }
  const auto* text = std::get_if<std::string>(&value);
  if (!number || text == nullptr) return value;
  double read = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), read);
  return error == std::errc() && end == text->data() + text->size() ? Scalar(read) : value;
}

/// The other way.
Scalar untranslated(const Place& place, const Scalar& value) {
  const auto word = word_of(value);
  for (const auto& [theirs, ours] : place.words)
    if (ours == word) return theirs;
  return value;
}

}  // namespace

ModelPlaces::ModelPlaces(const twin::Registry& registry, TableId table, Mapping mapping)
    : registry_(registry),
      table_(table),
      mapping_(std::move(mapping)),
      config_(registry.model(table).config) {
  for (const auto& [id, name] : mapping_.names) ids_[name] = id;
  for (const auto& field : config_.telemetry) scalings_.push_back(twin::scaling_of(field));
  const auto add = [&](Use use, size_t index, const Place& place) {
    const auto* topic = place.topic ? &*place.topic : mapping_.telemetry ? &*mapping_.telemetry : nullptr;
    if (topic != nullptr) said_.push_back({use, static_cast<uint16_t>(index), &place, topic});
  };
  const auto add_shown = [&](Use use, const auto& quantities, const std::vector<Place>& places) {
    for (size_t i = 0; i < quantities.size(); ++i)
      for (const auto& place : places)
        if (place.name == quantities[i].name)
          for (const auto& shown : place.shows) add(use, i, shown);
  };
  for (size_t f = 0; f < config_.telemetry.size(); ++f)
    for (const auto& place : mapping_.fields)
      if (place.name == config_.telemetry[f].name) add(Use::field, f, place);
  add_shown(Use::setpoint, config_.setpoints, mapping_.setpoints);
  add_shown(Use::command, config_.commands, mapping_.orders);
}

const Place* ModelPlaces::told(twin::Command::Kind kind, uint16_t index) const {
  const bool setpoint = kind == twin::Command::Kind::setpoint;
  const auto* place = setpoint ? place_in(mapping_.setpoints, config_.setpoints[index].name)
                               : place_in(mapping_.orders, config_.commands[index].name);
  return place != nullptr && place->topic ? place : nullptr;
}

bool ModelPlaces::is_shown(Use use, uint16_t index) const {
  return std::any_of(said_.begin(), said_.end(),
                     [&](const Said& s) { return s.use == use && s.index == index; });
}

std::optional<twin::DeviceRef> ModelPlaces::device(const TopicTemplate& topic, std::string_view text) const {
  const auto match = topic.match(text);
  if (!match) return std::nullopt;
  const auto renamed = ids_.find(match->device);
  const auto device =
      registry_.find(renamed != ids_.end() ? std::string_view(renamed->second) : match->device);
  return device && device->table == table_ ? device : std::nullopt;
}

std::string ModelPlaces::topic(const TopicTemplate& topic, twin::DeviceRef device) const {
  return topic.topic(mapping_.name_of(registry_.id(device)));
}

void ModelPlaces::add_filters(const TopicTemplate& topic, std::set<std::string>& filters) const {
  for (size_t row = 0; row < registry_.devices(table_); ++row) {
    const auto name = mapping_.name_of(registry_.id({table_, Row(row)}));
    filters.insert(topic.filter(1 + static_cast<size_t>(std::count(name.begin(), name.end(), '/'))));
  }
}

std::optional<int32_t> ModelPlaces::raw(const Said& said, const Scalar& value) const {
  const auto& field = config_.telemetry[said.index];
  const bool number = !field.boolean && field.words.empty();
  return raw_of(field, scalings_[said.index], said.place->unit ? *said.place->unit : field.unit,
                translated(*said.place, value, number));
}

std::optional<double> ModelPlaces::value(uint16_t setpoint, const Place& place, const Scalar& value) const {
  const auto& config = config_.setpoints[setpoint];
  return value_of(config, place.unit ? *place.unit : config.unit,
                  translated(place, value, !config.boolean && config.words.empty()));
}

Scalar ModelPlaces::scalar(const Said& said, int32_t raw) const {
  const auto& field = config_.telemetry[said.index];
  return untranslated(*said.place, scalar_of(field, scalings_[said.index],
                                             said.place->unit ? *said.place->unit : field.unit, raw));
}

Scalar ModelPlaces::scalar(uint16_t setpoint, const Place& place, double value) const {
  const auto& config = config_.setpoints[setpoint];
  return untranslated(place, scalar_of(config, place.unit ? *place.unit : config.unit, value));
}

std::deque<ModelPlaces> places_of(const Speakers& speakers) {
  std::deque<ModelPlaces> models;
  for (const auto& [table, mapping] : speakers.models) models.emplace_back(speakers.registry, table, mapping);
  return models;
}

const ModelPlaces* of_table(const std::deque<ModelPlaces>& models, TableId table) {
  const auto found =
      std::find_if(models.begin(), models.end(), [&](const auto& m) { return m.table() == table; });
  return found != models.end() ? &*found : nullptr;
}

struct Reading::Parsed {
  Json json;
};

Reading::Reading(std::string_view payload) : payload_(payload) {}
Reading::~Reading() = default;

tl::expected<std::optional<Scalar>, PayloadProblem> Reading::at(const std::string& pointer) {
  if (payload_.size() > kLongestPayload) return tl::make_unexpected(PayloadProblem::malformed);
  if (parsed_ == nullptr) {
    parsed_ = std::make_unique<Parsed>(Parsed{load_json<Json>(payload_, kDeepest)});
  }
  const Json* found = &parsed_->json;
  if (pointer.empty()) {
    // What is no JSON is a text.
    if (found->is_discarded() || !found->is_primitive()) return Scalar(std::string(payload_));
  } else {
    if (!found->is_object() && !found->is_array()) return tl::make_unexpected(PayloadProblem::malformed);
    try {
      const Json::json_pointer place(pointer);
      if (!found->contains(place)) return std::nullopt;
      found = &found->at(place);
    } catch (const Json::exception&) {
      return std::nullopt;
    }
  }
  if (found->is_null()) return Scalar();
  if (found->is_boolean()) return Scalar(found->get<bool>());
  if (found->is_number()) return Scalar(found->get<double>());
  if (found->is_string()) return Scalar(found->get_ref<const std::string&>());
  return tl::make_unexpected(PayloadProblem::wrong_type);
}

std::string bare_text(const Scalar& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* truth = std::get_if<bool>(&value)) return *truth ? "true" : "false";
  if (const auto* number = std::get_if<double>(&value)) {
    // Whole numbers without a point: devices that want integers take no others.
    if (*number == std::floor(*number) && std::abs(*number) < 1e15)
      return std::to_string(static_cast<int64_t>(*number));
    return dump_json(Json(*number));
  }
  return {};
}

std::string json_text(const std::vector<std::pair<std::string, Scalar>>& values) {
  auto json = OrderedJson::object();
  for (const auto& [pointer, value] : values) try {
      auto& place = json[OrderedJson::json_pointer(pointer)];
      if (const auto* text = std::get_if<std::string>(&value)) place = *text;
      if (const auto* truth = std::get_if<bool>(&value)) place = *truth;
      if (const auto* number = std::get_if<double>(&value)) place = *number;
    } catch (const Json::exception&) {  // below another's value: it cannot be said
    }
  return dump_json(json);
}

}  // namespace looptwin::hil
