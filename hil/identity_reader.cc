#include "hil/identity_reader.h"

namespace looptwin::hil {
namespace {

/// A serial number may be a number on the wire.
std::optional<std::string> said_at(const Place& place, Reading& reading) {
  const auto value = reading.at(place.at);
  if (!value || !*value) return std::nullopt;
  auto text = bare_text(**value);
  return text.empty() ? std::nullopt : std::optional(std::move(text));
}

}  // namespace

IdentityReader::IdentityReader(const twin::Registry& registry, const std::vector<Mapping>& mappings) {
  for (size_t m = 0; m < mappings.size(); ++m)
    if (mappings[m].identity && mappings[m].convention != "sparkplug")
      models_.emplace_back(registry, TableId(m), mappings[m]);
}

const TopicTemplate* IdentityReader::topic_of(const ModelPlaces& model, const Place& place) const {
  if (place.topic) return &*place.topic;
  const auto& telemetry = model.mapping().telemetry;
  return telemetry ? &*telemetry : nullptr;
}

std::vector<std::string> IdentityReader::filters() const {
  std::set<std::string> filters;
  for (const auto& model : models_)
    for (const auto* place : {&model.mapping().identity->serial, &model.mapping().identity->firmware})
      if (*place)
        if (const auto* topic = topic_of(model, **place)) model.add_filters(*topic, filters);
  return {filters.begin(), filters.end()};
}

bool IdentityReader::take(const MqttMessage& message, std::vector<Heard>& heard) const {
  Reading reading(message.payload);
  bool ours = false;
  for (const auto& model : models_) {
    const auto& places = *model.mapping().identity;
    HeardIdentity said;
    std::optional<twin::DeviceRef> device;
    const auto read = [&](const std::optional<Place>& place, std::string& out) {
      const auto* topic = place ? topic_of(model, *place) : nullptr;
      const auto here = topic != nullptr ? model.device(*topic, message.topic) : std::nullopt;
      if (!here) return;
      device = here;
      if (auto text = said_at(*place, reading)) out = std::move(*text);
    };
    read(places.serial, said.said.serial);
    read(places.firmware, said.said.firmware);
    if (!device) continue;
    ours = true;
    said.device = *device;
    if (said.said != twin::Identity{}) heard.push_back(std::move(said));
  }
  return ours;
}

std::optional<Outgoing> IdentityReader::ask(twin::DeviceRef device) const {
  const auto* model = of_table(models_, device.table);
  if (model == nullptr || !model->mapping().identity->ask) return std::nullopt;
  const auto& places = *model->mapping().identity;
  return Outgoing{model->topic(*places.ask, device), places.ask_payload};
}

}  // namespace looptwin::hil
