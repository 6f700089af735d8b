// What the nodes of a condition compare: for the evidence of events, and for what tests should see both
// outcomes of.
#pragma once

#include <vector>

#include "lang/graph.h"
#include "testbed/wiring.h"

namespace looptwin::testbed {

/// The quantity that decides: the first side of a comparison that varies by row and is a number.
lang::NodeId first_compared(const lang::Graph& graph, lang::NodeId id);

/// A limit as if it stood in the file in the unit of what it is compared with: 21.9 less 0.3 is 21.6, which
/// is what a reading of 21.6 is, and not its neighbour.
double as_written(const lang::Graph& graph, const lang::Schema& schema, lang::NodeId compared, double limit);

struct CoveredCondition {
  Covered covered;  ///< its column comes with the plan
  lang::NodeId node;
};
/// Comparisons behind a name are covered where the name is defined; each counts once.
std::vector<CoveredCondition> covered_conditions(const lang::Graph& graph,
                                                 const std::vector<Explained>& explained);

}  // namespace looptwin::testbed
