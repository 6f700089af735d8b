// Rules wired: their events, targets and what they ask for become indices, relations and columns.
#pragma once

#include <memory>
#include <vector>

#include "mml/dispatcher.h"
#include "mml/events.h"
#include "mml/rule.h"
#include "testbed/scenario.h"
#include "testbed/wiring_expressions.h"

namespace looptwin::testbed {

/// What an override claims for one setpoint.
struct ClaimedValue {
  Span span;
  TableId table;
  uint16_t setpoint = 0;  ///< of the table's model
  lang::NodeId node;
};

/// Each at a fixed place: the plan's columns are filled in there.
struct WiredRules {
  std::vector<std::unique_ptr<mml::Rule>> rules;  ///< in the order of the scenario's
  std::vector<std::unique_ptr<mml::Verification>> verifications;
  std::vector<ClaimedValue> claimed;
};

/// Adds the claims' columns to the schema. After the events.
void wire_rules(const Scenario& scenario, const std::vector<mml::Event>& events, Expressions& expressions,
                WiredRules& out);

}  // namespace looptwin::testbed
