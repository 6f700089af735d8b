#include "tests/sim/fleet_world.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>

#include "lang/types.h"

namespace looptwin::sim::test {

lang::Unit unit(const lang::Units& units, const std::string& name) {
  const auto found = units.unit(text(name));
  REQUIRE(found);
  return *found;
}

Setup homes(const lang::Units& units, size_t count) {
  Setup s;
  twin::ModelConfig home;
  home.name = "home";
  home.parameters = {{.name = "pull", .unit = unit(units, "K/s"), .value = 1.0 / 16}};
  const auto celsius = unit(units, "degC");
  home.telemetry = {{.name = "temperature",
                     .unit = celsius,
                     .every = seconds(10),
                     .range = twin::Range{233.15, 333.15},
                     .resolution = 0.1},
                    {.name = "power",
                     .unit = unit(units, "kW"),
                     .every = seconds(10),
                     .range = twin::Range{0, 30000},
                     .resolution = 0.01},
                    {.name = "running", .boolean = true, .every = seconds(30), .phase = seconds(5)}};
  home.setpoints = {{.name = "cool",
                     .unit = celsius,
                     .value = 273.15 + 23,
                     .range = twin::Range{289.15, 303.15},
                     .local = true}};
  home.commands = {{.name = "defrost"}};
  DeviceConfig device;
  PhysicsConfig physics;
  physics.inputs = {line("outdoor", "weather.temperature")};
  physics.random = {{.name = "gain", .unit = unit(units, "K/s"), .every = seconds(20)}};
  physics.random[0].draw = *Distribution::discrete({1.0 / 128, 1.0 / 64, 3.0 / 128}, {1, 1, 2});
  physics.states = {line("air", "23 degC")};
  physics.rates = {line("air", "if(outdoor > 28 degC, 2 * gain, gain) - if(compressor, pull, 0 K/s)")};
  physics.outputs = {line("electric", "fan + if(compressor, 3 kW, 0 kW)"),
                     line("fan", "if(iced, 0 kW, 0.5 kW)")};
  physics.step = seconds(1);
  device.physics = physics;
  ControllerConfig controller;
  controller.every = seconds(2);
  controller.outputs = {line("compressor", "hysteresis(error, on=0.25 K, off=-0.25 K) && !iced"),
                        line("error", "temperature - cool"),
                        line("iced", "latch(defrost, temperature > 24 degC)")};
  device.controller = controller;
  device.sensors = {{.from = text("air"), .noise = 0.05, .bias = 0.1},
                    {.from = text("electric")},
                    {.from = text("compressor")}};
  device.refuses = text("temperature > 25 degC");
  s.models = {home};
  s.devices = {device};
  s.fleet = {{.model = "home", .count = count, .id = "home-{i}"}};
  return s;
}

Setup in_cells(const lang::Units& units, size_t cells, LinkConfig link) {
  Setup s = homes(units, 8);
  twin::ModelConfig cell;
  cell.name = "cell";
  s.models.push_back(cell);
  s.devices.emplace_back();
  s.models[0].relations.push_back({.name = "cell", .to = "cell", .inverse = "homes"});
  s.fleet[0].per = "cell";
  s.fleet[0].id = "{cell}/home-{i}";
  s.fleet.insert(s.fleet.begin(), {.model = "cell", .count = cells, .id = "cell-{i}"});
  link.name = "lte";
  s.links = {link};
  s.fleet[1].link = "lte";
  return s;
}

World::World(const Setup& setup) {
  auto made = twin::Registry::build(setup.models, setup.fleet, setup.seed, schema, tables);
  if (!made) FAIL(render(made.error()));
  registry = std::make_unique<twin::Registry>(std::move(*made));
  schema.feeds.push_back(
      {"weather", "temperature", lang::Type::point_of(lang::kTemperature), unit(units, "degC"), false});
  auto built =
      Fleet::build(units, schema, graph, *registry, tables, weather,
                   {setup.devices, setup.links, setup.faults, setup.seed, setup.cycle, {}, setup.broker});
  if (!built) FAIL(render(built.error()));
  fleet = std::move(*built);
  tables.allocate_added();
  fleet->start();
  shards = tables.shards();
  arrivals.resize(shards.size());
}

void World::advance(Time boundary, Received& received) {
  fleet->begin(boundary);
  for (size_t i = 0; i < shards.size(); ++i) {
    fleet->advance(i, boundary, arrivals[i]);
    for (const auto& frame : arrivals[i].frames) {
      for (size_t k = 0; k < frame.size(); ++k) {
        Message m{frame.row[k],        frame.group,          frame.sequence[k],
                  frame.sampled_at[k], frame.received_at[k], {}};
        for (const auto& column : frame.value) m.value.push_back(column[k]);
        REQUIRE(m.received <= boundary.ns);
        received.messages.push_back(std::move(m));
      }
    }
    for (const auto& a : arrivals[i].acknowledgements)
      received.acknowledgements.push_back(
          {a.device.row.value, a.id, a.received_at.ns, a.applied_at.ns, static_cast<int>(a.outcome)});
    for (const auto& p : arrivals[i].presence)
      received.presence.push_back({p.at.ns, p.device.row.value, p.online});
  }
}

void World::deliver(Time now, std::vector<twin::Command> commands) {
  for (size_t i = 0; i < shards.size(); ++i) {
    std::vector<twin::Command> mine;
    for (const auto& c : commands) {
      const size_t row = c.device.row.index();
      if (c.device.table == shards[i].table && row >= shards[i].first &&
          row < shards[i].first + shards[i].rows)
        mine.push_back(c);
    }
    fleet->deliver(i, now, mine);
  }
}

std::span<double> World::numbers(const std::string& column) {
  const auto& columns = schema.tables[0].columns;
  const auto at =
      std::find_if(columns.begin(), columns.end(), [&](const auto& c) { return c.name == column; });
  REQUIRE(at != columns.end());
  return tables.values<double>(TableId(0), ColumnId(static_cast<size_t>(at - columns.begin())));
}

std::vector<std::byte> World::save() {
  ArchiveWriter archive;
  tables.save(archive);
  fleet->save(archive);
  return archive.take();
}

void World::restore(const std::vector<std::byte>& bytes) {
  ArchiveReader archive(bytes);
  tables.restore(archive);
  fleet->restore(archive);
  INFO(archive.error());
  REQUIRE((archive.ok() && archive.at_end()));
}

Received run(World& world, Time end, Duration cycle, std::span<const Delivery> deliveries) {
  Received received;
  std::mt19937_64 draw(5);
  size_t next = 0;
  for (Time now = kStart; now < end;) {
    const Duration stride = cycle.ns > 0 ? cycle : milliseconds(static_cast<int64_t>(100 + draw() % 4000));
    Time to = std::min(now + stride, end);
    if (next < deliveries.size()) to = std::min(to, deliveries[next].sent);
    world.advance(to, received);
    std::vector<twin::Command> commands;
    for (; next < deliveries.size() && deliveries[next].sent == to; ++next)
      commands.push_back(deliveries[next].command);
    world.deliver(to, commands);
    now = to;
  }
  received.sort();
  return received;
}

void Received::sort() {
  std::sort(messages.begin(), messages.end());
  std::sort(acknowledgements.begin(), acknowledgements.end());
  std::sort(presence.begin(), presence.end());
}

twin::Command set_cool(uint32_t row, uint64_t id, double kelvin, Time issued) {
  return {.id = id,
          .device = {TableId(0), Row(row)},
          .value = kelvin,
          .issued = issued,
          .expires = issued + minutes(1)};
}

}  // namespace looptwin::sim::test
