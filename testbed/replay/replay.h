// A recorded run's loop, run again on what it took in: with its own rules, or open loop with others.
#pragma once

#include "testbed/assembly.h"
#include "testbed/replay/decision_rows.h"
#include "testbed/replay/recording.h"

namespace looptwin::testbed {

struct ReplayOptions {
  const OtherRules* rules = nullptr;  ///< null: those that were recorded
  Time until = kNever;
  std::optional<std::filesystem::path> out;  ///< a new run folder; absent: none
  int threads = 0;
};

struct Replayed {
  std::unique_ptr<Assembly> assembly;  ///< as it is after the last boundary
  DecisionRows rows;
  ReplayInputs::Counters inputs;
  Time after, last;    ///< boundaries: before the first, and the last
  bool whole = false;  ///< all of a run that ended in an orderly way
  std::string damage;  ///< where the log is torn
};
Result<Replayed> replay(const Recording& recording, const ReplayOptions& options, TextPool& pool);

/// What an event, an alarm or a rule did in a replay.
struct Firing {
  enum class Of : uint8_t { event, alarm, rule } of = Of::event;
  std::string name;
  uint64_t times = 0;  ///< of a rule: occurrences of its event on which it did anything
  uint64_t claims = 0, commands = 0, publications = 0;  ///< of a rule
  std::vector<std::pair<Time, std::string>> first;      ///< the first few: when, and on which device
};
/// One for each that there is, those that did nothing included.
std::vector<Firing> firings_of(const Replayed& replayed, const TextPool& pool);

}  // namespace looptwin::testbed
