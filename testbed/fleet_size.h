// How many devices a fleet's entries make.
#pragma once

#include <algorithm>
#include <vector>

#include "twin/config.h"

namespace looptwin::testbed {

/// An entry's devices, over all its parents; as a double, since it may be any product of counts.
template <typename Entry>
double devices_of(const std::vector<Entry>& fleet, const Entry& entry) {
  double devices = static_cast<double>(entry.count);
  std::string at = entry.per;
  for (size_t steps = 0; steps < fleet.size() && !at.empty(); ++steps) {
    const auto parent =
        std::find_if(fleet.begin(), fleet.end(), [&](const auto& f) { return f.model == at; });
    if (parent == fleet.end()) break;
    devices *= static_cast<double>(parent->count);
    at = parent->per;
  }
  return devices;
}

}  // namespace looptwin::testbed
