// A requirement as a scenario states it: what must hold in a run, in signal temporal logic.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "base/time.h"

namespace looptwin::testbed {

/// What an unknown value counts as.
enum class UnknownCounts : uint8_t { as_unknown, as_holding, as_violating };

/// `{name: speed stays low, each: car, always: truth(speed) < 120 mph}`
struct RequirementConfig {
  std::string name;
  Span span;
  std::string each;           ///< a model; empty: one for all
  std::optional<Span> where;  ///< which of its devices, by their parameters
  // One of these three is there.
  std::optional<Span> always;      ///< at every instant of the run
  std::optional<Span> holds;       ///< at its first instant
  std::optional<Span> eventually;  ///< at one of its instants
  UnknownCounts unknown = UnknownCounts::as_unknown;
  double min_good = 1;  ///< of the members that aggregates over sets need
  Duration every{};     ///< at boundaries so far apart; zero: at all

  const Span& formula() const { return always ? *always : holds ? *holds : *eventually; }
};

}  // namespace looptwin::testbed
