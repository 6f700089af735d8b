#include "testbed/rig/device_facts.h"

namespace looptwin::testbed {
namespace {

constexpr size_t kMostDevices = 200;

}  // namespace

std::map<std::string, Facts> device_facts(const twin::Registry& registry, const Bindings* bindings) {
  std::map<std::string, Facts> all;
  if (registry.devices() > kMostDevices) return all;
  for (const auto& model : registry.models())
    for (size_t row = 0; row < registry.devices(model.table); ++row) {
      const twin::DeviceRef device{model.table, Row(row)};
      all[std::string(registry.id(device))] = {
          {"model", model.config.name},
          {"binding", name_of(bindings == nullptr ? Binding::real : bindings->of(device))}};
    }
  return all;
}

}  // namespace looptwin::testbed
