// Devices that report what a test has written, in place of simulated ones: no physics, no controllers, links
// without delay. They sample when the model says, and answer what they are sent as the test says.
#pragma once

#include <memory>
#include <vector>

#include "base/random.h"
#include "sim/fleet.h"
#include "testbed/testing/courses.h"

namespace looptwin::testbed {

class SeriesFleet final : public sim::Fleet {
 public:
  SeriesFleet(const twin::Registry& registry, twin::Tables& tables);

  /// Begins anew, at time 0, with other courses; they outlive their use.
  void give(const Courses& courses, uint64_t seed);

  void start() override {}
  void begin(Time) override {}
  const Diagnostics& breakdown() const override { return no_breakdown_; }
  void advance(size_t shard, Time boundary, sim::Arrivals& arrivals) override;
  void deliver(size_t shard, Time now, std::span<const twin::Command> commands) override;
  void settle(size_t, Time) override {}
  ColumnId truth(TableId, size_t) const override { return {}; }
  std::map<std::string, lang::Symbol> true_names(TableId) const override { return {}; }
  Duration grid_of_truth(TableId) const override { return {}; }
  sim::FleetCounters counters() const override { return {}; }
  /// What is given is no state of the run: give() is called again.
  void save(ArchiveWriter& archive) const override { archive.section("written", 1); }
  void restore(ArchiveReader& archive) override { archive.section("written", 1); }
  std::vector<Explained> explained() const override { return {}; }

 private:
  /// One field of one device.
  struct Row {
    uint32_t row = 0;
    Time next;  ///< sampling instant
    uint64_t instant = 0;
    const WrittenSeries* series = nullptr;
    const WrittenSeries* presence = nullptr;  ///< null: always there
    size_t part = 0;                          ///< of the stream's frames: where its samples go
  };
  /// One field of all devices of a shard that are given one: a frame; where somebody forces it, several in
  /// turns of what is not forced and what is, each row going on to the next when that changes.
  struct Stream {
    uint16_t group = 0;
    size_t position = 0;  ///< of the field in its group
    std::vector<uint16_t> without;
    Duration every{};
    twin::Scaling scaling;
    random::Stream noise;
    std::vector<Row> rows;
    size_t parts = 1;
  };
  struct Shard {
    Time now = kStart;
    bool begun = false;
    std::vector<Stream> streams;
    std::vector<std::vector<uint32_t>> sequence;  ///< [group][row of the shard]
    std::vector<twin::Acknowledgement> waiting;   ///< by received_at
  };
  void sample(const twin::Shard& shard, Shard& state, Stream& stream, Time boundary,
              std::vector<twin::Frame>& frames, size_t first) const;
  static void make_frame(std::vector<twin::Frame>& frames, size_t first, size_t part, TableId table,
                         const Stream& stream);
  void come_and_go(const twin::Shard& shard, Time from, bool begun, Time to,
                   std::vector<twin::Presence>& presence) const;
  const WrittenSeries* presence_of(twin::DeviceRef device) const;
  bool is_online(twin::DeviceRef device, Time t) const;

  const twin::Registry& registry_;
  std::vector<twin::Shard> shards_;
  std::vector<std::vector<twin::ReportGroup>> groups_;  ///< [table]
  std::vector<Shard> states_;
  const Courses* courses_ = nullptr;
  Diagnostics no_breakdown_;
};

}  // namespace looptwin::testbed
