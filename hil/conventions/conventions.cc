#include <algorithm>

#include "hil/conventions/cloud_twins.h"
#include "hil/conventions/convention.h"
#include "hil/conventions/homie.h"
#include "hil/conventions/plain.h"
#include "hil/conventions/sparkplug/sparkplug.h"
#include "hil/conventions/topics.h"

namespace looptwin::hil {
namespace {

struct Maker {
  const char* name;  ///< as mappings write it
  std::unique_ptr<Convention> (*loop)(Speakers speakers);
  std::unique_ptr<DeviceSide> (*devices)(Speakers speakers);
};

const Maker kMakers[] = {
    {"plain", make_plain, make_plain_devices}, {"topics", make_topics, make_topics_devices},
    {"homie", make_homie, make_homie_devices}, {"aws-shadow", make_aws_shadow, nullptr},
    {"azure-twin", make_azure_twin, nullptr},  {"sparkplug", make_sparkplug_host, make_sparkplug_edge}};

/// A part for each convention that has one, with the models that speak it.
template <typename Part>
std::vector<std::unique_ptr<Part>> each(const twin::Registry& registry, const std::vector<Mapping>& mappings,
                                        UnixTime start,
                                        std::unique_ptr<Part> (*Maker::*make)(Speakers speakers)) {
  std::vector<std::unique_ptr<Part>> parts;
  for (const auto& maker : kMakers) {
    Speakers speakers{registry, {}, start};
    for (size_t m = 0; m < mappings.size(); ++m)
      if (mappings[m].convention == maker.name) speakers.models.emplace_back(TableId(m), mappings[m]);
    if (!speakers.models.empty() && maker.*make != nullptr)
      parts.push_back((maker.*make)(std::move(speakers)));
  }
  return parts;
}

}  // namespace

void Convention::step(Time, std::vector<Heard>&, std::vector<Outgoing>&) {}
void Convention::joined(Time, std::vector<Outgoing>&) {}
void Convention::lost(Time) {}
std::optional<twin::DeviceRef> DeviceSide::said_gone(const MqttMessage&) const { return std::nullopt; }
void Convention::leave(std::vector<Outgoing>&) {}
std::vector<std::pair<std::string, uint64_t>> Convention::counters() const { return {}; }

std::vector<std::string> convention_names() {
  std::vector<std::string> names;
  for (const auto& maker : kMakers) names.push_back(maker.name);
  return names;
}

std::vector<std::unique_ptr<Convention>> make_conventions(const twin::Registry& registry,
                                                          const std::vector<Mapping>& mappings,
                                                          UnixTime start) {
  return each(registry, mappings, start, &Maker::loop);
}

bool has_device_side(const std::string& convention) {
  return std::any_of(std::begin(kMakers), std::end(kMakers), [&](const Maker& maker) {
    return convention == maker.name && maker.devices != nullptr;
  });
}

std::vector<std::unique_ptr<DeviceSide>> make_device_sides(const twin::Registry& registry,
                                                           const std::vector<Mapping>& mappings,
                                                           UnixTime start) {
  return each(registry, mappings, start, &Maker::devices);
}

}  // namespace looptwin::hil
