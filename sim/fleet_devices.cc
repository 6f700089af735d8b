#include "sim/fleet_devices.h"

#include <fmt/format.h>
#include <algorithm>
#include <limits>
#include <numeric>

#include "base/hash.h"
#include "base/text.h"

namespace looptwin::sim {

bool FleetDevices::hangs_on(TableId table, const std::string& link) const {
  for (size_t row = 0; row < registry.devices(table); ++row)
    if (registry.link({table, Row(row)}) == link) return true;
  return false;
}

bool FleetDevices::follow(TableId table, std::string_view path, std::vector<uint64_t>& keys,
                          std::vector<bool>& found) const {
  constexpr uint32_t kNowhere = std::numeric_limits<uint32_t>::max();
  std::vector<uint32_t> at(keys.size());
  std::iota(at.begin(), at.end(), 0u);
  while (!path.empty()) {
    const std::string_view name = path.substr(0, path.find('.'));
    path.remove_prefix(std::min(path.size(), name.size() + 1));
    const auto& relations = schema.tables[table.index()].relations;
    const auto relation = std::find_if(relations.begin(), relations.end(),
                                       [&](const lang::Relation& r) { return !r.many && r.name == name; });
    if (relation == relations.end()) return false;
    const auto rows = tables.values<uint32_t>(table, relation->rows);
    for (uint32_t& row : at) row = row < rows.size() ? rows[row] : kNowhere;
    table = relation->to;
  }
  const auto related = registry.keys(table);
  for (size_t row = 0; row < keys.size(); ++row) {
    if (found[row] || at[row] >= related.size()) continue;
    keys[row] = related[at[row]];
    found[row] = true;
  }
  return true;
}

std::vector<Keys> FleetDevices::shared_keys(const std::string& link, const SharedBy& shared,
                                            Diagnostics& problems) const {
  std::vector<Keys> out(models.size());
  if (shared.paths.empty()) return out;
  std::vector<bool> followed(shared.paths.size());
  std::vector<std::string> names;
  for (const auto& model : models) {
    if (!hangs_on(model.table, link)) continue;
    const auto own = registry.keys(model.table);
    std::vector<uint64_t> keys(own.begin(), own.end());
    std::vector<bool> found(keys.size());
    bool any = false;
    for (size_t p = 0; p < shared.paths.size(); ++p) {
      const std::string& path = shared.paths[p];
      if (path == "all") {
        for (size_t row = 0; row < keys.size(); ++row)
          if (!found[row]) keys[row] = hash64(link);
        found.assign(keys.size(), true);
      } else if (path == "self") {
        found.assign(keys.size(), true);
      } else if (!follow(model.table, path, keys, found)) {
        continue;
      }
      any = followed[p] = true;
    }
    out[model.table.index()] = std::make_shared<const std::vector<uint64_t>>(std::move(keys));
    for (const auto& r : schema.tables[model.table.index()].relations)
      if (!r.many) names.push_back(r.name);
    names.insert(names.end(), {"all", "self"});
    if (!any)
      problems.push_back({Severity::error, shared.span,
                          fmt::format("'{}', whose devices hang on this link, has no relation '{}'",
                                      model.name, joined(shared.paths, "' and no '")),
                          did_you_mean(shared.paths.front(), names)});
  }
  if (has_errors(problems)) return out;
  for (size_t p = 0; p < shared.paths.size(); ++p)
    if (!followed[p])
      problems.push_back({Severity::error, shared.span,
                          fmt::format("no model whose devices hang on this link has '{}'", shared.paths[p]),
                          did_you_mean(shared.paths[p], names)});
  return out;
}

}  // namespace looptwin::sim
