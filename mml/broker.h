// The in-process broker: authenticates devices against the registry, authorises what they send, routes what
// is sent to them. A device that is not connected gets what is still good when it comes back: the newest
// value of each setpoint, and commands that have not expired.
#pragma once

#include <map>
#include <vector>

#include "base/archive.h"
#include "twin/registry.h"
#include "twin/stray.h"
#include "twin/tables.h"
#include "twin/transport.h"

namespace looptwin::mml {

struct BrokerCounters {
  uint64_t refused_connections = 0;  ///< wrong credential, or a device that is suspended or retired
  uint64_t refused_messages = 0;     ///< from a device without a session
  uint64_t routed = 0;
  uint64_t held = 0;     ///< waited for their device
  uint64_t expired = 0;  ///< while they waited
  uint64_t restarts = 0;
  uint64_t malformed = 0;            ///< messages that cannot be read
  uint64_t unknown_devices = 0;      ///< messages of devices that the registry does not have
  uint64_t foreign_credentials = 0;  ///< messages that bear another's credential
  uint64_t wrong_types = 0;          ///< messages with a value of another type than the model declares
  uint64_t lost = 0;                 ///< commands that waited, in restarts
};

class Broker {
 public:
  explicit Broker(const twin::Registry& registry);

  /// Once a cycle, before all that follows: what sessions were before this cycle is not asked any more.
  void begin();

  // connect(), disconnect() and admit() may be called from several threads for devices of different shards;
  // for one shard first the comings and goings of the cycle, in the order of time, then its frames.

  /// Opens the device's session; false when the registry does not admit it, or has another credential.
  bool connect(twin::DeviceRef device, uint64_t credential, Time at);
  void disconnect(twin::DeviceRef device, Time at);
  bool connected(twin::DeviceRef device) const {
    return sessions_[device.table.index()][device.row.index()] != 0;
  }

  /// Takes out the messages (all of one shard, received in this cycle) whose device had no session when they
  /// were received. What arrives at the very instant of a change meets what the change made.
  void admit(twin::Frame& frame);

  /// Refuses a message that is not what it should be, and counts why: the first of malformed, unknown device,
  /// foreign credential, wrong type. False where nothing is wrong with it.
  bool refuse(const twin::Stray& stray, uint64_t credential);

  /// It restarts: what waits for devices is lost unless it is `persistent`. Sessions end by the devices'
  /// going.
  void restart(bool persistent);

  /// Splits what the loop sends: what goes out at once is appended to `out`, the rest is held.
  void route(std::span<const twin::Command> commands, std::vector<twin::Command>& out);
  /// What was held for a device that has just connected.
  void release(twin::DeviceRef device, Time now, std::vector<twin::Command>& out);

  const BrokerCounters& counters() const { return counters_; }
  void save(ArchiveWriter& archive) const;
  void restore(ArchiveReader& archive);

 private:
  /// A session that was opened or closed in this cycle.
  struct Change {
    uint32_t row = 0;
    uint32_t order = 0;  ///< of changes, for those of equal time
    Time at;
    bool opened = false;
  };
  struct Changes {
    std::vector<Change> list;
    bool sorted = true;  ///< by row, then time, then order
  };
  Changes& changes_of(TableId table, size_t row) { return changes_[table.index()][row / twin::kShardRows]; }
  void change(twin::DeviceRef device, bool open, Time at);
  bool was_connected(const Changes& changes, TableId table, uint32_t row, Time at) const;

  const twin::Registry& registry_;
  std::vector<std::vector<uint8_t>> sessions_;  ///< [table][row]
  std::vector<size_t> closed_;                  ///< devices without a session, by table
  std::vector<std::vector<Changes>> changes_;   ///< [table][shard of it] of this cycle
  std::map<twin::DeviceRef, std::vector<twin::Command>> held_;
  std::vector<std::pair<uint64_t, twin::DeviceRef>> by_key_;  ///< ascending; made when it is first needed
  BrokerCounters counters_;
};

}  // namespace looptwin::mml
