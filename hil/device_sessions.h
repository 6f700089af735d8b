// Simulated devices with a connection and a session each, as real ones have them: what the broker makes of
// sessions (wills, presence, who may say what) is then real, too.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "hil/arrival_queue.h"
#include "hil/mqtt_connections.h"

namespace looptwin::hil {

class DeviceSessions {
 public:
  struct Options {
    MqttOptions broker;  ///< with `origin`; user and password of devices that have no secret of their own
    std::map<std::string, std::string> secrets;  ///< by id, which is then the user
  };
  /// For the devices that their conventions give one; both outlive it. Nobody is there yet.
  static Result<std::unique_ptr<DeviceSessions>> start(const Options& options, const twin::Registry& registry,
                                                       const DeviceSides& sides);

  bool has(twin::DeviceRef device) const { return place(device).has_value(); }
  /// Whether it is to be connected.
  bool is_wanted(twin::DeviceRef device) const { return wanted_[*place(device)]; }
  /// It connects, and says at each connection that it is there; again at once where it is.
  void come(twin::DeviceRef device);
  /// Its network has failed: the broker says its will.
  void go(twin::DeviceRef device);
  /// It disconnects, and the broker says nothing.
  void leave(twin::DeviceRef device);
  void publish(twin::DeviceRef device, Outgoing message);
  /// Appends what they have received.
  void take(std::vector<MqttMessage>& out) { arrived_.take(out); }
  ConnectionCounters counters() const { return connections_->counters(); }

 private:
  DeviceSessions() = default;
  std::optional<size_t> place(twin::DeviceRef device) const;

  std::vector<std::optional<size_t>> first_;    ///< [table] of its devices' connections
  std::vector<std::optional<Outgoing>> hello_;  ///< [connection]
  std::vector<bool> wanted_;                    ///< [connection]
  ArrivalQueue arrived_{{}};
  std::unique_ptr<MqttConnections> connections_;  ///< last: its thread ends before what it uses
};

}  // namespace looptwin::hil
