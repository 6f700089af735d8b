// The simulated devices of all models: physics, sensors, controllers, links, faults. Per-device plants
// advance as columns and are advanced when they are looked at: a row's physics stands still until it samples,
// receives, or truth is asked of it, and then catches up step by step. advance(a); advance(b) equals
// advance(b), bit for bit.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/archive.h"
#include "base/result.h"
#include "lang/checker.h"
#include "lang/program.h"
#include "sim/config.h"
#include "sim/coupling.h"
#include "twin/registry.h"
#include "twin/stray.h"
#include "twin/transport.h"

namespace looptwin::sim {

/// What happens at the broker's door: devices come and go, messages arrive. One buffer a shard.
struct Arrivals {
  std::vector<twin::Frame> frames;
  std::vector<twin::Acknowledgement> acknowledgements;
  std::vector<twin::Presence> presence;
  std::vector<twin::Stray> strays;
};

/// Counters that people can see; summed over shards in shard order.
struct FleetCounters {
  uint64_t samples = 0;  ///< taken
  uint64_t sent = 0;     ///< messages; those that are lost or dropped too
  uint64_t lost = 0;
  uint64_t duplicated = 0;
  uint64_t reordered = 0;
  uint64_t stored = 0;   ///< kept during an outage
  uint64_t dropped = 0;  ///< for want of room in a store or an uplink
  uint64_t delivered = 0;
  uint64_t outages = 0;
  uint64_t faults = 0;
  uint64_t steps = 0;  ///< device-steps of physics
};

struct FleetConfigs {
  std::span<const DeviceConfig> devices;  ///< one a model
  std::span<const LinkConfig> links;
  std::span<const FaultConfig> faults;
  uint64_t seed = 1;
  Duration cycle{};
  std::span<const PlantConfig> plants;
  std::span<const BrokerAway> broker;  ///< ascending; outlives the fleet
};

class Fleet {
 public:
  /// Checks and compiles physics and controllers, adds their columns. All problems at once.
  static Result<std::unique_ptr<Fleet>> build(const lang::Units& units, lang::Schema& schema,
                                              lang::Graph& graph, const twin::Registry& registry,
                                              twin::Tables& tables, lang::UniformProgram::Feeds& feeds,
                                              const FleetConfigs& configs);
  virtual ~Fleet() = default;

  /// After all columns of the schema are allocated: binds pointers, sets initial values.
  virtual void start() = 0;
  /// Once a cycle, before any advance: feeds' values at the grid points up to the boundary, scheduled faults.
  virtual void begin(Time boundary) = 0;
  /// Why a plant could not go on to the boundary of the last begin(), or what failed in a device since: the
  /// run must end. Empty while all can. Not while shards are advanced.
  virtual const Diagnostics& breakdown() const = 0;
  /// Takes what is due in (previous, boundary] of one shard (of Tables::shards()), and lets what is on the
  /// way arrive. `arrivals` is emptied first; it keeps its memory. Frames are in the order of the model's
  /// report groups, each in no particular order of rows; all devices come online at the start. Thread-safe
  /// over different shards. Does not allocate in a steady state.
  virtual void advance(size_t shard, Time boundary, Arrivals& arrivals) = 0;
  /// A message from the broker to a device that is connected, sent at `now`: arrives after the link's
  /// latency.
  virtual void deliver(size_t shard, Time now, std::span<const twin::Command> commands) = 0;
  /// Further faults, each `after` a time later than `now`, the last boundary: from then on it is as if they
  /// had been there from the start. All or none.
  virtual Result<void> inject(std::span<const FaultConfig> faults, Time now);
  /// Brings the true state of a shard's rows to the last grid point at or before `time` (for truth, save,
  /// fork).
  virtual void settle(size_t shard, Time time) = 0;

  /// The column that holds the true value behind a telemetry field once settle() has run: what truth(x)
  /// reads. Invalid where nothing is simulated behind the field.
  virtual ColumnId truth(TableId table, size_t field) const = 0;
  /// What else is true of a table's devices or elements, by name, once settle() has run: states, outputs,
  /// inputs and random signals of the physics, signals of the controller, setpoints as the device holds them,
  /// ports.
  virtual std::map<std::string, lang::Symbol> true_names(TableId) const { return {}; }
  /// All that changes at multiples of this alone; zero: at any instant.
  virtual Duration grid_of_truth(TableId) const { return {}; }

  virtual FleetCounters counters() const = 0;
  /// All that does not lie in columns of tables: those are the tables' to save, and to restore before this.
  virtual void save(ArchiveWriter& archive) const = 0;
  virtual void restore(ArchiveReader& archive) = 0;
  /// Nodes with a name for `check --explain`: "home.physics.rates.air".
  struct Explained {
    std::string name;
    lang::NodeId node;
    TableId table;
    size_t operations;
  };
  virtual std::vector<Explained> explained() const = 0;
};

}  // namespace looptwin::sim
