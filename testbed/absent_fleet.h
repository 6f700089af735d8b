// Stands where simulated devices would, on a rig or in a replay: there is no truth, and nobody to speak.
#pragma once

#include "sim/fleet.h"

namespace looptwin::testbed {

class AbsentFleet final : public sim::Fleet {
 public:
  void start() override {}
  void begin(Time) override {}
  const Diagnostics& breakdown() const override { return no_breakdown_; }
  void advance(size_t, Time, sim::Arrivals&) override {}
  void deliver(size_t, Time, std::span<const twin::Command>) override {}
  void settle(size_t, Time) override {}
  ColumnId truth(TableId, size_t) const override { return {}; }
  std::map<std::string, lang::Symbol> true_names(TableId) const override { return {}; }
  Duration grid_of_truth(TableId) const override { return {}; }
  sim::FleetCounters counters() const override { return {}; }
  void save(ArchiveWriter& archive) const override { archive.section("none", 1); }
  void restore(ArchiveReader& archive) override { archive.section("none", 1); }
  std::vector<Explained> explained() const override { return {}; }

 private:
  Diagnostics no_breakdown_;
};

}  // namespace looptwin::testbed
