// All that a rig has beside its loop when devices may be simulated: their world, its bridge to the broker,
// the table of bindings, and how real devices compare.
#pragma once

#include <filesystem>
#include <memory>

#include "testbed/rig/bound_transport.h"
#include "testbed/rig/rig_config.h"

namespace looptwin::testbed {

class RigBindings {
 public:
  /// Null where the rig has no bindings. `start`: the civil instant of the run's start on the wall; `now`:
  /// the run's time, asked for once start() was called. `need_secrets`: the broker asks who devices are.
  static Result<std::unique_ptr<RigBindings>> make(const RigConfig& rig, const Scenario& scenario,
                                                   const std::vector<hil::Mapping>& mappings,
                                                   hil::MqttLink& link, UnixTime start,
                                                   std::function<Time()> now, bool need_secrets);

  BoundTransport::Bound bound() { return {*bindings_, *parity_, *devices_}; }
  const Bindings& bindings() const { return *bindings_; }
  void start() { devices_->start(); }
  /// Who says that they are gone when this process is; before start().
  void say_farewell_by(std::shared_ptr<hil::Watchdog> watchdog);

  /// bindings.json: what was swapped when, and how much was said; parity.json, where something was compared.
  /// `link`: what the bridge's says of itself.
  Result<void> write(const std::filesystem::path& run, const std::vector<Swap>& swaps,
                     const hil::LinkCounters& link) const;
  void print(const std::vector<Swap>& swaps, const hil::LinkCounters& link) const;

 private:
  explicit RigBindings(const Scenario& scenario) : scenario_(scenario) {}
  Result<std::unique_ptr<hil::DeviceSessions>> sessions_of(const RigConfig& rig,
                                                           const std::vector<hil::Mapping>& mappings,
                                                           UnixTime start, bool need_secrets) const;

  Scenario scenario_;
  hil::MachineTime time_;
  std::unique_ptr<DeviceWorld> world_;
  std::unique_ptr<Bindings> bindings_;
  std::unique_ptr<Parity> parity_;
  std::unique_ptr<hil::DeviceBridge> bridge_;
  std::unique_ptr<SimulatedDevices> devices_;  ///< last: its thread ends before what it uses
};

/// The options of the bridge's own connection, beside those of the loop's.
hil::MqttOptions bridge_options(const RigConfig& rig);

}  // namespace looptwin::testbed
