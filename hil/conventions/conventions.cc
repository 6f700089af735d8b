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

Speakers speakers_of(const char* convention, const twin::Registry& registry,
                     const std::vector<Mapping>& mappings, UnixTime start) {
  Speakers speakers{registry, {}, start};
  for (size_t m = 0; m < mappings.size(); ++m)
    if (mappings[m].convention == convention) speakers.models.emplace_back(TableId(m), mappings[m]);
  return speakers;
}

}  // namespace

void Convention::confirm(twin::DeviceRef, uint32_t, std::vector<Outgoing>&) const {}
std::vector<std::string> Convention::filters_of(twin::DeviceRef) const { return {}; }
DeviceSession DeviceSide::session(twin::DeviceRef) const { return {}; }
bool DeviceSide::is_in_use(twin::DeviceRef) const { return true; }
void DeviceSide::joined(twin::DeviceRef, const Attempt&, Time, std::vector<Outgoing>&) {}
void DeviceSide::lost(twin::DeviceRef) {}
void DeviceSide::leave(twin::DeviceRef) {}
std::optional<twin::DeviceRef> DeviceSide::say_due(Time, std::vector<Outgoing>&) { return std::nullopt; }
void Convention::step(Time, std::vector<Heard>&, std::vector<Outgoing>&) {}
void Convention::joined(Time, UnixTime, std::vector<Outgoing>&) {}
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
  std::vector<std::unique_ptr<Convention>> all;
  for (const auto& maker : kMakers)
    if (auto speakers = speakers_of(maker.name, registry, mappings, start); !speakers.models.empty())
      all.push_back(maker.loop(std::move(speakers)));
  return all;
}

bool has_device_side(const std::string& convention) {
  return std::any_of(std::begin(kMakers), std::end(kMakers), [&](const Maker& maker) {
    return convention == maker.name && maker.devices != nullptr;
  });
}

DeviceSides make_device_sides(const twin::Registry& registry, const std::vector<Mapping>& mappings,
                              UnixTime start) {
  DeviceSides sides;
  sides.of_table.resize(mappings.size());
  for (const auto& maker : kMakers) {
    auto speakers = speakers_of(maker.name, registry, mappings, start);
    if (speakers.models.empty() || maker.devices == nullptr) continue;
    std::vector<TableId> tables;
    for (const auto& [table, mapping] : speakers.models) tables.push_back(table);
    sides.all.push_back(maker.devices(std::move(speakers)));
    for (const auto table : tables) sides.of_table[table.index()] = sides.all.back().get();
  }
  return sides;
}

}  // namespace looptwin::hil
