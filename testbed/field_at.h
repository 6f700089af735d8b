// What stands in a column of a model: a field, which is sampled and has a history, or what never changes,
// against what is computed.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "twin/registry.h"

namespace looptwin::testbed {

/// Its number in the model's telemetry; absent where the column holds none, or the table is no model's.
inline std::optional<uint16_t> field_at(const twin::Registry& registry, TableId table, ColumnId column) {
  if (table.index() >= registry.models().size()) return std::nullopt;
  const auto& fields = registry.model(table).fields;
  for (size_t f = 0; f < fields.size(); ++f)
    if (fields[f].value == column) return static_cast<uint16_t>(f);
  return std::nullopt;
}

/// Whether the column holds a parameter or a setpoint's default: nobody writes it once the fleet is there.
inline bool is_constant(const twin::Registry& registry, TableId table, ColumnId column) {
  if (table.index() >= registry.models().size()) return false;
  const auto& model = registry.model(table);
  return std::ranges::find(model.parameters, column) != model.parameters.end() ||
         std::ranges::find(model.setpoints, column, &twin::SetpointColumns::fallback) !=
             model.setpoints.end();
}

}  // namespace looptwin::testbed
