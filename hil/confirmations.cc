#include "hil/confirmations.h"

#include <algorithm>

namespace looptwin::hil {
namespace {

constexpr Duration kEvery = seconds(1);

/// By how much a number is ahead of another one; nothing where it is the same, or behind.
uint32_t ahead(uint32_t number, uint32_t of) {
  const uint32_t distance = number - of;
  return distance < 1u << 31 ? distance : 0;
}

}  // namespace

Confirmations::Taken Confirmations::take(twin::DeviceRef ref, const Numbered& message) {
  const auto [place, is_new] = all_.try_emplace(ref);
  Device& device = place->second;
  // What was said before it was first heard belongs to another run. A number that is behind, with a later
  // instant, is of a device that counts anew.
  const bool behind = ahead(message.number, device.through) == 0;
  if (is_new || (behind && message.unix_seconds > device.newest)) {
    device.through = device.given = message.number - 1;
    device.beyond.clear();
  }
  if (!device.owed) owed_.push_back(ref);
  device.owed = true;
  device.newest = std::max(device.newest, message.unix_seconds);
  // What it keeps no more will not come. It keeps what it says.
  const uint32_t kept = ahead(message.kept, message.number) == 0 ? message.kept : message.number;
  for (uint32_t gone = ahead(kept - 1, device.through); gone > 0; --gone) {
    if (device.beyond.empty()) {
      lost_ += gone;
      device.given += gone;
      device.through += gone;
      break;
    }
    const uint32_t missing = device.beyond.front() ? 0 : 1;
    lost_ += missing;
    device.given += missing;
    device.beyond.pop_front();
    ++device.through;
  }
  const uint32_t distance = ahead(message.number, device.through);
  if (distance == 0) return {Is::again};
  if (distance > kAhead) return {Is::early};
  if (device.beyond.size() < distance) device.beyond.resize(distance, false);
  if (device.beyond[distance - 1]) return {Is::again};
  device.beyond[distance - 1] = true;
  advance(device);
  return {Is::fresh, ++device.given};
}

void Confirmations::advance(Device& device) {
  for (; !device.beyond.empty() && device.beyond.front(); device.beyond.pop_front()) ++device.through;
}

void Confirmations::due(Time now, std::vector<Due>& out) {
  std::erase_if(owed_, [&](twin::DeviceRef ref) {
    const auto place = all_.find(ref);
    if (place == all_.end() || !place->second.owed) return true;  // it was forgotten meanwhile
    Device& device = place->second;
    if (device.told && now < *device.told + kEvery) return false;
    device.told = now;
    device.owed = false;
    out.push_back({ref, device.through});
    return true;
  });
}

}  // namespace looptwin::hil
