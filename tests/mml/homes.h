// A small fleet for the loop's tests: blocks of homes with fields, setpoints and a command, without any
// simulation.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "lang/schema.h"
#include "twin/config.h"
#include "twin/registry.h"
#include "twin/tables.h"

namespace looptwin::mml {

inline lang::Unit celsius() { return {"degC", lang::Type::point_of(lang::kTemperature), 1.0, 273.15}; }
inline lang::Unit watt() { return {"W", lang::Type::number({{2, 1, -3}}), 1.0, 0.0}; }

struct Homes {
  static constexpr TableId kBlock{size_t{0}}, kHome{size_t{1}};
  static constexpr uint16_t kCool = 0, kFan = 1, kShed = 0;
  static constexpr uint16_t kTemperature = 0, kPower = 1, kEnergy = 2;
  static constexpr double kCoolDefault = 296.15;

  lang::Schema schema;
  twin::Tables tables{schema};
  twin::Registry registry;

  Homes(const Homes&) = delete;  // `tables` refers to `schema`
  /// `change` may alter the home model before the registry is built.
  explicit Homes(size_t blocks = 1, size_t homes_per_block = 4, uint64_t seed = 7,
                 const std::function<void(twin::ModelConfig&)>& change = {});

  static twin::ModelConfig block_model();
  static twin::ModelConfig home_model();

  static twin::DeviceRef home(size_t row) { return {kHome, Row(row)}; }
  const twin::Model& model() const { return registry.model(kHome); }
  /// The set `homes` of a block.
  RelationId homes() const;

  /// A column of our own, for what expressions would compute.
  ColumnId add_boolean(TableId table, const std::string& name);
  ColumnId add_number(TableId table, const std::string& name);

  uint8_t& flag(TableId table, ColumnId column, size_t row = 0) {
    return tables.values<uint8_t>(table, column)[row];
  }
  double& number(TableId table, ColumnId column, size_t row = 0) {
    return tables.values<double>(table, column)[row];
  }
  int64_t& instant(TableId table, ColumnId column, size_t row = 0) {
    return tables.values<int64_t>(table, column)[row];
  }
};

}  // namespace looptwin::mml
