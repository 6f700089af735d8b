#include "hil/command_ledger.h"

#include <fmt/format.h>
#include <cmath>

namespace looptwin::hil {

bool CommandLedger::leaves(const twin::Command& command, double tolerance) {
  const Key key{command.device, command.kind, command.index};
  const auto before = waiting_.find(key);
  if (before != waiting_.end() && before->second.id == command.id && command.kind == Kind::command)
    return false;
  // A newer one supersedes it: the device answers to the newer one.
  waiting_[key] = {command.id, command.value, tolerance, command.expires, false};
  if (const auto shown = shown_.find(key); command.kind == Kind::setpoint && shown != shown_.end() &&
                                           std::abs(shown->second - command.value) <= tolerance)
    held_.push_back(key);
  return true;
}

void CommandLedger::shows(twin::DeviceRef device, uint16_t setpoint, double value,
                          std::optional<double> unix_seconds, std::vector<Heard>& heard) {
  const Key key{device, Kind::setpoint, setpoint};
  shown_[key] = value;
  const auto waiting = waiting_.find(key);
  if (waiting == waiting_.end() || std::abs(waiting->second.value - value) > waiting->second.tolerance)
    return;
  heard.push_back(HeardAnswer{device, {waiting->second.id, twin::Outcome::accepted, unix_seconds}});
  waiting_.erase(waiting);
  ++inferred_;
}

void CommandLedger::answers(twin::DeviceRef device, Kind kind, uint16_t index, twin::Outcome outcome,
                            std::optional<double> unix_seconds, std::vector<Heard>& heard,
                            std::string_view id) {
  const auto waiting = waiting_.find({device, kind, index});
  if (waiting == waiting_.end() || waiting->second.answered) return;
  if (!id.empty() && id != fmt::format("{:016x}", waiting->second.id)) return;
  heard.push_back(HeardAnswer{device, {waiting->second.id, outcome, unix_seconds}});
  ++inferred_;
  if (kind == Kind::setpoint)
    waiting_.erase(waiting);
  else
    waiting->second.answered = true;
}

void CommandLedger::step(Time now, std::vector<Heard>& heard) {
  for (const auto& key : held_)
    if (const auto shown = shown_.find(key); shown != shown_.end())
      shows(key.device, key.index, shown->second, {}, heard);
  held_.clear();
  std::erase_if(waiting_, [&](const auto& one) { return one.second.expires < now; });
}

void CommandLedger::forget(twin::DeviceRef device) {
  std::erase_if(shown_, [&](const auto& one) { return one.first.device == device; });
}

double tolerance_of(const twin::SetpointConfig& setpoint, double value) {
  if (setpoint.boolean || !setpoint.words.empty()) return 0.5;
  return std::max(setpoint.tolerance.value_or(0), 1e-6 * std::abs(value));
}

}  // namespace looptwin::hil
