// Of devices that keep their messages until they hear that these have been taken in (docs/rig-broker.md):
// what has come of each, what is to be confirmed, and what has come before. A broker's own acknowledgement
// says less: one that is killed has lost what it had acknowledged and not passed on.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "base/time.h"
#include "twin/registry.h"

namespace looptwin::hil {

class Confirmations {
 public:
  /// A message's number, the lowest that its device still keeps, and when it was taken, all by the device.
  struct Numbered {
    uint32_t number = 0, kept = 0;
    double unix_seconds = 0;
  };
  enum class Is : uint8_t {
    fresh,
    again,  ///< it has been taken in before
    early,  ///< too many before it are missing: not to be taken in, the device keeps it and says it again
  };
  /// Numbers wrap around. So many beyond the first that is missing are remembered.
  static constexpr uint32_t kAhead = 1u << 14;

  struct Taken {
    Is is = Is::fresh;
    /// Of a fresh one, as the loop is to know it: those that come are numbered on in the order in which they
    /// come, for none that is late is missing; past each that is lost.
    uint32_t number = 0;
  };
  Taken take(twin::DeviceRef device, const Numbered& message);
  /// Another one is the device from now on.
  void forget(twin::DeviceRef device) { all_.erase(device); }

  struct Due {
    twin::DeviceRef device;
    uint32_t number = 0;  ///< this and all before it have been taken in, or are kept no more
  };
  /// Appends what devices are to hear of what was taken in so far: each no more than once a second.
  void due(Time now, std::vector<Due>& out);

  /// Numbers that never came, and that no device keeps any more.
  uint64_t lost() const { return lost_; }

 private:
  struct Device {
    uint32_t through = 0;      ///< all up to here
    std::deque<bool> beyond;   ///< of the numbers after it, which have come
    uint32_t given = 0;        ///< the last number for the loop; `through`, where nothing is missing
    double newest = 0;         ///< when the newest message was taken, Unix seconds
    std::optional<Time> told;  ///< when it last heard
    bool owed = false;         ///< something has come since
  };
  void advance(Device& device);

  std::map<twin::DeviceRef, Device> all_;
  std::vector<twin::DeviceRef> owed_;
  uint64_t lost_ = 0;
};

}  // namespace looptwin::hil
