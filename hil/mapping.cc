#include "hil/mapping.h"

#include "base/check.h"

namespace looptwin::hil {
namespace {

TopicTemplate known(const std::string& text) {
  const auto source = std::make_shared<const Source>(Source{"mapping", text});
  auto parsed = TopicTemplate::parse({source, 0, static_cast<uint32_t>(text.size())});
  LT_CHECK(parsed.has_value(), "a template of our own");
  return std::move(*parsed);
}

}  // namespace

const std::string* Mapping::place_of(const std::string& field) const {
  for (const auto& place : fields)
    if (place.field == field) return &place.pointer;
  return nullptr;
}

Mapping plain_mapping(const std::string& model) {
  Mapping mapping;
  mapping.model = model;
  mapping.telemetry = known("looptwin/{device}/telemetry");
  mapping.presence = known("looptwin/{device}/presence");
  mapping.commands = known("looptwin/{device}/command");
  mapping.acknowledgements = known("looptwin/{device}/acknowledgement");
  return mapping;
}

}  // namespace looptwin::hil
