// The system of record: device models, devices with their place, relations in both directions, tags and
// credentials. Model i of the configs is table i of the schema; a device's row is its order of registration
// within its model. After them comes the table `site` with one row: where events live that are about no
// device, with a set of all devices of each model, named as the model.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "lang/schema.h"
#include "twin/config.h"
#include "twin/device_ref.h"

namespace looptwin::twin {

class Tables;

/// Where the columns of one telemetry field, one setpoint are. All in the model's table.
struct FieldColumns {
  ColumnId value;    ///< what rules read; unknown when stale, bad or never received
  ColumnId sampled;  ///< instant of the newest good sample that did not come late
  ColumnId quality;  ///< twin::Quality of the newest sample, as a code
};
struct SetpointColumns {
  ColumnId desired;   ///< what the device should hold
  ColumnId fallback;  ///< what it holds when nobody claims it (default(x))
  ColumnId reported;  ///< what it last acknowledged
  ColumnId changed;   ///< instant at which `desired` last changed; never: as at the start
};

struct Model {
  ModelConfig config;
  TableId table;
  std::vector<ColumnId> parameters;        ///< in the order of config.parameters
  std::vector<FieldColumns> fields;        ///< in the order of config.telemetry
  std::vector<SetpointColumns> setpoints;  ///< in the order of config.setpoints
  ColumnId version;                        ///< (row storage) how often what the twin holds has changed
  ColumnId status;      ///< enumeration `status`: online, stale, offline, faulty, deviating, diverging
  ColumnId violations;  ///< how often a rig's broker has refused what came in its name
};

class Registry {
 public:
  /// Registers models and the fleet: fills the schema with a table a model and the registry's columns, gives
  /// the tables their rows, draws parameters (from `seed`), resolves relations. `tables` must have been made
  /// for `schema`.
  static Result<Registry> build(std::span<const ModelConfig> models, std::span<const FleetConfig> fleet,
                                uint64_t seed, lang::Schema& schema, Tables& tables);

  const std::vector<Model>& models() const { return models_; }
  const Model& model(TableId table) const { return models_[table.index()]; }
  std::optional<TableId> find_model(std::string_view name) const;
  TableId site() const { return TableId(models_.size()); }

  size_t devices() const;
  size_t devices(TableId table) const { return ids_[table.index()].size(); }
  std::string_view id(DeviceRef device) const;
  /// A stable 64-bit key of the device's id: what random streams and decisions are keyed by.
  uint64_t key(DeviceRef device) const;
  std::span<const uint64_t> keys(TableId table) const { return keys_[table.index()]; }
  std::optional<DeviceRef> find(std::string_view id) const;
  /// All devices whose id matches the pattern, or with `tag:` before it one of whose tags does, in registry
  /// order.
  std::vector<DeviceRef> matching(std::string_view pattern) const;

  /// The members of a set relation of one device, ascending rows of the related table.
  std::span<const uint32_t> members(TableId table, RelationId relation, Row row) const;
  const std::vector<std::string>& tags(DeviceRef device) const;
  /// The name of the link that the device hangs on, by its fleet entry; empty: none declared.
  const std::string& link(DeviceRef device) const;

  /// Whether the device may connect at all; one that is suspended or retired may not.
  bool admitted(DeviceRef device) const { return entry(device).admitted; }
  /// The secret that the device authenticates with, and whether a presented one is its.
  uint64_t credential(DeviceRef device) const;

 private:
  /// Ids of one model, back to back: 1 M short texts without 1 M allocations.
  struct Ids {
    std::string text;
    std::vector<uint32_t> ends;
    size_t size() const { return ends.size(); }
    std::string_view operator[](size_t i) const;
    void add(std::string_view id);
  };
  struct Set {  ///< one to-many relation, as compressed rows
    TableId table;
    RelationId relation;
    std::vector<uint32_t> offsets;
    std::vector<uint32_t> members;
  };
  struct Entry {  ///< rows [first, first + count) of a table come from one fleet entry
    TableId table;
    size_t first = 0;
    size_t count = 0;
    std::vector<std::string> tags;
    std::string link;
    bool admitted = true;
  };
  class Builder;
  const Entry& entry(DeviceRef device) const;

  uint64_t seed_ = 0;
  std::vector<Model> models_;
  std::vector<Ids> ids_;
  std::vector<std::vector<uint64_t>> keys_;
  std::vector<Set> sets_;
  std::vector<Entry> entries_;
  std::vector<std::vector<uint32_t>> entries_of_;  ///< [table] indices of its entries, by their first row
  std::vector<DeviceRef> by_id_;                   ///< sorted by id
};

}  // namespace looptwin::twin
