// What may strike the devices of a fleet: outages and bursts of their links, the broker's restarts, the
// scenario's faults. Known before the run as sources; an island draws its devices' spells from them
// (sim/fault.h).
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "sim/fault.h"
#include "sim/fleet_devices.h"

namespace looptwin::sim {

inline constexpr size_t kMostSources = 65535;

class FleetTrouble {
 public:
  FleetTrouble(const FleetDevices& devices, uint64_t seed) : devices_(devices), seed_(seed) {}

  void add_links(std::span<const LinkConfig> links, Diagnostics& problems);
  void add_broker(std::span<const BrokerAway> away);
  void add_faults(std::span<const FaultConfig> faults, Diagnostics& problems);

  /// After all is added: what islands refer to.
  const std::vector<FaultSource>& sources() const { return sources_; }
  /// Tells those of a model's shard what concerns its rows.
  void strike(Disturbances& disturbances, const twin::Shard& shard) const;
  /// With one of the same fleet. Who refers to sources goes on to do so.
  void swap(FleetTrouble& other);

 private:
  struct Concern {  ///< a source of faults may strike a device
    uint32_t row;
    uint16_t source;
  };
  void add_fault(const FaultConfig& fault, size_t index, Diagnostics& problems);
  uint16_t add_source(FaultSource source);
  std::optional<uint16_t> target_of(const FaultConfig& fault, const DeviceModel& model) const;

  const FleetDevices& devices_;
  uint64_t seed_;
  std::vector<FaultSource> sources_;
  /// By link and table: sources of spells.
  std::map<std::pair<std::string, TableId>, std::vector<uint16_t>> outages_;
  std::optional<uint16_t> broker_;              ///< the source of its restarts
  std::vector<std::vector<Concern>> concerns_;  ///< [table] faults of the scenario, by row and source
  size_t faults_ = 0;                           ///< that were added
};

}  // namespace looptwin::sim
