// From a loaded scenario to checked and planned rules: names become columns, expressions become nodes, and
// nodes become programs in strata. Every problem of every rule is reported at once.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "lang/checker.h"
#include "lang/plan.h"
#include "mml/alarms.h"
#include "mml/column_functions.h"
#include "mml/derived.h"
#include "mml/dispatcher.h"
#include "mml/events.h"
#include "mml/operator.h"
#include "mml/rules.h"
#include "testbed/scenario.h"
#include "twin/hot.h"
#include "twin/registry.h"

namespace looptwin::testbed {

/// An expression with the name of its place, for `check --explain`.
struct Explained {
  std::string name;  ///< "events.peak_ahead.raise"
  Span text;
  lang::NodeId node;
  TableId table;
};

/// A condition of the rules whose both outcomes tests should see: a comparison, a `where`, an `until`.
struct Covered {
  std::string name;  ///< of its place: "events.peak_ahead.raise"
  Span text;
  TableId table;
  ColumnId column;  ///< boolean
};

struct Wired {
  std::vector<mml::Input> inputs;  ///< of people
  std::vector<mml::WiredFunction> functions;
  std::vector<mml::Derived> derived;      ///< producers of the plan after the events
  std::vector<mml::Event> events;         ///< the scenario's, then those made for alarms' own conditions
  std::vector<mml::FirstOut> first_outs;  ///< producers of the plan after the derived values
  std::vector<mml::Rule> rules;
  std::vector<mml::Alarm> alarms;
  std::vector<mml::Verification> verifications;
  lang::Plan plan;
  std::vector<twin::WindowSpec> windows;  ///< of hot history
  std::vector<Explained> explained;
  std::vector<Covered> covered;  ///< where it was asked for
  lang::Scopes scopes;           ///< the names that rules see
  Diagnostics warnings;
};

/// The names that events, rules and alarms see, table by table.
lang::Scopes rule_scopes(const lang::Schema& schema, const twin::Registry& registry);

/// Adds the columns of events, alarms and claims to the schema. With `coverage` all that decides stands in a
/// column of its own.
Result<Wired> wire(const Scenario& scenario, const lang::Units& units, lang::Schema& schema,
                   lang::Graph& graph, const twin::Registry& registry, bool coverage = false);

}  // namespace looptwin::testbed
