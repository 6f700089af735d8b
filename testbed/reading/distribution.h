// Distributions as they are written: lognormal(60 ms, 0.4), uniform(0.7, 1.3), discrete(1 kW: 0.3, 2 kW:
// 0.7).
#pragma once

#include "base/distribution.h"
#include "base/result.h"
#include "lang/units.h"

namespace looptwin::testbed {

struct DistributionText {
  Distribution distribution;  ///< SI
  lang::Unit unit;            ///< of what is drawn
  bool negative = false;      ///< a value is written that is below zero
};

/// Reads the text of a span: a name with its arguments, or a quantity alone (constant). A bare number is in
/// `bare`, or is a ratio where that is null. That the drawn values are of the dimension wanted is the
/// caller's to see.
Result<DistributionText> read_distribution(const Span& span, const lang::Units& units,
                                           const lang::Unit* bare = nullptr);

/// Whether the text is written as a distribution, a name and a bracket, rather than as a quantity or a word.
bool looks_like_distribution(std::string_view text);

/// One line a distribution, for docs/scenario.md: how it is written, and what its arguments are.
std::string distribution_table();

}  // namespace looptwin::testbed
