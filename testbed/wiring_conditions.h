// What the nodes of a condition compare: for the evidence of events, and for what tests should see both
// outcomes of.
#pragma once

#include <vector>

#include "lang/graph.h"
#include "testbed/wiring.h"

namespace looptwin::testbed {

/// The quantity that decides: the first side of a comparison that varies by row and is a number.
lang::NodeId first_compared(const lang::Graph& graph, lang::NodeId id);

struct CoveredCondition {
  Covered covered;  ///< its column comes with the plan
  lang::NodeId node;
};
/// Comparisons behind a name are covered where the name is defined; each counts once.
std::vector<CoveredCondition> covered_conditions(const lang::Graph& graph,
                                                 const std::vector<Explained>& explained);

}  // namespace looptwin::testbed
