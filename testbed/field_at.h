// Which field of a model stands in a column: what is sampled, and has a history, against what is computed.
#pragma once

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

}  // namespace looptwin::testbed
