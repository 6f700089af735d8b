#include "sim/plant.h"

#include <fmt/format.h>

#include "base/text.h"

namespace looptwin::sim {

const Diagnostics& CoupledPlant::breakdown() const {
  static const Diagnostics kNone;
  return kNone;
}

Result<size_t> find_port(const CoupledPlant& plant, std::string_view name) {
  const auto ports = plant.ports();
  for (size_t i = 0; i < ports.size(); ++i) {
    if (ports[i].name() == name) return i;
  }
  std::vector<std::string> names;
  for (const Port& port : ports) names.push_back(port.name());
  return failure(fmt::format("the plant has no port '{}'", name), did_you_mean(name, names));
}

}  // namespace looptwin::sim
