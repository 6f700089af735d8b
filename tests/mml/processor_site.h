// One model's processor, fed by hand: for tests of the telemetry stream processor.
#pragma once

#include <functional>
#include <vector>

#include "homes.h"
#include "mml/processor.h"

namespace looptwin::mml::test {

struct Message {
  uint32_t row = 0;
  uint32_t sequence = 0;
  Time sampled;
  Time received;
  std::vector<int32_t> values;  ///< raw: tenths of a degree, W
};

/// One home model's processor; `fields` may be changed before it is made.
struct Site {
  Homes homes;
  twin::HotHistory hot;
  twin::Rollups rollups;
  Processor processor;
  Dirty dirty;
  size_t shard = 0;

  explicit Site(size_t rows = 4, const std::function<void(twin::ModelConfig&)>& change = {})
      : homes(1, rows, 7, change),
        hot(homes.registry, homes.schema, homes.tables, {}),
        rollups(homes.registry, {}, UnixTime{0}),
        processor(homes.schema, homes.registry, homes.tables, hot, rollups, nullptr),
        dirty(homes.tables, homes.schema.tables.size()) {
    processor.bind();
    const auto shards = homes.tables.shards();
    while (shards[shard].table != Homes::kHome) ++shard;
  }

  /// Takes in messages of the group of temperature and power. Only rows with news or a due time are looked
  /// at.
  void take(Time now, const std::vector<Message>& messages,
            const std::vector<twin::Presence>& presence = {}) {
    twin::Inbox inbox;
    inbox.presence = presence;
    twin::Frame frame;
    frame.table = Homes::kHome;
    frame.reserve(messages.size(), 2);
    for (const auto& m : messages) {
      frame.row.push_back(m.row);
      frame.sequence.push_back(m.sequence);
      frame.sampled_at.push_back(m.sampled.ns);
      frame.received_at.push_back(m.received.ns);
      for (size_t f = 0; f < 2; ++f) frame.value[f].push_back(m.values[f]);
    }
    inbox.frames.push_back(std::move(frame));
    processor.take_in(shard, inbox, now, dirty);
    for (size_t s = 0; s < homes.tables.shards().size(); ++s) {
      twin::Inbox empty;
      if (s != shard) processor.take_in(s, empty, now, dirty);
    }
    dirty.clear();
  }
  void connect(Time now, size_t row = 0) { take(now, {}, {{Homes::home(row), true, now}}); }

  double value(uint16_t field, size_t row = 0) {
    return homes.number(Homes::kHome, homes.model().fields[field].value, row);
  }
  Time sampled(uint16_t field, size_t row = 0) {
    return {homes.instant(Homes::kHome, homes.model().fields[field].sampled, row)};
  }
  twin::Quality quality(uint16_t field, size_t row = 0) {
    return static_cast<twin::Quality>(homes.flag(Homes::kHome, homes.model().fields[field].quality, row));
  }
  uint64_t count(twin::Quality quality) const {
    return processor.counters().by_quality[static_cast<size_t>(quality)];
  }
  DeviceStatus status(size_t row = 0) {
    return static_cast<DeviceStatus>(homes.flag(Homes::kHome, homes.model().status, row));
  }
};

inline constexpr auto kT = Homes::kTemperature;
inline constexpr auto kP = Homes::kPower;
inline Time at(double s) { return Time{static_cast<int64_t>(s * 1e9)}; }
inline Message message(uint32_t sequence, double sampled, int32_t tenths = 215, int32_t power = 900) {
  return {0, sequence, at(sampled), at(sampled), {tenths, power}};
}

}  // namespace looptwin::mml::test
