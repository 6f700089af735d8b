#include "mml/derived.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "twin/tables.h"

namespace looptwin::mml {
namespace {

/// What is not finite is unknown to who reads the value, as it is to who is shown it.
void forget_infinite(double* values, size_t count) {
  for (size_t i = 0; i < count; ++i)
    values[i] = values[i] - values[i] == 0 ? values[i] : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

void add_columns(lang::Schema& schema, Derived& derived) {
  const auto& config = derived.config;
  lang::Column column{config.name, config.unit.type, config.unit, lang::Storage::f64};
  if (config.boolean) column = {config.name, lang::Type::boolean(), {}, lang::Storage::boolean};
  if (!config.words.empty()) {
    const EnumId words = lang::enumeration_of(schema, config.name, config.words);
    column = {config.name, lang::Type::enumeration_of(words), {}, lang::Storage::code};
  }
  derived.column = schema.add_column(derived.table, std::move(column));
}

void step(const Derived& derived, twin::Tables& tables, Time now, size_t first, size_t count, Time* due) {
  const bool number = !derived.config.boolean && derived.config.words.empty();
  const size_t width = number ? sizeof(double) : sizeof(uint8_t);
  auto* to = static_cast<std::byte*>(tables.column(derived.table, derived.column));
  auto* from = static_cast<std::byte*>(tables.column(derived.table, derived.computed));
  if (number) forget_infinite(reinterpret_cast<double*>(from) + first, count);
  for (size_t row = first; derived.remembered && row < first + count; ++row) {
    Time& next = due[row / twin::kGroupRows];
    if (std::memcmp(to + row * width, from + row * width, width) != 0)
      next = std::min(next, now + nanoseconds(1));
  }
  std::memcpy(to + first * width, from + first * width, count * width);
}

}  // namespace looptwin::mml
