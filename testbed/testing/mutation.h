// Small faults put into rules, to see whether the tests notice: a threshold moved, a comparison turned, a
// delay dropped, a unit confused, a target swapped.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "lang/units.h"
#include "testbed/scenario.h"

namespace looptwin::testbed {

struct Mutant {
  Span span;         ///< what was changed
  std::string what;  ///< "events.overload.raise: 800 kW became 960 kW"
  std::string hint;  ///< which test would notice
  std::function<void(Scenario&)> apply;
};

/// Of all events, alarms, rules, derived values and machines, in file order. Some may not pass the check:
/// they are nobody's faults.
std::vector<Mutant> mutants_of(const Scenario& scenario, const lang::Units& units);

}  // namespace looptwin::testbed
