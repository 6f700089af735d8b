#include "homes.h"

#include <algorithm>

#include "base/check.h"

namespace looptwin::mml {
namespace {

twin::FieldConfig field(const std::string& name, const lang::Unit& unit, Duration every, twin::Range range,
                        double resolution) {
  twin::FieldConfig f;
  f.name = name;
  f.unit = unit;
  f.every = every;
  f.range = range;
  f.resolution = resolution;
  f.stale_after = every * 3;
  return f;
}

twin::Registry build(size_t blocks, size_t homes, uint64_t seed, lang::Schema& schema, twin::Tables& tables,
                     const std::function<void(twin::ModelConfig&)>& change) {
  std::vector<twin::ModelConfig> models = {Homes::block_model(), Homes::home_model()};
  if (change) change(models[1]);
  std::vector<twin::FleetConfig> fleet(2);
  fleet[0].model = "block";
  fleet[0].count = blocks;
  fleet[0].id = "block-{i}";
  fleet[1].model = "home";
  fleet[1].count = homes;
  fleet[1].per = "block";
  fleet[1].id = "{block}/home-{i}";
  auto built = twin::Registry::build(models, fleet, seed, schema, tables);
  LT_CHECK(built.has_value(), built ? "" : render(built.error()));
  return std::move(*built);
}

}  // namespace

twin::ModelConfig Homes::block_model() {
  twin::ModelConfig model;
  model.name = "block";
  return model;
}

twin::ModelConfig Homes::home_model() {
  twin::ModelConfig model;
  model.name = "home";
  model.relations.push_back({"block", {}, "block", "homes"});
  model.telemetry = {field("temperature", celsius(), seconds(10), {253.15, 333.15}, 0.1),
                     field("power", watt(), seconds(10), {0, 30'000}, 1),
                     field("energy", watt(), minutes(1), {0, 1e6}, 1)};
  twin::SetpointConfig cool;
  cool.name = "cool";
  cool.unit = celsius();
  cool.value = kCoolDefault;
  cool.tolerance = 1.5;
  cool.follows = "temperature";
  cool.settle = minutes(10);
  twin::SetpointConfig fan;
  fan.name = "fan";
  fan.value = 1;
  model.setpoints = {cool, fan};
  model.commands.push_back({"shed", {}, minutes(1)});
  return model;
}

Homes::Homes(size_t blocks, size_t homes_per_block, uint64_t seed,
             const std::function<void(twin::ModelConfig&)>& change)
    : registry(build(blocks, homes_per_block, seed, schema, tables, change)) {}

RelationId Homes::homes() const {
  const auto& relations = schema.table(kBlock).relations;
  const auto found =
      std::find_if(relations.begin(), relations.end(), [](const auto& r) { return r.name == "homes"; });
  return RelationId(static_cast<size_t>(found - relations.begin()));
}

ColumnId Homes::add_boolean(TableId table, const std::string& name) {
  const ColumnId id = schema.add_column(table, {name, lang::Type::boolean(), {}, lang::Storage::boolean});
  tables.allocate_added();
  return id;
}

ColumnId Homes::add_number(TableId table, const std::string& name) {
  const ColumnId id = schema.add_column(table, {name, {}, {}, lang::Storage::f64});
  tables.allocate_added();
  return id;
}

}  // namespace looptwin::mml
