// A device, by where it stands: its model's table and its row there.
#pragma once

#include <compare>

#include "base/ids.h"

namespace looptwin::twin {

struct DeviceRef {
  TableId table;
  Row row;
  auto operator<=>(const DeviceRef&) const = default;
};

}  // namespace looptwin::twin
