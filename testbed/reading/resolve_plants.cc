// Plants: each is built once to see that it can be, and its elements become devices that others are related
// to.
#include <fmt/format.h>

#include "sim/coupling.h"
#include "testbed/reading/resolve.h"

namespace looptwin::testbed {

bool resolve_plants(Reader& reader, Draft& draft) {
  // What would stand in the place of a refused value is not to be judged.
  if (draft.plants_refused) return false;
  bool all = true;
  for (auto& plant : draft.scenario.plants) {
    plant.folder = draft.scenario.folder.string();
    if (!plant.make) {
      reader.error(
          plant.span, fmt::format("the plant '{}' does not say what it is", plant.name),
          "write gas_network:, production_line: or equations: with its parts, or python: with its class");
      all = false;
      continue;
    }
    const auto made = reader.accept(plant.build(draft.scenario.seed));
    all &= made.has_value();
    if (!made) continue;
    for (const auto& elements : sim::elements_of(**made)) {
      ModelDraft model;
      model.name = sim::element_model(plant.name, elements.kind);
      model.span = plant.span;
      if (const auto* other = find_named(draft.models, model.name)) {
        reader.error(
            other->span,
            fmt::format("the model's name is that of the {}s of the plant '{}'", elements.kind, plant.name),
            "choose another name for it");
        continue;
      }
      FleetDraft fleet;
      fleet.model = model.name;
      fleet.span = plant.span;
      fleet.count = elements.names.size();
      for (const auto& name : elements.names)
        fleet.ids.push_back(sim::element_id(plant.name, elements.kind, name));
      draft.models.push_back(std::move(model));
      draft.fleet.push_back(std::move(fleet));
    }
  }
  return all;
}

}  // namespace looptwin::testbed
