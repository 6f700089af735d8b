// The decisions of a run folder, and how they hang together: what led to one, what came of it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/stop.h"
#include "base/time.h"

namespace looptwin::testbed {

struct RunDecision {
  Time at;
  std::string kind, subject, device, quantity, unit;
  double value = 0;
  int64_t occurrence = 0;
  uint64_t id = 0, cause = 0;
  int64_t used = 0, members = 0;

  /// "00:03:00  alarm_raised  overload  block-1  (98 of 100 known)"
  std::string line() const;
};

class RunDecisions {
 public:
  static Result<RunDecisions> read(const std::filesystem::path& run, const StopAsked& stop = {});

  const std::vector<RunDecision>& all() const { return all_; }
  /// The id that begins with these hexadecimal digits; an error where none does, or several do.
  Result<uint64_t> find(const std::string& digits) const;
  /// All that bears the id, in order: the life of an event, a command, an alarm.
  std::vector<const RunDecision*> life(uint64_t id) const;
  /// What this one led to, in order: the lives of ids, and decisions that bear none, as claims.
  std::vector<std::vector<const RunDecision*>> consequences(uint64_t id) const;

 private:
  std::vector<RunDecision> all_;
};

/// "3f2a9c0011223344"
std::string id_text(uint64_t id);

}  // namespace looptwin::testbed
