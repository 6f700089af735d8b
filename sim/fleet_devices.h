// The devices of all models as those see them who are about several models at once: who hangs on a link, and
// who shares what with whom.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sim/config.h"
#include "sim/device_model.h"
#include "twin/registry.h"
#include "twin/tables.h"

namespace looptwin::sim {

struct FleetDevices {
  const lang::Schema& schema;
  const twin::Registry& registry;
  twin::Tables& tables;
  const std::vector<DeviceModel>& models;  ///< [table]

  bool hangs_on(TableId table, const std::string& link) const;
  /// The keys of what a model's devices are related to; null where each is on its own. A device that is
  /// related to none is on its own, too.
  std::shared_ptr<const std::vector<uint64_t>> shared_keys(const DeviceModel& model, const SharedBy& shared,
                                                           Diagnostics& problems) const;
};

}  // namespace looptwin::sim
