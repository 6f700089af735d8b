// The loop: what happens at a boundary, in order. It has no mode; clock and transport are given to it.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/archive.h"
#include "base/clock.h"
#include "base/workers.h"
#include "mml/dirty.h"
#include "mml/records.h"
#include "mml/run_end.h"
#include "twin/transport.h"

namespace looptwin::lang {
struct Schema;
}

namespace looptwin::twin {
class HotHistory;
class Registry;
class Rollups;
class Tables;
}  // namespace looptwin::twin

namespace looptwin::mml {

class Alarms;
class ColumnFunctions;
class DecisionSink;
class DerivedFeeds;
class Dispatcher;
class Evaluator;
class Events;
class InputSink;
class Notices;
class Operator;
class Processor;
class Rules;
struct Derived;

class Loop {
 public:
  struct Parts {
    const lang::Schema& schema;
    const twin::Registry& registry;
    twin::Tables& tables;
    twin::HotHistory& hot;
    twin::Rollups& rollups;
    Processor& processor;
    Notices& notices;
    Evaluator& evaluator;
    Operator& people;
    Events& events;
    const std::vector<Derived>& derived;  ///< producers of the plan after the events, before first-outs
    DerivedFeeds& derived_feeds;
    Rules& rules;
    Alarms& alarms;
    Dispatcher& dispatcher;
    DecisionSink* decisions;  ///< may be null
    InputSink* inputs;        ///< may be null
    ColumnFunctions* functions = nullptr;
    Duration cycle = {};  ///< the least from one boundary to the next
  };
  Loop(Parts parts, int threads);

  /// One boundary, whole: take in, evaluate, decide, send. False when the decisions could not be
  /// kept, or when the transport has broken down or a function failed (they say why): nothing is then decided
  /// or sent.
  bool cycle(Time boundary, twin::Transport& transport);
  /// Cycles until the clock says it is over, `stop` turns true, or a sink fails. `each` is called after every
  /// cycle.
  RunEnd run(Clock& clock, twin::Transport& transport, const std::atomic<bool>& stop,
             const std::function<void(Time)>& each = {});

  /// Every row at every boundary, instead of those that can have changed: for the test that holds both equal.
  void evaluate_everything(bool on) { everything_ = on; }
  std::string fingerprint() const { return fingerprint_.digest(); }
  uint64_t decisions() const { return fingerprint_.records(); }
  Time now() const { return now_; }
  Workers& workers() { return workers_; }

  /// The whole MML: every stateful part, in a fixed order. The tables are the caller's.
  void save(ArchiveWriter& archive) const;
  void restore(ArchiveReader& archive);

 private:
  Duration come_back(Time boundary);
  void take_in_notices(Time boundary, twin::Transport& transport);
  void take_in(Time boundary, twin::Transport& transport);
  void take_in_people(Time boundary, twin::Transport& transport);
  void act(const twin::OperatorAction& action, Time boundary);
  void decide(Time boundary);
  void keep_fingerprint();

  Parts p_;
  Workers workers_;
  Dirty dirty_;
  std::vector<twin::Inbox> inboxes_;
  std::vector<Record> log_;
  std::vector<twin::Notice> noticed_;
  std::vector<twin::OperatorAction> actions_;
  std::vector<twin::Command> leaving_;
  std::vector<twin::DeviceRef> changed_;  ///< whose events changed at this boundary
  DecisionFingerprint fingerprint_;
  std::vector<uint64_t> event_names_, rule_names_, alarm_names_, input_names_;
  Time now_ = kStart;
  bool everything_ = false;
};

}  // namespace looptwin::mml
