#include "hil/identity_gate.h"

#include <fmt/format.h>

#include "base/printable.h"
#include "base/text.h"

namespace looptwin::hil {
namespace {

/// A device that does not answer is asked again after this.
constexpr Duration kAskEvery = seconds(5);
/// What devices say and why they are kept out goes into the inventory, whose values are lines of 1000 bytes.
constexpr size_t kLongestSaid = 900, kLongestShown = 200;

}  // namespace

IdentityGate::IdentityGate(const twin::Registry& registry, const std::vector<Mapping>& mappings)
    : registry_(registry), reader_(registry, mappings) {
  for (const auto& mapping : mappings)
    says_.emplace_back(mapping.identity && mapping.identity->serial,
                       mapping.identity && mapping.identity->firmware);
}

void IdentityGate::report(Mismatch mismatch, IncidentSink sink) {
  mismatch_ = std::move(mismatch);
  sink_ = std::move(sink);
}

const IdentityGate::State* IdentityGate::find(twin::DeviceRef device) const {
  const auto found = states_.find(device);
  return found != states_.end() ? &found->second : nullptr;
}

twin::Identity IdentityGate::asked(twin::DeviceRef device, const State& state) const {
  const auto& [serial, firmware] = says_[device.table.index()];
  return {serial ? state.listed.serial : "", firmware ? state.listed.firmware : ""};
}

void IdentityGate::expect(twin::DeviceRef device, const twin::Identity& listed, const std::string& quarantine,
                          Time at) {
  auto& known = state(device);
  known.listed = listed;
  known.quarantine = quarantine;
  judge(device, known, at);
}

bool IdentityGate::admits(twin::DeviceRef device) const {
  const auto* known = find(device);
  return known == nullptr || known->standing == Standing::unchecked || known->standing == Standing::proved;
}

bool IdentityGate::is_quarantined(twin::DeviceRef device) const {
  const auto* known = find(device);
  return known != nullptr && known->standing == Standing::quarantined;
}

/// What is not said this time was said before.
void IdentityGate::said(twin::DeviceRef device, const twin::Identity& said, Time at) {
  auto& known = state(device);
  if (!said.serial.empty()) known.said.serial = printable(said.serial, kLongestSaid);
  if (!said.firmware.empty()) known.said.firmware = printable(said.firmware, kLongestSaid);
  judge(device, known, at);
}

void IdentityGate::judge(twin::DeviceRef device, State& known, Time at) {
  const auto wanted = asked(device, known);
  std::vector<std::string> wrong;
  bool missing = false;
  const auto compare = [&](const char* what, const std::string& to_say, const std::string& said) {
    missing = missing || (!to_say.empty() && said.empty());
    if (!to_say.empty() && !said.empty() && said != to_say)
      wrong.push_back(fmt::format("says {} '{}' in place of '{}'", what, printable(said, kLongestShown),
                                  printable(to_say, kLongestShown)));
  };
  compare("serial", wanted.serial, known.said.serial);
  compare("firmware", wanted.firmware, known.said.firmware);
  if (!wrong.empty() && known.quarantine.empty()) {
    known.quarantine = joined(wrong);
    if (mismatch_) mismatch_(device, known.quarantine, known.said);
    if (sink_ && known.standing != Standing::quarantined)
      sink_({at, "quarantined", std::string(registry_.id(device)), known.quarantine, 1});
  }
  const auto before = known.standing;
  known.standing = !known.quarantine.empty()    ? Standing::quarantined
                   : wanted == twin::Identity{} ? Standing::unchecked
                   : missing                    ? Standing::awaited
                                                : Standing::proved;
  if (known.standing == before) return;
  changed_.insert(device);
  if (before == Standing::quarantined && sink_)
    sink_({at, "quarantine_ended", std::string(registry_.id(device)), "", 1});
}

void IdentityGate::there(twin::DeviceRef device, bool is_there, Time at) {
  const auto found = states_.find(device);
  if (found == states_.end()) return;
  auto& known = found->second;
  if (known.there && !is_there && reader_.ask(device)) {
    known.said = {};
    judge(device, known, at);
  }
  known.there = is_there;
  if (!is_there || known.standing != Standing::awaited || std::exchange(known.told, true) || !sink_) return;
  const auto wanted = asked(device, known);
  sink_({at, "not_identified", std::string(registry_.id(device)),
         fmt::format(
             "is there, and has not said yet that it is {}",
             wanted.serial.empty() ? "of firmware '" + wanted.firmware + "'" : "'" + wanted.serial + "'"),
         1});
}

bool IdentityGate::is_there(twin::DeviceRef device) const {
  const auto* known = find(device);
  return known != nullptr && known->there;
}

void IdentityGate::lost_broker(Time at) {
  for (auto& [device, known] : states_) there(device, false, at);
}

void IdentityGate::step(Time now, std::vector<Outgoing>& out) {
  for (auto& [device, known] : states_) {
    if (known.standing != Standing::awaited || !known.there || known.ask_from > now) continue;
    known.ask_from = now + kAskEvery;
    if (auto question = reader_.ask(device)) out.push_back(std::move(*question));
  }
}

std::vector<twin::DeviceRef> IdentityGate::take_changed() {
  std::vector<twin::DeviceRef> changed(changed_.begin(), changed_.end());
  changed_.clear();
  return changed;
}

const twin::Identity& IdentityGate::said_by(twin::DeviceRef device) const {
  static const twin::Identity kNothing;
  const auto* known = find(device);
  return known != nullptr ? known->said : kNothing;
}

std::string IdentityGate::text() const {
  size_t count[4] = {};
  for (const auto& [device, known] : states_) ++count[static_cast<size_t>(known.standing)];
  return fmt::format("{} proved, {} awaited, {} in quarantine, {} not checked", count[2], count[1], count[3],
                     count[0]);
}

}  // namespace looptwin::hil
