// The scenario's own devices, plants and links beside a rig: a simulated fleet with tables of its own, so
// that nothing of it is shared with the loop. All devices are in it, in the registry's order; whose messages
// count is for others to say.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lang/units.h"
#include "mml/feeds/feeds.h"
#include "sim/fleet.h"
#include "testbed/scenario.h"

namespace looptwin::testbed {

class DeviceWorld {
 public:
  /// The scenario outlives it.
  static Result<std::unique_ptr<DeviceWorld>> build(const Scenario& scenario);

  const twin::Registry& registry() const { return *registry_; }
  Time now() const { return now_; }
  /// Later than now(). False: a plant could not go on, breakdown() says why.
  bool advance(Time until);
  const Diagnostics& breakdown() const { return fleet_->breakdown(); }
  /// What arrived at the broker's door in the last advance(), by shard.
  const std::vector<sim::Arrivals>& arrivals() const { return arrivals_; }
  /// Arrives after now(), by the device's link.
  void deliver(const twin::Command& command);

  /// Sets the state that a telemetry field shows, where its `from` is the name of one of the physics, of a
  /// machine, or of an output that is a latch, hysteresis, ramp or stiction; false where it is not.
  bool set_state(twin::DeviceRef device, size_t field, double si);
  /// Sets a setpoint as the device holds it.
  void hold(twin::DeviceRef device, size_t setpoint, double si);

 private:
  explicit DeviceWorld(const Scenario& scenario);
  Result<void> build();
  size_t shard_of(twin::DeviceRef device) const;
  std::string shown_by(TableId table, size_t field) const;
  void set(TableId table, ColumnId column, Row row, double value);

  const Scenario& scenario_;
  lang::Units units_;
  lang::Schema schema_;
  lang::Graph graph_;
  twin::Tables tables_{schema_};
  std::unique_ptr<twin::Registry> registry_;
  std::unique_ptr<mml::Feeds> feeds_;
  std::vector<sim::BrokerAway> never_;
  std::unique_ptr<sim::Fleet> fleet_;
  std::map<std::pair<TableId, std::string>, lang::NodeId> signals_;  ///< of controllers, machines with them
  std::vector<size_t> first_shard_;                                  ///< [table]
  std::vector<sim::Arrivals> arrivals_;
  Time now_ = kStart;
};

}  // namespace looptwin::testbed
