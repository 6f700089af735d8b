#include "testbed/rig/device_world.h"

#include <algorithm>

#include "testbed/feeds.h"

namespace looptwin::testbed {

DeviceWorld::DeviceWorld(const Scenario& scenario) : scenario_(scenario), units_(scenario.ambient_pressure) {}

Result<std::unique_ptr<DeviceWorld>> DeviceWorld::build(const Scenario& scenario) {
  std::unique_ptr<DeviceWorld> world(new DeviceWorld(scenario));
  if (auto built = world->build(); !built) return tl::make_unexpected(std::move(built.error()));
  return world;
}

Result<void> DeviceWorld::build() {
  auto registry = twin::Registry::build(scenario_.models, scenario_.fleet, scenario_.seed, schema_, tables_);
  if (!registry) return tl::make_unexpected(std::move(registry.error()));
  registry_ = std::make_unique<twin::Registry>(std::move(*registry));
  auto feeds = load_feeds(scenario_, units_, schema_);
  if (!feeds) return tl::make_unexpected(std::move(feeds.error()));
  feeds_ = std::move(*feeds);
  auto fleet = sim::Fleet::build(units_, schema_, graph_, *registry_, tables_, *feeds_,
                                 {scenario_.devices, scenario_.links, scenario_.faults, scenario_.seed,
                                  scenario_.cycle, scenario_.plants, never_});
  if (!fleet) return tl::make_unexpected(std::move(fleet.error()));
  fleet_ = std::move(*fleet);
  tables_.allocate_added();
  fleet_->start();
  const auto shards = tables_.shards();
  for (size_t s = 0; s < shards.size(); ++s)
    while (first_shard_.size() <= shards[s].table.index()) first_shard_.push_back(s);
  arrivals_.resize(shards.size());
  return {};
}

size_t DeviceWorld::shard_of(twin::DeviceRef device) const {
  return first_shard_[device.table.index()] + device.row.index() / twin::kShardRows;
}

bool DeviceWorld::advance(Time until) {
  fleet_->begin(until);
  if (!fleet_->breakdown().empty()) return false;
  for (size_t s = 0; s < arrivals_.size(); ++s) fleet_->advance(s, until, arrivals_[s]);
  now_ = until;
  return true;
}

void DeviceWorld::deliver(const twin::Command& command) {
  fleet_->deliver(shard_of(command.device), now_, {&command, 1});
}

bool DeviceWorld::set_state(twin::DeviceRef device, size_t field, double si) {
  const auto& config = scenario_.devices[device.table.index()];
  const auto column = fleet_->truth(device.table, field);
  if (!config.physics || field >= config.sensors.size() || !column.valid()) return false;
  const auto& from = config.sensors[field].from;
  if (!from.source) return false;
  const auto text = std::string_view(from.source->text).substr(from.begin, from.end - from.begin);
  const auto& states = config.physics->states;
  if (std::none_of(states.begin(), states.end(), [&](const auto& state) { return state.name == text; }))
    return false;
  fleet_->settle(shard_of(device), now_);
  set(device.table, column, device.row, si);
  return true;
}

void DeviceWorld::hold(twin::DeviceRef device, size_t setpoint, double si) {
  const auto& name = registry_->model(device.table).config.setpoints[setpoint].name;
  const auto names = fleet_->true_names(device.table);
  const auto held = names.find(name);
  if (held == names.end() || !held->second.column.valid()) return;
  fleet_->settle(shard_of(device), now_);
  set(device.table, held->second.column, device.row, si);
}

void DeviceWorld::set(TableId table, ColumnId column, Row row, double value) {
  switch (schema_.column(table, column).storage) {
    case lang::Storage::f64:
      tables_.values<double>(table, column)[row.index()] = value;
      break;
    case lang::Storage::boolean:
    case lang::Storage::code:
      tables_.values<uint8_t>(table, column)[row.index()] = static_cast<uint8_t>(value);
      break;
    default:
      break;
  }
}

}  // namespace looptwin::testbed
