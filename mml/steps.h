// Sequences: the steps of a rule, one after the other, for each occurrence of its event on each device. A
// step acts in the cycle in which it begins and ends at the first boundary at which `until` is met, which may
// be that same one; unknown is not met. What becomes of a sequence when its event changes stands in
// docs/scenario.md. Serial, in the order of rules and rows.
#pragma once

#include <map>
#include <utility>
#include <vector>

#include "base/archive.h"
#include "mml/actions.h"
#include "mml/events.h"
#include "mml/records.h"
#include "mml/rule.h"

namespace looptwin::mml {

struct StepCounters {
  uint64_t begun = 0, done = 0, aborted = 0;  ///< sequences
  uint64_t timed_out = 0;                     ///< steps
};

class Steps {
 public:
  /// `rules` stays where it is for as long as this lives.
  Steps(const std::vector<Rule>& rules, const twin::Registry& registry, twin::Tables& tables,
        const Events& events, Actions& actions);

  /// The rule's sequence begins for an occurrence at the next step(); one that runs on the device is aborted.
  void begin(uint16_t rule, const EventChange& change, Time now, std::vector<Record>& log);
  /// The rule's sequence on the device ends here, where one runs.
  void abort(uint16_t rule, uint32_t row, Time now, std::vector<Record>& log);
  /// Begins and ends what is due. As many steps are passed in one cycle as are met.
  void step(Time now, std::vector<Record>& log);

  size_t running() const { return running_.size(); }
  const StepCounters& counters() const { return counters_; }
  void save(ArchiveWriter& archive) const;
  void restore(ArchiveReader& archive);

 private:
  using Place = std::pair<uint16_t, uint32_t>;  ///< rule, row of its event's table
  struct Run {
    uint32_t occurrence = 0;
    uint16_t step = 0;
    bool waiting = false;  ///< for the step's `until`; else the step has not begun
    Time since;            ///< when it began
  };
  bool go_on(const Place& place, Run& run, Time now, std::vector<Record>& log);
  void act(const Place& place, const Run& run, const WiredActions& actions, Time now,
           std::vector<Record>& log);
  bool met(const Place& place, const WiredStep& step) const;
  twin::DeviceRef device_of(const Place& place) const;
  uint64_t cause_of(const Place& place, const Run& run) const;
  Record record(RecordKind kind, const Place& place, const Run& run, Time now) const;

  const std::vector<Rule>& rules_;
  const twin::Registry& registry_;
  twin::Tables& tables_;
  const Events& events_;
  Actions& actions_;
  std::map<Place, Run> running_;
  StepCounters counters_;
};

}  // namespace looptwin::mml
