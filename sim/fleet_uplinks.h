// The uplinks of links with a limit of bandwidth, each of one device or of many that share it, over all
// shards (sim/uplink.h). What leaves on them goes one message after the other, once a cycle, on one thread.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "base/archive.h"
#include "sim/fleet_devices.h"
#include "sim/island.h"
#include "sim/uplink.h"

namespace looptwin::sim {

class FleetUplinks {
 public:
  void add(std::span<const LinkConfig> links, const FleetDevices& devices, Diagnostics& problems);
  /// [row] of a table, kNoUplink where it has none; empty where no row has one.
  const std::vector<uint32_t>& of(TableId table) const { return of_[table.index()]; }
  /// What leaves by the boundary.
  void carry(Time boundary, std::span<const std::unique_ptr<Island>> islands);
  uint64_t dropped() const;

  void save(ArchiveWriter& archive) const;
  void restore(ArchiveReader& archive);

 private:
  struct Forgotten {
    Time at;
    uint32_t shard = 0, row = 0;
    auto operator<=>(const Forgotten&) const = default;
  };
  std::vector<std::vector<uint32_t>> of_;  ///< [table][row]
  std::vector<Uplink> uplinks_;
  std::vector<Forgotten> forgotten_;    ///< scratch
  std::vector<UplinkMessage> leaving_;  ///< devices later than the last boundary: stored in outages
};

}  // namespace looptwin::sim
