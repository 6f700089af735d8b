#include "testbed/rig/device_facts.h"

namespace looptwin::testbed {
namespace {

constexpr size_t kMostDevices = 200;

const char* const kOfEquipment[] = {"serial", "firmware", "fixture", "calibrated", "due"};

}  // namespace

std::map<std::string, Facts> device_facts(const twin::Registry& registry, const Bindings* bindings,
                                          const RigInventory* inventory) {
  std::map<std::string, Facts> all;
  const bool few = registry.devices() <= kMostDevices;
  for (const auto& model : registry.models())
    for (size_t row = 0; row < registry.devices(model.table); ++row) {
      const twin::DeviceRef device{model.table, Row(row)};
      const std::string id(registry.id(device));
      const auto* item = inventory == nullptr || !inventory->has(id) ? nullptr : &inventory->items().at(id);
      if (!few && item == nullptr) continue;
      auto& facts = all[id];
      facts = {{"model", model.config.name},
               {"binding", name_of(bindings == nullptr ? Binding::real : bindings->of(device))}};
      if (item == nullptr) continue;
      if (item->id != id) facts.push_back({"equipment", item->id});
      const auto values = twin::values_of(*item);
      for (const auto* key : kOfEquipment)
        if (const auto found = values.find(key); found != values.end()) facts.push_back(*found);
    }
  return all;
}

}  // namespace looptwin::testbed
