// Between a run's world and its loop, for a sequence of test steps: what the sequence does goes in here,
// below the input log, so that a replay decides alike; and what passes is timed. The same for simulations and
// rigs.
#pragma once

#include <functional>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "hil/forces.h"
#include "testbed/sequence/hop_times.h"
#include "twin/transport.h"

namespace looptwin::testbed {

class BenchTransport final : public twin::Transport {
 public:
  /// All outlives it. `forces`: those on values of fields act here; null where they act elsewhere.
  /// `now`: when something leaves; null: at its boundary.
  BenchTransport(twin::Transport& inner, const twin::Registry& registry, size_t shards, hil::Forces* forces,
                 std::function<Time()> now);

  void begin(Time boundary) override;
  const Diagnostics& breakdown() const override { return inner_.breakdown(); }
  void poll_notices(Time boundary, std::vector<twin::Notice>& notices) override {
    inner_.poll_notices(boundary, notices);
  }
  void poll(size_t shard, Time boundary, twin::Inbox& inbox) override;
  void poll_people(Time boundary, std::vector<twin::OperatorAction>& actions) override;
  void send(Time now, std::span<const twin::Command> commands) override;
  void set_out(size_t shard, Time now) override { inner_.set_out(shard, now); }

  // Between boundaries, in the loop's thread.
  /// Acts at the next boundary, whatever `at` says.
  void act(const twin::OperatorAction& action) { acts_.push_back(action); }
  /// Leaves at once, by the way of the loop's own commands. Its answer is waited for.
  void tell(const twin::Command& command);
  /// How the device answered what it was told; nothing while it has not.
  std::optional<twin::Outcome> answer(uint64_t id) const;
  HopTimes hops() const;

 private:
  void force(twin::Frame& frame);
  void note_times(size_t shard, Time boundary, const twin::Inbox& inbox);

  twin::Transport& inner_;
  const twin::Registry& registry_;
  hil::Forces* forces_;
  std::function<Time()> now_;
  Time boundary_ = kStart;
  std::vector<std::vector<twin::ReportGroup>> groups_;  ///< [table]
  std::vector<HopTimes> hops_;                          ///< [shard]
  Histogram sending_;
  std::vector<twin::OperatorAction> acts_;
  hil::Samples samples_;  ///< of one message
  std::vector<bool> touched_;
  std::mutex mutex_;  ///< of what follows, and of the forces: shards are polled by several threads
  std::unordered_map<uint64_t, Time> sent_;  ///< commands that were not answered
  std::unordered_map<uint64_t, std::optional<twin::Outcome>> told_;
};

}  // namespace looptwin::testbed
