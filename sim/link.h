// The network between a device and the broker: what becomes of a message, and where it waits until it
// arrives. What happens to a message is drawn from (seed, device, link, direction, counter); a link without
// latency delivers at the instant of sending. Both directions use the same statistics.
#pragma once

#include <array>
#include <span>
#include <string>
#include <vector>

#include "base/archive.h"
#include "sim/config.h"
#include "sim/draws.h"
#include "sim/sampling.h"
#include "twin/frame.h"

namespace looptwin::sim {

/// How long after a device fell silent the broker declares it offline: 1.5 times the usual keep-alive of 60 s
/// (MQTT 3.1.1, section 3.1.2.10).
inline constexpr Duration kKeepAlive = seconds(90);

/// The random streams of the messages of one kind.
struct MessageStreams {
  Draws latency, loss, duplication, duplicate_latency, reordering;
  MessageStreams(uint64_t seed, const std::string& name);
};

/// An instant from which on nothing comes of what a row has sent before.
struct Cut {
  uint32_t row = 0;
  Time at;
};

/// What becomes of one message.
struct Passage {
  int64_t delay = 0;       ///< ns
  int64_t duplicate = -1;  ///< ns; -1: there is none
  bool lost = false;
  bool reordered = false;
};

/// The same of up to kSliceRows messages. What a link does not do (lose, duplicate) stays 0.
struct Passages {
  std::array<int64_t, kSliceRows> delay;
  std::array<int64_t, kSliceRows> duplicate;
  std::array<uint8_t, kSliceRows> lost;
  std::array<uint8_t, kSliceRows> reordered;
};

class Link {
 public:
  /// `groups`: the largest number of report groups of a model.
  Link(const LinkConfig& config, uint64_t seed, size_t groups);
  static Link ideal(size_t groups) { return Link(LinkConfig{}, 0, groups); }

  const LinkConfig& config() const { return config_; }
  /// Telemetry of report group `group`: one message of each device.
  void telemetry(size_t group, std::span<const uint64_t> devices, uint64_t counter, Passages& out) const;
  Passage telemetry(size_t group, uint64_t device, uint64_t counter) const {
    return pass(up_[group], device, counter);
  }
  Passage acknowledgement(uint64_t device, uint64_t id) const { return pass(acknowledgement_, device, id); }
  Passage command(uint64_t device, uint64_t id) const { return pass(down_, device, id); }

 private:
  Passage pass(const MessageStreams& streams, uint64_t device, uint64_t counter) const;
  LinkConfig config_;
  std::vector<MessageStreams> up_;
  MessageStreams acknowledgement_;
  MessageStreams down_;
};

/// Telemetry on its way that arrives in a later cycle: a wheel of cycles, each with a frame a report group.
/// What is further ahead than the wheel's turn waits in one more frame, and is sorted in twice a turn.
class InFlight {
 public:
  InFlight(size_t groups, Duration cycle);

  /// A message of `group`: its fields' integers follow at values[0], values[stride] …
  void add(size_t group, uint32_t row, uint32_t sequence, int64_t sampled, int64_t received,
           const int32_t* values, size_t stride);
  /// Appends what is received by `boundary` to out[group]. Boundaries ascend.
  void arrive(Time boundary, std::span<twin::Frame> out);
  /// Takes out what would be received of these rows, which ascend, at their cuts or later; returns how many.
  size_t lose(std::span<const Cut> cuts);
  size_t size() const;

  void set_fields(size_t group, size_t fields);
  void save(ArchiveWriter& archive) const;
  void restore(ArchiveReader& archive);

 private:
  static constexpr int64_t kSpokes = 64;
  static constexpr size_t kLeastRoom = 32;  ///< messages
  using Spoke = std::vector<twin::Frame>;   ///< [group]
  Spoke& spoke_of(int64_t received);
  void sort_in_far();
  int64_t cycle_of(int64_t received) const { return (received + cycle_ - 1) / cycle_; }

  int64_t cycle_;
  int64_t first_ = 0;   ///< the first cycle of the wheel that may hold something
  int64_t sorted_ = 0;  ///< far messages arrive in cycles at or after this one
  std::array<Spoke, kSpokes> wheel_;
  Spoke far_;
  Spoke scratch_;
  std::vector<size_t> room_;  ///< [group] messages that the fullest spoke has room for
};

/// Appends message i of `from`.
void append(twin::Frame& to, const twin::Frame& from, size_t i);

}  // namespace looptwin::sim
