// What a formula is worth at an instant: how far it is from turning (its robustness), as far as that is
// known. A value is two bounds; they are the same where all is known, and -inf and +inf where nothing is.
// Whether a bound holds is its sign, and zero has one: +0 holds (a <= a), -0 does not (a < a).
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#include "base/time.h"

namespace looptwin::testbed {

/// The robustness of one atom at one instant, and which.
struct Bound {
  enum class Is : uint8_t {
    known,
    unknown,     ///< stale, bad, never received
    beyond_end,  ///< of an instant after the run
    empty,       ///< of no instant at all
  };
  double value = 0;  ///< in the atom's unit
  double left = 0;   ///< of a comparison: its left side, in its unit
  Time at;
  uint32_t atom = 0;
  Is is = Is::known;
  bool right_is_above = false;  ///< of a comparison: the right side lies by |value| above the left one

  bool holds() const { return !std::signbit(value); }
};

struct Robustness {
  Bound low, high;
};

inline constexpr double kUnbounded = std::numeric_limits<double>::infinity();

/// The order of robustness: -0 lies below +0. Of bounds that are both infinite one that only the run's end
/// leaves open lies further in: had the run gone on, it could be another.
inline bool below(const Bound& a, const Bound& b) {
  if (a.value != b.value) return a.value < b.value;
  if (a.value == 0) return std::signbit(a.value) && !std::signbit(b.value);
  const bool a_open = a.is == Bound::Is::beyond_end, b_open = b.is == Bound::Is::beyond_end;
  if (a.value == -kUnbounded) return !a_open && b_open;
  return a.value == kUnbounded && a_open && !b_open;
}
inline const Bound& lower(const Bound& a, const Bound& b) { return below(b, a) ? b : a; }
inline const Bound& higher(const Bound& a, const Bound& b) { return below(a, b) ? b : a; }

inline Robustness both(const Robustness& a, const Robustness& b) {
  return {lower(a.low, b.low), lower(a.high, b.high)};
}
inline Robustness either(const Robustness& a, const Robustness& b) {
  return {higher(a.low, b.low), higher(a.high, b.high)};
}
inline Robustness opposite(const Robustness& a) {
  Robustness out{a.high, a.low};
  out.low.value = -out.low.value;
  out.high.value = -out.high.value;
  return out;
}

/// The value that everything lies below, or above.
inline Robustness certain(bool holds) {
  const Bound bound{.value = holds ? kUnbounded : -kUnbounded, .is = Bound::Is::empty};
  return {bound, bound};
}
inline Robustness unsettled(Bound::Is why, Time at, uint32_t atom = 0) {
  const double none = std::numeric_limits<double>::quiet_NaN();
  return {{.value = -kUnbounded, .left = none, .at = at, .atom = atom, .is = why},
          {.value = kUnbounded, .left = none, .at = at, .atom = atom, .is = why}};
}

}  // namespace looptwin::testbed
