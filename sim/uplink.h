// A link of limited bandwidth, of one device or of many that share it: telemetry leaves one message after the
// other, the next waits in a queue of limited length. A message takes 8·bytes/bandwidth, where it has
// 72 bytes (headers of IP, TCP and MQTT with a topic: 60; time and number: 12), 4 for each number and 1 for
// each word or truth in it.
#pragma once

#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "base/archive.h"
#include "base/time.h"

namespace looptwin::sim {

inline constexpr uint32_t kMessageBytes = 72;

struct UplinkMessage {
  Time leaves;        ///< the device
  int64_t delay = 0;  ///< ns, of the link behind
  int64_t dated = 0;  ///< sampled at, by the device's clock
  uint32_t shard = 0, row = 0, sequence = 0, bytes = 0, uplink = 0;
  uint16_t group = 0;
  std::vector<int32_t> values;

  void save(ArchiveWriter& archive) const;
  static UplinkMessage restored(ArchiveReader& archive);
};
/// The order in which messages leave; what leaves at one instant goes by place.
bool before(const UplinkMessage& a, const UplinkMessage& b);

class Uplink {
 public:
  /// bit/s, more than 0; bytes that may wait, 0: any number.
  Uplink(uint64_t bandwidth, uint64_t queue, bool drop_oldest)
      : bandwidth_(bandwidth), queue_(queue), drop_oldest_(drop_oldest) {}

  /// Messages come in order. connected(message, t) is the first instant at or after t at which its sender's
  /// link is up: it has its turn then, and others before it. done(message, left at) is called of each whose
  /// turn has come.
  template <typename Connected, typename Done>
  void offer(UplinkMessage message, Connected&& connected, Done&& done) {
    serve(message.leaves, connected, done);
    const bool free = waiting_.empty() && free_at_ <= message.leaves;
    if (!free && !make_room(message.bytes)) return;
    bytes_ += message.bytes;
    waiting_.push_back(std::move(message));
    if (free) serve(waiting_.back().leaves, connected, done);
  }
  /// All whose turn comes by `until`.
  template <typename Connected, typename Done>
  void serve(Time until, Connected&& connected, Done&& done) {
    for (;;) {
      const auto [place, turn] = next(connected);
      if (place == waiting_.size() || turn > until) return;
      UplinkMessage message = std::move(waiting_[place]);
      waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(place));
      bytes_ -= message.bytes;
      free_at_ = turn + time_of(message.bytes);
      done(std::move(message), free_at_);
    }
  }
  /// Drops what waits of a sender that has restarted at an instant without keeping it.
  void forget(uint32_t shard, uint32_t row, Time at);
  uint64_t dropped() const { return dropped_; }

  void save(ArchiveWriter& archive) const;
  void restore(ArchiveReader& archive);

 private:
  /// Which of those that wait has its turn next, and when. Mostly the first.
  template <typename Connected>
  std::pair<size_t, Time> next(Connected&& connected) const {
    std::pair<size_t, Time> found{waiting_.size(), kNever};
    for (size_t i = 0; i < waiting_.size(); ++i) {
      const Time earliest = std::max(free_at_, waiting_[i].leaves);
      if (earliest >= found.second) break;
      const Time turn = connected(waiting_[i], earliest);
      if (turn < found.second) found = {i, turn};
    }
    return found;
  }
  Duration time_of(uint32_t bytes) const;
  bool make_room(uint32_t bytes);

  uint64_t bandwidth_, queue_;
  bool drop_oldest_;
  Time free_at_ = kLongAgo;
  std::deque<UplinkMessage> waiting_;
  uint64_t bytes_ = 0;  ///< of them
  uint64_t dropped_ = 0;
};

}  // namespace looptwin::sim
