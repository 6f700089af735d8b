// Floods: while more members of a group are raised than a person can take in, one alarm stands for them.
#include <algorithm>

#include "mml/alarms.h"

namespace looptwin::mml {
namespace {

void forget_before(std::deque<Time>& raised, Time now, Duration within) {
  while (!raised.empty() && raised.front() + within <= now) raised.pop_front();
}

}  // namespace

/// Counts a member that is raised; true where a flood hides it. The one that is too many raises the flood.
bool Alarms::count_in_floods(size_t alarm, Time now, std::vector<Record>& log) {
  bool flooded = false;
  for (Flood& flood : floods_) {
    if (!flood.member[alarm]) continue;
    const FloodConfig& config = *alarms_[flood.alarm].config.flood;
    forget_before(flood.raised, now, config.within);
    flood.raised.push_back(now);
    if (!flood.standing && flood.raised.size() > config.more_than) {
      flood.standing = true;
      const Key key{static_cast<uint32_t>(flood.alarm), 0};
      occurs(key, ++flood.occurrence, {}, now, log);
      settle(key);
    }
    if (flood.standing) due_ = std::min(due_, flood.raised.front() + config.within);
    flooded = flooded || flood.standing;
  }
  return flooded;
}

void Alarms::end_floods(Time now, std::vector<Record>& log) {
  for (Flood& flood : floods_) {
    if (!flood.standing) continue;
    const FloodConfig& config = *alarms_[flood.alarm].config.flood;
    forget_before(flood.raised, now, config.within);
    if (flood.raised.size() >= config.ends_below) {
      due_ = std::min(due_, flood.raised.front() + config.within);
      continue;
    }
    flood.standing = false;
    const Key own{static_cast<uint32_t>(flood.alarm), 0};
    returns(own, {}, now, log);
    settle(own);
    // What still stands is shown, unless another flood hides it.
    std::vector<Key> hidden;
    for (const auto& [key, c] : cells_) {
      const size_t alarm = key.alarm;
      const bool other = std::any_of(floods_.begin(), floods_.end(),
                                     [&](const Flood& f) { return f.standing && f.member[alarm]; });
      if ((c.standing.hidden & kByFlood) != 0 && flood.member[key.alarm] && !other) hidden.push_back(key);
    }
    for (const Key key : hidden) {
      lift(key, kByFlood, RecordKind::alarm_shown, {}, now, log);
      settle(key);
    }
  }
}

}  // namespace looptwin::mml
