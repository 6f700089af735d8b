#include "mml/derived.h"

#include <algorithm>
#include <cstring>

namespace looptwin::mml {

void add_columns(lang::Schema& schema, Derived& derived) {
  const auto& config = derived.config;
  const lang::Type type = config.boolean ? lang::Type::boolean() : config.unit.type;
  derived.column = schema.add_column(
      derived.table,
      {config.name, type, config.unit, config.boolean ? lang::Storage::boolean : lang::Storage::f64});
}

void step(const Derived& derived, twin::Tables& tables, Time now, size_t first, size_t count, Time* due) {
  const size_t width = derived.config.boolean ? sizeof(uint8_t) : sizeof(double);
  auto* to = static_cast<std::byte*>(tables.column(derived.table, derived.column));
  const auto* from = static_cast<const std::byte*>(tables.column(derived.table, derived.computed));
  for (size_t row = first; derived.remembered && row < first + count; ++row) {
    Time& next = due[row / twin::kGroupRows];
    if (std::memcmp(to + row * width, from + row * width, width) != 0)
      next = std::min(next, now + nanoseconds(1));
  }
  std::memcpy(to + first * width, from + first * width, count * width);
}

}  // namespace looptwin::mml
