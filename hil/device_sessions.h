// Simulated devices with a connection and a session each, or several with one, as real ones have them: what
// the broker makes of sessions (wills, presence, who may say what) is then real, too.
#pragma once

#include <map>
#include <memory>
#include <mutex>
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
    bool of_each = true;  ///< each device has one that may; else only those that always do
  };
  /// For the devices that their conventions give one. Nobody is there yet.
  static Result<std::unique_ptr<DeviceSessions>> start(const Options& options, const twin::Registry& registry,
                                                       const DeviceSides& sides);

  // Where devices share one it is known by its holder (hil/conventions/convention.h).
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
  struct Change {
    twin::DeviceRef device;
    std::optional<Attempt> joined;  ///< by which its connection is there; nothing: it is lost
  };
  /// What has become of connections that are shared since the last time, in order.
  std::vector<Change> take_changes();
  ConnectionCounters counters() const { return connections_->counters(); }

 private:
  explicit DeviceSessions(const ArrivalBounds& bounds) : arrived_(bounds) {}
  std::optional<size_t> place(twin::DeviceRef device) const;
  void note(size_t one, std::optional<Attempt> joined);

  std::vector<std::vector<std::optional<size_t>>> place_;  ///< [table][row] of its connection
  std::vector<std::optional<twin::DeviceRef>> holder_;     ///< [connection] where it is shared
  std::vector<std::optional<Outgoing>> hello_;             ///< [connection]
  std::vector<bool> wanted_;                               ///< [connection]
  ArrivalQueue arrived_;
  std::mutex mutex_;  ///< of what follows
  std::vector<Change> changes_;
  std::unique_ptr<MqttConnections> connections_;  ///< last: its thread ends before what it uses
};

}  // namespace looptwin::hil
