// Forces and faults on the signals of a rig, between the broker and the loop: values that are replaced,
// messages that are lost, late or damaged. What is forced on its way in is forced before it is taken in, so
// that the input log has it and a replay decides alike. Each says whom it belongs to, when it ends, and how
// often it had something to act on: one that never had proves nothing.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "hil/clock_times.h"
#include "hil/conventions/convention.h"
#include "twin/registry.h"
#include "twin/transport.h"

namespace looptwin::hil {

enum class ForceKind : uint8_t {
  force,      ///< the value is this one
  offset,     ///< so much is added
  freeze,     ///< the value stays what it was before
  noise,      ///< normal, of this standard deviation
  drop,       ///< this share is lost
  delay,      ///< comes so much later
  duplicate,  ///< this share comes twice
  reorder,    ///< this share comes after the next one
  corrupt,    ///< a byte of this share is another
};
const char* name_of(ForceKind kind);

/// Where it acts: a field of telemetry, a setpoint or a command on their way out, or whole messages.
enum class ForcePoint : uint8_t { field, setpoint, command, telemetry, presence, acknowledgement, commands };

struct ForceConfig {
  std::string name, owner;
  ForceKind kind = ForceKind::force;
  ForcePoint point = ForcePoint::field;
  struct Target {
    twin::DeviceRef device;
    uint16_t index = 0;  ///< of its model's fields, setpoints or commands
  };
  std::vector<Target> targets;
  double amount = 0;  ///< SI: a value, a difference; or a share
  Duration delay{};
  Time from = kStart, until = kNever;  ///< until: not any more
};

class Forces {
 public:
  /// `seed` is of all that is drawn. The registry outlives it.
  Forces(const twin::Registry& registry, uint64_t seed);

  struct Force {
    ForceConfig config;
    uint64_t touched = 0;  ///< samples and messages that are not what they were
    bool begun = false, over = false;
  };
  /// Acts from now on, or from `from` where that is later. Names need not differ.
  void add(ForceConfig config);
  /// Ends those of this name, or all; returns how many had not ended.
  size_t end(Time now, const std::string& name);
  size_t end_all(Time now);
  const std::vector<Force>& all() const { return forces_; }
  bool any() const { return !forces_.empty(); }
  bool any(twin::DeviceRef device) const { return by_device_.contains(device); }

  /// Tells of those that begin (true) or end (false) up to this boundary.
  template <typename Tell>
  void begin(Time boundary, Tell&& tell) {
    for (auto& force : forces_) {
      if (!force.begun && force.config.from <= boundary) {
        force.begun = true;
        tell(force, true);
      }
      if (force.begun && !force.over && force.config.until <= boundary) {
        force.over = true;
        tell(force, false);
      }
    }
  }

  /// What a device said.
  struct Arriving {
    ForcePoint point = ForcePoint::telemetry;
    twin::DeviceRef device;
    Heard heard;
    std::string origin;
    Time at;
    ClockTimes clocks;  ///< of its arrival, also where it is late by a force
    bool touched = false;
  };
  /// What it becomes: nothing (yet), itself, or more than that. Appends.
  void arriving(Arriving heard, std::vector<Arriving>& out);
  /// What was kept until now.
  void due(Time upto, std::vector<Arriving>& out);
  /// Damages a message before it is read; whether it did.
  bool damage(ForcePoint point, twin::DeviceRef device, Time at, std::string& payload);
  /// Changes what a message says; `touched` gets a flag for each value of `samples`.
  void samples(twin::DeviceRef device, Time at, Samples& samples, std::vector<bool>& touched);

  struct Leaving {
    twin::Command command;
    bool corrupt = false;
  };
  void leaving(const twin::Command& command, Time now, std::vector<Leaving>& out);
  void due(Time now, std::vector<Leaving>& out);
  /// Nothing that was kept leaves any more.
  void forget_leaving() { late_out_.clear(); }
  /// With one byte that is another.
  std::string corrupted(std::string payload);

 private:
  struct Place {
    size_t force, target;
  };
  struct Memory {
    std::optional<double> value;  ///< the last one that was not forced: a wire's integer, or SI
    uint64_t draws = 0;
  };
  template <typename What>
  struct Late {
    Time at;  ///< kNever: when the next one has passed, or the force is over
    size_t force = 0;
    What what;
  };
  bool acts(const Force& force, Time at) const {
    return !force.over && force.config.from <= at && at < force.config.until;
  }
  uint64_t bits(const Place& place);
  bool drawn(const Place& place);
  /// False where what passes is lost or kept; `copies` is how often it passes.
  template <typename What>
  bool passes(const Place& place, const What& what, Time at, std::vector<Late<What>>& late, size_t& copies);
  template <typename What>
  void pass(const std::vector<Place>& places, What what, Time at, std::vector<Late<What>>& late,
            std::vector<What>& out);
  template <typename What>
  void release(Time upto, std::vector<Late<What>>& late, std::vector<What>& out);

  const twin::Registry& registry_;
  const uint64_t seed_;
  std::vector<Force> forces_;
  std::vector<std::vector<Memory>> memory_;  ///< [force][target]
  std::map<twin::DeviceRef, std::vector<Place>> by_device_;
  std::vector<Late<Arriving>> late_in_;
  std::vector<Late<Leaving>> late_out_;
  uint64_t corrupted_ = 0;
};

}  // namespace looptwin::hil
