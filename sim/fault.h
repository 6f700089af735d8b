// What goes wrong with devices and links, and when: scheduled faults, drawn faults, outages of links.
// A source (an outage's statistics, a fault of the scenario) makes one spell after the other on each device
// that it concerns; when they come is a function of (seed, device, source, count), known ahead, and does not
// depend on who asks.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/archive.h"
#include "base/time.h"
#include "sim/config.h"
#include "sim/draws.h"

namespace looptwin::sim {

/// What makes spells on devices.
struct FaultSource {
  FaultKind kind = FaultKind::link_down;
  bool outage = false;  ///< of a link, drawn by LinkConfig: counted as outage, not as fault
  uint16_t target = 0;  ///< the telemetry field, or the controller's signal
  double value = 0;
  Time after{};                      ///< the first spell begins (or the first wait for one) here
  std::optional<Distribution> wait;  ///< s between two spells; absent: there is one only
  std::optional<Duration> lasts;     ///< absent, and no distribution: to the run's end
  std::optional<Distribution> lasts_drawn;
  Draws wait_stream;
  Draws length_stream;
  /// In place of all that: when the broker is away. A device is connected again at its first attempt after
  /// that; between attempts it waits kFirstWait, twice that, … up to kLongestWait, each time less a drawn
  /// part of up to half.
  std::span<const BrokerAway> broker;
  uint8_t keeps = 0;  ///< of Kept
  /// [row] what the draws are keyed by, where it is not the device: devices with equal keys have their spells
  /// together.
  std::shared_ptr<const std::vector<uint64_t>> keys;

  bool breaks_link() const {
    return kind == FaultKind::link_down || kind == FaultKind::device_off || kind == FaultKind::restart;
  }
};
/// Between two drawn spells of one source, and of a drawn length: so that time goes on.
inline constexpr Duration kLeastSpell = milliseconds(1);
/// A link that so many spells keep down, each before the last one ends, stays down to the run's end.
inline constexpr size_t kMostMerged = 100'000;
inline constexpr Duration kFirstWait = seconds(1);
inline constexpr Duration kLongestWait = minutes(2);

/// From `from` on, and before `to`, something is wrong with one device.
struct Spell {
  Time from;
  Time to;
  Time forgets = kLongAgo;  ///< of a link: what was stored before this is lost by a restart
  Time broker = kNever;     ///< of a link: when the broker first goes meanwhile, and ends the session
  double value = 0;
  uint32_t row = 0;
  uint16_t target = 0;
  FaultKind kind = FaultKind::link_down;
  uint8_t flag = 0;  ///< of a restart: it has been made
  bool at(Time t) const { return from <= t && t < to; }
};

/// The spells of one shard's devices, in order of time. Spells of kind link_down are merged over outages,
/// faults of the link and lost power: they do not overlap on a device, so their end is when it connects
/// again.
class Disturbances {
 public:
  explicit Disturbances(std::span<const FaultSource> sources, std::span<const uint64_t> keys)
      : sources_(sources), keys_(keys) {}

  /// A source concerns a row (of the whole table). Rows must not descend.
  void add(uint32_t row, uint16_t source);

  /// Calls begin(spell) for every spell that begins by `boundary`.
  template <typename Begin>
  void until(Time boundary, Begin&& begin) {
    while (!heap_.empty() && heap_.front().when <= boundary) {
      const auto [spell, link] = next();
      if (spell) begin(*spell);
      if (link) begin(*link);
    }
  }
  uint64_t outages() const { return outages_; }
  uint64_t faults() const { return faults_; }

  void save(ArchiveWriter& archive) const;
  /// As it was at `now`; spells that had not begun by then come as the sources say now. So what is to come
  /// may be another in what is restored than in what was saved: faults at another time, or further ones.
  void restore(ArchiveReader& archive, Time now);

 private:
  /// The next spell of one source on one row.
  struct Stream {
    uint32_t row = 0;
    uint32_t source = 0;
    uint64_t count = 0;
    Time from;
    Time to;
    bool operator==(const Stream&) const = default;
  };
  struct Entry {
    Time when;
    uint64_t stream = 0;
    /// Heaps of the standard library keep the largest in front.
    bool operator<(const Entry& o) const { return when != o.when ? when > o.when : stream > o.stream; }
  };
  struct Begun {
    std::optional<Spell> spell;
    std::optional<Spell> link;
  };
  Stream first(uint32_t row, uint32_t source) const;
  bool take_over(size_t index, const Stream* saved, Time now);
  Begun next();
  void draw(Stream& stream) const;
  void plan(Stream& stream) const;
  bool follow(Stream& stream) const;
  Spell link_spell(size_t stream);

  std::span<const FaultSource> sources_;
  std::span<const uint64_t> keys_;
  std::vector<Stream> streams_;  ///< by row
  std::vector<Time>
      link_until_;  ///< a stream: up to when the row's link is known to be down; kept at the row's first
  std::vector<uint32_t> first_of_;  ///< a stream: the first stream of the same row
  std::vector<Entry> heap_;
  std::vector<Stream> ahead_;  ///< of link_spell(); kept for its memory
  uint64_t outages_ = 0;
  uint64_t faults_ = 0;
};

/// A time span drawn in s, at least kLeastSpell, at most about a century.
Duration drawn_span(double seconds);

}  // namespace looptwin::sim
