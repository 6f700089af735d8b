#include "testbed/rig/device_world.h"

#include <algorithm>

#include "lang/resumption.h"
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
  feeds_ = std::move(feeds->feeds);
  auto fleet = sim::Fleet::build(units_, schema_, graph_, *registry_, tables_, *feeds_,
                                 {scenario_.devices, scenario_.links, scenario_.faults, scenario_.seed,
                                  scenario_.cycle, scenario_.plants, never_});
  if (!fleet) return tl::make_unexpected(std::move(fleet.error()));
  Diagnostics unknown;
  note_reach(scenario_, schema_, graph_, graph_.size(), feeds->reach, unknown);
  if (has_errors(unknown)) return tl::make_unexpected(std::move(unknown));
  fleet_ = std::move(*fleet);
  tables_.allocate_added();
  fleet_->start();
  const auto shards = tables_.shards();
  for (size_t s = 0; s < shards.size(); ++s)
    while (first_shard_.size() <= shards[s].table.index()) first_shard_.push_back(s);
  arrivals_.resize(shards.size());
  for (const auto& one : fleet_->explained()) {
    const std::string of_controller = registry_->model(one.table).config.name + ".controller.";
    if (one.name.starts_with(of_controller))
      signals_[{one.table, one.name.substr(of_controller.size())}] = one.node;
  }
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

/// The name of what a field shows as it is; empty where it is worked out.
std::string DeviceWorld::shown_by(TableId table, size_t field) const {
  const auto& sensors = scenario_.devices[table.index()].sensors;
  if (field >= sensors.size()) return {};
  const auto& from = sensors[field].from;
  if (!from.source) return registry_->model(table).config.telemetry[field].name;
  return from.source->text.substr(from.begin, from.end - from.begin);
}

bool DeviceWorld::set_state(twin::DeviceRef device, size_t field, double si) {
  const auto column = fleet_->truth(device.table, field);
  if (!column.valid()) return false;
  const auto name = shown_by(device.table, field);
  const auto& physics = scenario_.devices[device.table.index()].physics;
  const bool state =
      physics && std::ranges::any_of(physics->states, [&](const auto& one) { return one.name == name; });
  const auto signal = signals_.find({device.table, name});
  if (!state && signal == signals_.end()) return false;
  fleet_->settle(shard_of(device), now_);
  if (!state &&
      !lang::resume(graph_, schema_, tables_, device.table, signal->second, device.row.index(), si, now_))
    return false;
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
