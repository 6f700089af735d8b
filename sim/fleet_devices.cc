#include "sim/fleet_devices.h"

#include <fmt/format.h>
#include <algorithm>

#include "base/text.h"

namespace looptwin::sim {

bool FleetDevices::hangs_on(TableId table, const std::string& link) const {
  for (size_t row = 0; row < registry.devices(table); ++row)
    if (registry.link({table, Row(row)}) == link) return true;
  return false;
}

std::shared_ptr<const std::vector<uint64_t>> FleetDevices::shared_keys(const DeviceModel& model,
                                                                       const SharedBy& shared,
                                                                       Diagnostics& problems) const {
  if (shared.relation.empty()) return nullptr;
  const auto& relations = schema.tables[model.table.index()].relations;
  const auto relation = std::find_if(relations.begin(), relations.end(), [&](const lang::Relation& r) {
    return !r.many && r.name == shared.relation;
  });
  if (relation == relations.end()) {
    std::vector<std::string> names;
    for (const auto& r : relations)
      if (!r.many) names.push_back(r.name);
    problems.push_back({Severity::error, shared.span,
                        fmt::format("'{}', whose devices hang on this link, has no relation '{}'", model.name,
                                    shared.relation),
                        did_you_mean(shared.relation, names)});
    return nullptr;
  }
  const auto own = registry.keys(model.table);
  const auto related = registry.keys(relation->to);
  std::vector<uint64_t> keys(own.begin(), own.end());
  const auto rows = tables.values<uint32_t>(model.table, relation->rows);
  for (size_t row = 0; row < keys.size(); ++row)
    if (rows[row] < related.size()) keys[row] = related[rows[row]];
  return std::make_shared<const std::vector<uint64_t>>(std::move(keys));
}

}  // namespace looptwin::sim
