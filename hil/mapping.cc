#include "hil/mapping.h"

#include <algorithm>

#include "base/check.h"

namespace looptwin::hil {

TopicTemplate known_topic(const std::string& text) {
  const auto source = std::make_shared<const Source>(Source{"mapping", text});
  auto parsed = TopicTemplate::parse({source, 0, static_cast<uint32_t>(text.size())});
  LT_CHECK(parsed.has_value(), "a template of our own");
  return std::move(*parsed);
}

const Place* place_in(const std::vector<Place>& places, const std::string& name) {
  const auto found =
      std::find_if(places.begin(), places.end(), [&](const Place& place) { return place.name == name; });
  return found != places.end() ? &*found : nullptr;
}

const Place* Mapping::place_of(const std::string& field) const { return place_in(fields, field); }

std::string_view Mapping::name_of(std::string_view id) const {
  const auto found =
      std::find_if(names.begin(), names.end(), [&](const auto& name) { return name.first == id; });
  return found != names.end() ? std::string_view(found->second) : id;
}

Mapping plain_mapping(const std::string& model) {
  Mapping mapping;
  mapping.model = model;
  mapping.telemetry = known_topic("looptwin/{device}/telemetry");
  mapping.presence = known_topic("looptwin/{device}/presence");
  mapping.commands = known_topic("looptwin/{device}/command");
  mapping.acknowledgements = known_topic("looptwin/{device}/acknowledgement");
  mapping.confirmations = known_topic("looptwin/{device}/confirmation");
  return mapping;
}

}  // namespace looptwin::hil
