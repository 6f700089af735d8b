// rises() and time_true(): of a telemetry field they are windows over its samples, like avg(); of any other
// condition they look at it at each evaluation, and remember in the program (lang/stateful.h).
#pragma once

#include <cstdint>

#include "lang/graph.h"

namespace looptwin::lang {

/// Longer windows look at a field as at any condition: all samples of a window are kept.
inline constexpr int64_t kMostConditionSamples = 1024;

inline void put_over_samples(Node& window) { window.number = {1}; }
inline bool is_over_samples(const Node& window) {
  return (window.op == Op::rises || window.op == Op::time_true) && !window.number.empty();
}

}  // namespace looptwin::lang
