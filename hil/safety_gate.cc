#include "hil/safety_gate.h"

#include <cmath>

#include "base/check.h"

namespace looptwin::hil {

const char* name_of(Kept why) {
  constexpr std::array<const char*, kReasonsToKeep> kNames = {"stopped",      "not armed", "not allowed",
                                                              "out of range", "too fast",  "too often"};
  return kNames[static_cast<size_t>(why)];
}

SafetyGate::SafetyGate(const twin::Registry& registry, std::vector<ModelLimits> limits)
    : limits_(std::move(limits)) {
  LT_CHECK(limits_.size() == registry.models().size(), "limits for each model");
  for (size_t m = 0; m < limits_.size(); ++m) {
    const auto& model = registry.models()[m].config;
    limits_[m].setpoints.resize(model.setpoints.size());
    limits_[m].commands.resize(model.commands.size());
    states_.emplace_back(registry.devices(TableId(m)));
  }
}

void SafetyGate::arm(twin::DeviceRef device) {
  State& state = states_[device.table.index()][device.row.index()];
  armed_ += state.armed ? 0 : 1;
  state = {true, true};
}

void SafetyGate::disarm(twin::DeviceRef device) {
  State& state = states_[device.table.index()][device.row.index()];
  armed_ -= state.armed ? 1 : 0;
  state.armed = false;
}

void SafetyGate::stop() {
  for (auto& table : states_)
    for (auto& state : table) state.armed = false;
  armed_ = 0;
  stopped_ = true;
}

std::optional<Kept> SafetyGate::keeps(const twin::Command& command, Time now) {
  const auto why = reason(command, now);
  if (why) ++kept_[static_cast<size_t>(*why)];
  return why;
}

std::optional<Kept> SafetyGate::reason(const twin::Command& command, Time now) {
  constexpr Duration kMinute = minutes(1);
  const bool setpoint = command.kind == twin::Command::Kind::setpoint;
  const auto& model = limits_[command.device.table.index()];
  const auto& limits = setpoint ? model.setpoints[command.index] : model.commands[command.index];
  if (!armed(command.device)) {
    if (stopped_) return Kept::stopped;
    if (!needs_arming_ || needs_arming_(command.device)) return Kept::not_armed;
  }
  if (!limits.allowed) return Kept::not_allowed;
  // Written so that a value that is no number is outside.
  if (setpoint && limits.range &&
      !(limits.range->low <= command.value && command.value <= limits.range->high))
    return Kept::out_of_range;
  if (!(setpoint && limits.rate) && !limits.most) return std::nullopt;  // nothing to remember
  Sent& sent = sent_[{command.device, command.kind, command.index}];
  if (setpoint && limits.rate && sent.value &&
      !(std::abs(command.value - *sent.value) <= *limits.rate * (now - sent.at).seconds()))
    return Kept::too_fast;
  auto& recent = sent.within_a_minute;
  while (!recent.empty() && recent.front() + kMinute <= now) recent.pop_front();
  if (limits.most && recent.size() >= *limits.most) return Kept::too_often;
  if (limits.most) recent.push_back(now);
  sent.value = command.value;
  sent.at = now;
  return std::nullopt;
}

void SafetyGate::sent_safe(const twin::Command& command, Time now) {
  Sent& sent = sent_[{command.device, command.kind, command.index}];
  sent.value = command.value;
  sent.at = now;
}

}  // namespace looptwin::hil
