// A recorded run, and the two seams through which it drives a loop again: a clock whose boundaries are the
// log's, and a transport that hands over what was taken in and lets what is sent go nowhere.
#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <unordered_set>
#include <vector>

#include "base/clock.h"
#include "testbed/scenario.h"
#include "testbed/snapshots.h"
#include "twin/input_log/input_log.h"
#include "twin/registry.h"
#include "twin/tables.h"

namespace looptwin::testbed {

/// A run folder that holds an input log, and its scenario as it was.
struct Recording {
  std::filesystem::path run;
  Resumable noted;
  Scenario scenario;
  std::string status, fingerprint;         ///< of the manifest; no fingerprint: the run was not finished
  const Extensions* extensions = nullptr;  ///< null: there are none
};
/// Refused where the folder has no input log, or its scenario is no more what it was.
Result<Recording> open_recording(const std::filesystem::path& run, const Extensions* extensions = nullptr);
/// Its scenario as it was, or with other rules: ready for a loop without a world.
Result<Scenario> scenario_to_replay(const Recording& recording, const OtherRules* rules);

class ReplayInputs final : public Clock, public twin::Transport {
 public:
  /// Of the assembly that will be driven: names are found in it. `until`: the last boundary.
  static Result<std::unique_ptr<ReplayInputs>> open(const Recording& recording, Assembly& assembly,
                                                    Time until);

  Time next() override;
  UnixTime civil(Time t) const override { return start_ + (t - kStart); }

  void begin(Time) override {}
  const Diagnostics& breakdown() const override { return broken_; }
  void poll_notices(Time boundary, std::vector<twin::Notice>& notices) override;
  void poll(size_t shard, Time boundary, twin::Inbox& inbox) override;
  void poll_people(Time boundary, std::vector<twin::OperatorAction>& actions) override;
  void send(Time now, std::span<const twin::Command> commands) override;
  void set_out(size_t, Time) override {}

  struct Counters {
    uint64_t boundaries = 0, messages = 0, actions = 0, commands = 0;
    uint64_t acknowledgements = 0;          ///< that answer a command of this replay
    uint64_t foreign_acknowledgements = 0;  ///< that answer none
    uint64_t foreign_actions = 0;           ///< on alarms that these rules do not have
  };
  /// Of the whole replay; call between boundaries.
  Counters counters() const;
  Time after() const { return log_.start().after; }
  Time last() const { return last_; }
  /// Where the log is torn; empty where it is whole, or was not read to its end.
  const std::string& damage() const { return log_.damage(); }
  /// The log was read to its last record, which says how the run ended.
  bool ended() const { return !log_.ended().empty(); }

 private:
  ReplayInputs(twin::InputLogReader log, Assembly& assembly, Time until);
  struct Shard {
    const twin::InputPart* part = nullptr;  ///< of this boundary
    uint64_t messages = 0, answers = 0, foreign = 0;
    bool unreadable = false;
  };
  bool fits(const twin::Notice& notice, Time boundary) const;
  void refuse(Time boundary);

  twin::InputLogReader log_;
  UnixTime start_;
  Time until_, last_;
  std::vector<twin::Shard> shards_;
  std::vector<Shard> states_;
  std::vector<twin::InputPart> parts_;
  const twin::InputPart* people_ = nullptr;
  const twin::InputPart* notices_ = nullptr;
  const twin::Registry& registry_;
  std::vector<int> alarms_;            ///< [alarm of the log] index among these rules; -1: none
  std::vector<TableId> alarm_tables_;  ///< [alarm of these rules] whose it is
  std::unordered_set<uint64_t> sent_;  ///< ids of commands
  Counters counters_;
  Diagnostics broken_;
};

}  // namespace looptwin::testbed
