// A fleet of one model for the history's tests: rows of `meter` with fields that are reported every so often.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lang/schema.h"
#include "twin/config.h"
#include "twin/registry.h"
#include "twin/tables.h"

namespace looptwin::twin {

inline FieldConfig field_config(std::string name, Duration every, double resolution, lang::Unit unit = {}) {
  FieldConfig f;
  f.name = std::move(name);
  f.every = every;
  f.resolution = resolution;
  f.unit = unit;
  f.stale_after = every * 3;
  return f;
}

inline lang::Unit celsius() { return {"degC", lang::Type::point_of(lang::kTemperature), 1.0, 273.15}; }

struct Meters {
  lang::Schema schema;
  Tables tables{schema};
  Registry registry;
  TableId table{0};

  Meters(const Meters&) = delete;  // `tables` refers to `schema`
  Meters(size_t rows, std::vector<FieldConfig> fields) : registry(build(rows, std::move(fields))) {}

  ColumnId add_output(const std::string& name) {
    const ColumnId id = schema.add_column(table, {name, lang::Type::number(), {}, lang::Storage::f64});
    tables.allocate_added();
    return id;
  }

 private:
  Registry build(size_t rows, std::vector<FieldConfig> fields) {
    ModelConfig model;
    model.name = "meter";
    model.telemetry = std::move(fields);
    FleetConfig fleet;
    fleet.model = "meter";
    fleet.count = rows;
    fleet.id = "meter-{i}";
    auto built = Registry::build(std::span(&model, 1), std::span(&fleet, 1), 7, schema, tables);
    LT_CHECK(built.has_value(), "the meters' registry");
    return std::move(*built);
  }
};

}  // namespace looptwin::twin
