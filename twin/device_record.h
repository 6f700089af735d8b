// One device as the registry keeps it for years: what it is, what it belongs to, where it stands in its life,
// and what has been changed by whom. twin/registry_store.h keeps them; a scenario's fleet may be drawn from
// them.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace looptwin::twin {

/// provisioned ─► active ⇄ suspended; provisioned ─► suspended; and from each ─► retired, which is the end.
enum class DeviceState : uint8_t { provisioned, active, suspended, retired };
inline constexpr std::array<std::string_view, 4> kDeviceStates = {"provisioned", "active", "suspended",
                                                                  "retired"};

std::string_view name_of(DeviceState state);
std::optional<DeviceState> device_state(std::string_view name);
bool may_become(DeviceState from, DeviceState to);
/// Whether the broker lets such a device in: provisioned and active.
bool may_connect(DeviceState state);

struct DeviceRecord {
  std::string id;
  std::string model;
  DeviceState state = DeviceState::provisioned;
  std::string link;                               ///< the name of a scenario's link; empty: the fleet entry's
  std::vector<std::string> tags;                  ///< sorted, none twice
  std::map<std::string, std::string> parameters;  ///< values as a scenario writes them: "190 W/K", "frugal"
  std::map<std::string, std::string> relations;   ///< the id of the device that each leads to
  uint64_t version = 1;                           ///< counts this device's changes
  std::string credential;  ///< how its credential is kept: "", "keyed", "argon2id"; never the hash
};

/// Whether a device can be kept: an id without blanks and without what means something else in patterns,
/// topics and files; names that are words; no empty values.
Result<void> check_device(const DeviceRecord& device);

/// One value that was changed. A transaction that changes several values writes several, of one version.
struct DeviceChange {
  uint64_t version = 1;
  UnixTime at;
  std::string by;
  std::string key;  ///< "device", "state", "link", "tags", "parameters.UA", "credential" …
  std::optional<std::string> before;  ///< absent: there was none
  std::optional<std::string> after;   ///< absent: it was removed
};

}  // namespace looptwin::twin
