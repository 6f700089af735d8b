// The status of devices: what follows from their sessions, their fields' qualities and how they follow their
// setpoints. Derived as columns, a group of 64 rows at a time.
#pragma once

#include <cstdint>
#include <vector>

#include "base/time.h"

namespace looptwin::mml {

/// What is worse goes first: offline, stale, faulty, diverging, deviating.
enum class DeviceStatus : uint8_t { online, stale, offline, faulty, deviating, diverging };
inline constexpr size_t kDeviceStatuses = 6;

/// All that a model's status follows from; pointers are to columns of the model's table.
struct StatusSources {
  struct Field {
    const uint8_t* quality;
    Duration stale_after;  ///< one that was never received is stale once it had this time since the start
  };
  /// A field that should be within a tolerance of a setpoint, some time after that has changed.
  struct Follow {
    const double* value;
    const double* desired;
    const int64_t* changed;
    double tolerance;
    Duration settle;
  };
  std::vector<Field> fields;
  std::vector<Follow> follows;
  const uint8_t* diverging = nullptr;  ///< 1 for devices that are not what their models say; null: none is
};

/// Writes the status at `now` of rows [first, first + count), first being a group's, and lowers due[row / 64]
/// to the instant at which it will change by itself. `online` is 1 for devices with a session.
void derive_status(const StatusSources& sources, const uint8_t* online, Time now, size_t first, size_t count,
                   uint8_t* status, Time* due);

/// The status of rows [first, first + count) will be derived soon; rows beyond the last do no harm.
void ask_for(const StatusSources& sources, const uint8_t* online, size_t first, size_t count,
             const uint8_t* status);

}  // namespace looptwin::mml
