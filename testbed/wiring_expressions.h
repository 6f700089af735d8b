// What all parts of the wiring share: expressions are checked into one graph, values are shown, and columns
// are demanded, which are there once the plan is made. Until then the slots that they go to stay where they
// are.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "lang/checker.h"
#include "lang/plan.h"
#include "mml/shown.h"
#include "testbed/wiring.h"
#include "twin/registry.h"

namespace looptwin::testbed {

class Expressions {
 public:
  Expressions(const lang::Units& units, lang::Schema& schema, lang::Graph& graph,
              const twin::Registry& registry);
  Expressions(const Expressions&) = delete;  // `checker_` refers to `problems_`

  const twin::Registry& registry() const { return registry_; }
  const lang::Graph& graph() const { return graph_; }
  lang::Schema& schema() { return schema_; }

  void error(const Span& span, std::string message, std::string hint = {});
  /// `name` is that of the place: "events.peak_ahead.raise". Invalid after an error.
  lang::NodeId check(const std::string& name, const Span& text, TableId table, lang::Wanted wanted = {});
  /// A value that is shown to people or other systems; the column of a computed one is demanded into `shown`.
  void show(const std::string& name, const Span& text, TableId table, double minimum_good, mml::Shown& shown);
  /// The column in which the node's value will stand.
  void demand(lang::NodeId node, TableId table, ColumnId& slot);

 protected:
  const lang::Units& units_;
  lang::Schema& schema_;
  lang::Graph& graph_;
  const twin::Registry& registry_;
  Diagnostics problems_;
  lang::Checker checker_;
  lang::Scopes scopes_;
  std::vector<Explained> explained_;
  std::vector<lang::Demand> demands_;
  std::vector<ColumnId*> slots_;    ///< where each demand's column goes
  uint32_t instances_ = 1'000'000;  ///< apart from the numbers that plants and controllers use
};

}  // namespace looptwin::testbed
