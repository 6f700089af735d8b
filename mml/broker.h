// The in-process broker: authenticates devices against the registry, authorises what they send, routes what
// is sent to them. A device that is not connected gets what is still good when it comes back: the newest
// value of each setpoint, and commands that have not expired.
#pragma once

#include <map>
#include <vector>

#include "base/archive.h"
#include "twin/registry.h"
#include "twin/transport.h"

namespace looptwin::mml {

struct BrokerCounters {
  uint64_t refused_connections = 0;  ///< wrong credential
  uint64_t refused_messages = 0;     ///< from a device without a session
  uint64_t routed = 0;
  uint64_t held = 0;     ///< waited for their device
  uint64_t expired = 0;  ///< while they waited
};

class Broker {
 public:
  explicit Broker(const twin::Registry& registry);

  // connect(), disconnect() and admit() may be called from several threads for devices of different shards.

  /// Opens the device's session; false when the credential is not the registry's.
  bool connect(twin::DeviceRef device, uint64_t credential);
  void disconnect(twin::DeviceRef device);
  bool connected(twin::DeviceRef device) const {
    return sessions_[device.table.index()][device.row.index()] != 0;
  }

  /// Takes out the messages of devices without a session.
  void admit(twin::Frame& frame);

  /// Splits what the loop sends: what goes out at once is appended to `out`, the rest is held.
  void route(std::span<const twin::Command> commands, std::vector<twin::Command>& out);
  /// What was held for a device that has just connected.
  void release(twin::DeviceRef device, Time now, std::vector<twin::Command>& out);

  const BrokerCounters& counters() const { return counters_; }
  void save(ArchiveWriter& archive) const;
  void restore(ArchiveReader& archive);

 private:
  const twin::Registry& registry_;
  std::vector<std::vector<uint8_t>> sessions_;  ///< [table][row]
  std::vector<size_t> closed_;                  ///< devices without a session, by table
  std::map<twin::DeviceRef, std::vector<twin::Command>> held_;
  BrokerCounters counters_;
};

}  // namespace looptwin::mml
