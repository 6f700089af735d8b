#include "testbed/rig/bindings.h"

#include <fmt/format.h>
#include <algorithm>

namespace looptwin::testbed {
namespace {

const std::pair<const char*, Binding> kWords[] = {
    {"real", Binding::real}, {"simulated", Binding::simulated}, {"shadow", Binding::shadow}};

}  // namespace

bool speaks(const twin::ModelConfig& model) {
  return !model.telemetry.empty() || !model.setpoints.empty() || !model.commands.empty();
}

const char* name_of(Binding binding) { return kWords[static_cast<size_t>(binding)].first; }

std::optional<Binding> binding_of(std::string_view word) {
  for (const auto& [name, binding] : kWords)
    if (word == name) return binding;
  return std::nullopt;
}

Result<std::unique_ptr<Bindings>> Bindings::make(const std::vector<BindingConfig>& config,
                                                 const twin::Registry& registry) {
  auto made = std::make_unique<Bindings>();
  for (const auto& model : registry.models()) made->all_.emplace_back(registry.devices(model.table));
  Diagnostics problems;
  for (const auto& entry : config) {
    auto devices = registry.matching(entry.pattern);
    std::erase_if(devices,
                  [&](twin::DeviceRef device) { return !speaks(registry.model(device.table).config); });
    for (const auto device : devices) made->set(device, entry.binding);
    if (devices.empty())
      problems.push_back({Severity::error, entry.span, fmt::format("no device matches '{}'", entry.pattern),
                          "`*` stands for any part of an id without '/', `**` for any part"});
  }
  if (!problems.empty()) return tl::make_unexpected(std::move(problems));
  return made;
}

size_t Bindings::count(Binding binding) const {
  size_t sum = 0;
  for (const auto& table : all_)
    sum += static_cast<size_t>(std::count_if(table.begin(), table.end(), [&](const auto& one) {
      return one.load(std::memory_order_relaxed) == static_cast<uint8_t>(binding);
    }));
  return sum;
}

}  // namespace looptwin::testbed
