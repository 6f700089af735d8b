// What may leave for the devices of a rig: only what is allowed, to devices that are armed, within ranges,
// rates and numbers. What is kept back is counted by why. It decides on commands as the loop means them,
// before a device's language is known.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "twin/registry.h"
#include "twin/transport.h"

namespace looptwin::hil {

/// Why a command is kept back: the first of these that holds.
enum class Kept : uint8_t { stopped, not_armed, not_allowed, out_of_range, too_fast, too_often };
inline constexpr size_t kReasonsToKeep = 6;
const char* name_of(Kept why);  ///< "not armed"

/// Of one setpoint or command of a model.
struct SendingLimits {
  bool allowed = true;
  std::optional<twin::Range> range;  ///< SI; setpoints only
  std::optional<double> rate;        ///< SI per second, between what is sent to one device
  std::optional<uint64_t> most;      ///< messages to one device in any minute
};
struct ModelLimits {
  std::vector<SendingLimits> setpoints, commands;  ///< as in the model
};

class SafetyGate {
 public:
  /// Nothing is armed. The limits are one a model, in the registry's order; the registry outlives it.
  SafetyGate(const twin::Registry& registry, std::vector<ModelLimits> limits);
  /// Others may be told what they like, as long as the rig is not stopped: nothing moves.
  void arming_is_for(std::function<bool(twin::DeviceRef)> needs_arming) {
    needs_arming_ = std::move(needs_arming);
  }

  void arm(twin::DeviceRef device);
  void disarm(twin::DeviceRef device);
  /// Disarms all; what is kept back then bears that reason until its device is armed again.
  void stop();
  bool stopped() const { return stopped_; }
  bool armed(twin::DeviceRef device) const { return state(device).armed; }
  bool was_armed(twin::DeviceRef device) const { return state(device).was_armed; }
  size_t armed() const { return armed_; }

  /// Nothing where the command may leave now: it then counts as sent.
  std::optional<Kept> keeps(const twin::Command& command, Time now);
  /// A safe value has left, whatever the limits say: the next value's rate counts from it.
  void sent_safe(const twin::Command& command, Time now);

  const std::array<uint64_t, kReasonsToKeep>& counters() const { return kept_; }

 private:
  struct State {
    bool armed = false, was_armed = false;
  };
  struct Sent {
    std::optional<double> value;
    Time at;
    std::deque<Time> within_a_minute;
  };
  using Quantity = std::tuple<twin::DeviceRef, twin::Command::Kind, uint16_t>;
  const State& state(twin::DeviceRef d) const { return states_[d.table.index()][d.row.index()]; }
  std::optional<Kept> reason(const twin::Command& command, Time now);

  std::vector<ModelLimits> limits_;
  std::vector<std::vector<State>> states_;  ///< [table][row]
  std::map<Quantity, Sent> sent_;
  std::function<bool(twin::DeviceRef)> needs_arming_;
  std::array<uint64_t, kReasonsToKeep> kept_{};
  size_t armed_ = 0;
  bool stopped_ = false;
};

}  // namespace looptwin::hil
