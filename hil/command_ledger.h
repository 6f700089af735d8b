// Commands to devices that answer without saying to what, or not at all: a setpoint is acknowledged when its
// device shows the new value, an imperative when the device says anything about it. Such answers are
// inferred: another's hand may have done the same. What would act twice is not sent twice.
#pragma once

#include <map>
#include <tuple>
#include <vector>

#include "hil/conventions/convention.h"

namespace looptwin::hil {

class CommandLedger {
 public:
  using Kind = twin::Command::Kind;

  /// Notes a command that leaves. False where it must not: an imperative that has left before, under the same
  /// id.
  bool leaves(const twin::Command& command, double tolerance);
  /// The device shows what a setpoint is (SI), or what it was told: an answer, if one is waited for.
  void shows(twin::DeviceRef device, uint16_t setpoint, double value, std::optional<double> unix_seconds,
             std::vector<Heard>& heard);
  /// The device answers in so many words, to the last command of that name; with an id, to that one alone.
  void answers(twin::DeviceRef device, Kind kind, uint16_t index, twin::Outcome outcome,
               std::optional<double> unix_seconds, std::vector<Heard>& heard, std::string_view id = {});
  /// Once a cycle: answers for devices that held the value already, and an end to what has expired.
  void step(Time now, std::vector<Heard>& heard);
  /// The device has gone: what it holds is not known any more.
  void forget(twin::DeviceRef device);

  uint64_t inferred() const { return inferred_; }
  size_t waiting() const { return waiting_.size(); }

 private:
  struct Key {
    twin::DeviceRef device;
    Kind kind;
    uint16_t index;
    auto operator<=>(const Key&) const = default;
  };
  struct Waiting {
    uint64_t id = 0;
    double value = 0, tolerance = 0;
    Time expires;
    bool answered = false;  ///< only kept so that it is not sent again
  };
  std::map<Key, Waiting> waiting_;
  std::map<Key, double> shown_;
  std::vector<Key> held_;  ///< told what they show already
  uint64_t inferred_ = 0;
};

/// Within which a device's value is the one that it was told: the setpoint's own, or what a 32-bit float
/// rounds away.
double tolerance_of(const twin::SetpointConfig& setpoint, double value);

}  // namespace looptwin::hil
