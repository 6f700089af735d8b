// The simulated devices of a rig at work: a thread that lets their world follow the wall, publishes what
// those say that are bound to it, and hands them what anybody tells them. Shadows are told the same, and say
// nothing but to Parity.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "hil/device_bridge.h"
#include "hil/steady_time.h"
#include "testbed/rig/bindings.h"
#include "testbed/rig/device_world.h"
#include "testbed/rig/parity.h"

namespace looptwin::testbed {

/// What a device last said, by field; nothing where it has not.
using LastValues = std::vector<std::optional<int32_t>>;

class SimulatedDevices {
 public:
  /// `now`: the run's time. All outlives it.
  SimulatedDevices(DeviceWorld& world, hil::DeviceBridge& bridge, Bindings& bindings, Parity& parity,
                   std::function<Time()> now, hil::SteadyTime& time);
  /// Says that the simulated ones are gone.
  ~SimulatedDevices();
  void start();

  /// From now on; returns when it is so. A model that takes over begins with what the device said and holds.
  /// What a real one that takes over is to be told is appended to `tell`.
  void swap(twin::DeviceRef device, Binding to, const LastValues& last, std::vector<twin::Command>& tell);

  /// On the broker: nobody is the device now.
  void say_gone(twin::DeviceRef device);

  /// Why the world stands still; empty while it does not.
  bool broken() const { return broken_; }
  Diagnostics breakdown() const;
  hil::BridgeCounters counters() const;
  /// Of those that have connections of their own.
  std::optional<hil::ConnectionCounters> connections() const;

 private:
  void run();
  void step(Time now);
  void obey(const hil::DeviceBridge::Inbox::Order& order);
  bool holds(const twin::Command& command) const;
  void speak();
  void say_all(bool online);

  DeviceWorld& world_;
  hil::DeviceBridge& bridge_;
  Bindings& bindings_;
  Parity& parity_;
  std::function<Time()> now_;
  hil::SteadyTime& time_;
  mutable std::mutex mutex_;  ///< of all above, and below
  hil::DeviceBridge::Inbox inbox_;
  std::map<std::pair<twin::DeviceRef, uint16_t>, twin::Command> held_;  ///< the last of each setpoint
  uint8_t attempts_ = 0;  ///< of orders that have come: each has a fate of its own on its link
  std::vector<std::vector<uint8_t>> online_;  ///< [table][row] in the world
  std::atomic<bool> broken_{false}, stop_{false};
  std::thread thread_;
};

}  // namespace looptwin::testbed
