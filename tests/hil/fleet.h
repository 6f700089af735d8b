// Devices of one model, and the registry that has them: what most tests of hil/ begin with.
#pragma once

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "twin/registry.h"
#include "twin/tables.h"

namespace looptwin::hil {

struct Fleet {
  lang::Schema schema;
  twin::Tables tables{schema};
  twin::Registry registry;

  Fleet(const twin::ModelConfig& model, std::vector<std::string> ids) {
    twin::FleetConfig fleet;
    fleet.model = model.name;
    fleet.count = ids.size();
    fleet.ids = std::move(ids);
    auto built = twin::Registry::build({{model}}, {{fleet}}, 1, schema, tables);
    REQUIRE(built.has_value());
    registry = std::move(*built);
  }
  static twin::DeviceRef device(size_t row) { return {TableId(size_t{0}), Row(row)}; }
};

/// A pump with a level, whether it runs, a speed and a stop.
inline twin::ModelConfig pump_model() {
  twin::ModelConfig pump;
  pump.name = "pump";
  pump.telemetry = {{.name = "level", .every = seconds(1), .resolution = 0.01},
                    {.name = "running", .boolean = true, .every = seconds(5)}};
  pump.setpoints = {{.name = "speed", .value = 0.5}};
  pump.commands = {{.name = "stop", .expires = seconds(60)}};
  return pump;
}

/// hall/pump-1 and hall/pump-2.
struct TwoPumps : Fleet {
  explicit TwoPumps(const twin::ModelConfig& model = pump_model())
      : Fleet(model, {"hall/pump-1", "hall/pump-2"}) {}
  static twin::DeviceRef pump(size_t row = 0) { return device(row); }
};

}  // namespace looptwin::hil
