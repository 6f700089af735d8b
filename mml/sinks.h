// Who is told what the loop decided, and what it took in: the run folder, a test's judge, a replay's log.
#pragma once

#include <span>

#include "base/time.h"
#include "mml/records.h"

namespace looptwin::twin {
struct Inbox;
struct Notice;
struct OperatorAction;
}  // namespace looptwin::twin

namespace looptwin::mml {

/// Takes the decisions of each boundary, in order, before they are sent: the run folder's log.
class DecisionSink {
 public:
  virtual ~DecisionSink() = default;
  /// All records of one boundary. False when they could not be kept: the run must end.
  virtual bool decided(Time boundary, std::span<const Record> records) = 0;
};

/// All that was taken in at one boundary besides telemetry, in the order in which it acted. With the recorded
/// telemetry this is the input log.
class InputSink {
 public:
  virtual ~InputSink() = default;
  virtual void taken_in(Time boundary, std::span<const twin::Notice> notices) = 0;
  virtual void taken_in(Time boundary, size_t shard, const twin::Inbox& inbox) = 0;
  virtual void taken_in(Time boundary, std::span<const twin::OperatorAction> actions) = 0;
};

}  // namespace looptwin::mml
