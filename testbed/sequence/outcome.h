// What steps, phases and whole sequences come to.
#pragma once

#include <cstdint>

namespace looptwin::testbed {

/// From the least to what goes before all others: of several the greatest one counts.
enum class Outcome : uint8_t {
  skipped,  ///< not carried out, for what came before it
  pass,
  fail,     ///< what is tested is not as it should be
  invalid,  ///< a force had nothing to act on: whatever was seen shows nothing
  error,    ///< the step could not be carried out: nothing is known of what is tested
  aborted,  ///< somebody, or something, ended it
};
/// "PASS", "SKIPPED": as reports say it.
const char* name_of(Outcome outcome);
constexpr Outcome worse(Outcome a, Outcome b) { return a < b ? b : a; }

}  // namespace looptwin::testbed
