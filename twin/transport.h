// The Transport seam: how telemetry reaches the loop and how commands leave it. Together with the Clock the
// only thing that knows whether the world is real. What is sent at a boundary arrives after it.
#pragma once

#include <span>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "twin/frame.h"
#include "twin/notice.h"
#include "twin/operator_action.h"

namespace looptwin::twin {

/// A setpoint's new value or a command, to one device. The id is deterministic: sent twice, it acts once.
struct Command {
  enum class Kind : uint8_t { setpoint, command };
  uint64_t id = 0;
  DeviceRef device;
  Kind kind = Kind::setpoint;
  uint16_t index = 0;       ///< into ModelConfig::setpoints or ::commands
  bool may_refuse = false;  ///< the resident's wish goes first (yield_to: local)
  uint8_t attempt = 0;      ///< how often it was sent before
  double value = 0;         ///< SI; setpoints only
  Time issued;
  Time expires;  ///< not applied later than this
};

enum class Outcome : uint8_t {
  accepted,
  refused_range,
  refused_local,
  expired,
  unknown_command,
  withheld,  ///< never sent: a rig's safety keeps it back
};

struct Acknowledgement {
  uint64_t id = 0;
  DeviceRef device;
  Outcome outcome = Outcome::accepted;
  Time applied_at;   ///< by the device's clock
  Time received_at;  ///< at the broker
};

struct Presence {
  DeviceRef device;
  bool online = false;
  Time at;
};

/// What one shard received in (previous, boundary].
struct Inbox {
  std::vector<Frame> frames;                      ///< one a (model, report group); may be empty
  std::vector<Acknowledgement> acknowledgements;  ///< by received_at, then row, then id
  std::vector<Presence> presence;                 ///< by time, then row
  void clear();
};

class Transport {
 public:
  virtual ~Transport() = default;
  /// Once a cycle, before any poll.
  virtual void begin(Time boundary) = 0;
  /// Why there is no world to go on with after the last begin(): a simulated plant whose solver gave up. The
  /// run then ends as failed, without this boundary. Empty while there is.
  virtual const Diagnostics& breakdown() const {
    static const Diagnostics kNone;
    return kNone;
  }
  /// What was noticed up to the boundary beside what devices say, in the order in which it acts. Appends;
  /// called once a cycle, before any poll. Nothing is, where there is nothing real.
  virtual void poll_notices(Time /*boundary*/, std::vector<Notice>& /*notices*/) {}
  /// What shard `shard` received up to the boundary. Called once a shard and cycle, from several threads.
  virtual void poll(size_t shard, Time boundary, Inbox& inbox) = 0;
  /// What people have done up to the boundary, in the order in which it acts: by time, then as it was
  /// written. Appends; called once a cycle, after all polls.
  virtual void poll_people(Time boundary, std::vector<OperatorAction>& actions) = 0;
  /// Hands over what leaves at `now`, in the order of decision.
  virtual void send(Time now, std::span<const Command> commands) = 0;
  /// What of that is shard `shard`'s sets out. Called once a shard after each send, from several threads.
  virtual void set_out(size_t shard, Time now) = 0;
};

}  // namespace looptwin::twin
