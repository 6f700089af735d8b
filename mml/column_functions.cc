#include "mml/column_functions.h"

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <limits>

#include "mml/dirty.h"
#include "twin/registry.h"
#include "twin/tables.h"

namespace looptwin::mml {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
constexpr uint8_t kUnknownTruth = 2;

bool converts(const lang::Unit& unit) { return unit.scale != 1 || unit.offset != 0; }

}  // namespace

void add_columns(lang::Schema& schema, WiredFunction& function) {
  const auto& config = function.config;
  const auto type = config.boolean ? lang::Type::boolean() : config.unit.type;
  function.column = schema.add_column(
      function.table,
      {config.name, type, config.unit, config.boolean ? lang::Storage::boolean : lang::Storage::f64});
}

void ColumnFunctions::bind() {
  for (const auto& function : functions_) {
    if (function.config.boolean) {
      auto column = tables_.values<uint8_t>(function.table, function.column);
      std::fill(column.begin(), column.end(), kUnknownTruth);
    } else {
      auto column = tables_.values<double>(function.table, function.column);
      std::fill(column.begin(), column.end(), kUnknown);
    }
  }
}

bool ColumnFunctions::step(Time now, Dirty& dirty) {
  for (const auto& function : functions_) {
    bool any = false;
    for (size_t g = 0; g < dirty.groups(function.table) && !any; ++g) any = dirty.marked(function.table, g);
    if (any && !run(function, now, dirty)) return false;
  }
  return true;
}

/// In the declared unit, NaN where unknown.
std::vector<double> ColumnFunctions::column_of(TableId table, ColumnId column) const {
  const auto& is = schema_.column(table, column);
  const void* data = tables_.column(table, column);
  std::vector<double> values(tables_.rows(table));
  for (size_t row = 0; row < values.size(); ++row) {
    const double raw = twin::load(data, is.storage, row);
    if (is.storage == lang::Storage::boolean)
      values[row] = raw == 0 || raw == 1 ? raw : kUnknown;
    else
      values[row] = is.storage == lang::Storage::f64 && converts(is.unit) ? is.unit.from_si(raw) : raw;
  }
  return values;
}

bool ColumnFunctions::run(const WiredFunction& function, Time now, Dirty& dirty) {
  std::vector<std::vector<double>> columns;
  std::vector<std::span<const double>> arguments;
  for (const ColumnId argument : function.arguments) columns.push_back(column_of(function.table, argument));
  for (const auto& column : columns) arguments.emplace_back(column);
  std::vector<double> result(tables_.rows(function.table), kUnknown);
  if (const auto done = function.config.function->run(arguments, result); !done)
    return fail(function, now, done.error().front().message, done.error().front().hint);
  const auto id = [&](size_t row) { return registry_.id({function.table, Row(row)}); };
  for (size_t row = 0; row < result.size(); ++row) {
    double value = result[row];
    if (function.config.boolean) {
      if (!std::isnan(value) && value != 0 && value != 1)
        return fail(function, now, fmt::format("{:.6g} for '{}' is neither true nor false", value, id(row)),
                    "return an array of booleans, or of 1, 0 and NaN");
      auto& cell = tables_.values<uint8_t>(function.table, function.column)[row];
      const auto truth = std::isnan(value) ? kUnknownTruth : static_cast<uint8_t>(value);
      if (cell != truth) dirty.mark(function.table, row);
      cell = truth;
      continue;
    }
    if (std::isinf(value))
      return fail(function, now, fmt::format("{} for '{}' is no value", value, id(row)),
                  "return NaN where it is unknown");
    if (converts(function.config.unit)) value = function.config.unit.to_si(value);
    auto& cell = tables_.values<double>(function.table, function.column)[row];
    if (std::bit_cast<uint64_t>(cell) != std::bit_cast<uint64_t>(value)) dirty.mark(function.table, row);
    cell = value;
  }
  return true;
}

bool ColumnFunctions::fail(const WiredFunction& function, Time now, const std::string& why,
                           const std::string& hint) {
  breakdown_.push_back({Severity::error, function.config.span,
                        fmt::format("the function '{}' at {}: {}", function.config.name, to_string(now), why),
                        hint});
  return false;
}

}  // namespace looptwin::mml
