// The devices of all models as those see them who are about several models at once: who hangs on a link, and
// who shares what with whom.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sim/config.h"
#include "sim/device_model.h"
#include "twin/registry.h"
#include "twin/tables.h"

namespace looptwin::sim {

using Keys = std::shared_ptr<const std::vector<uint64_t>>;  ///< [row]

struct FleetDevices {
  const lang::Schema& schema;
  const twin::Registry& registry;
  twin::Tables& tables;
  const std::vector<DeviceModel>& models;  ///< [table]

  bool hangs_on(TableId table, const std::string& link) const;
  /// By table, the keys of what its devices that hang on the link share; null where none does, or each is on
  /// its own.
  std::vector<Keys> shared_keys(const std::string& link, const SharedBy& shared, Diagnostics& problems) const;

 private:
  /// Sets the keys of the rows that the path leads from; false where a model has no such path.
  bool follow(TableId table, std::string_view path, std::vector<uint64_t>& keys,
              std::vector<bool>& found) const;
};

}  // namespace looptwin::sim
