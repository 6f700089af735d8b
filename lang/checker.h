// From text to graph: lexer → parser → names, types, units. One call an expression; problems are collected in
// the caller's list, so that all errors of a file are shown at once.
#pragma once

#include <optional>

#include "base/result.h"
#include "lang/graph.h"
#include "lang/schema.h"
#include "lang/units.h"

namespace looptwin::lang {

/// Where an expression stands and what it must be.
struct Wanted {
  std::optional<Type> type;  ///< the type that the place demands; any where absent
  std::optional<Unit> bare;  ///< a bare number standing alone is in this unit (a value beside `unit:`)
  double minimum_good = 1;   ///< of aggregates over sets
  uint32_t instance = 0;     ///< of stateful operations: a number the caller makes unique for each place
};

/// A checked expression, and how a person would write its value.
struct Checked {
  NodeId node;  ///< invalid after an error
  Unit unit;    ///< of the field or literal that the value comes from; the text is empty where it has none
};

class Checker {
 public:
  Checker(const Units& units, const Schema& schema, Graph& graph, Diagnostics& diagnostics)
      : units_(units), schema_(schema), graph_(graph), diagnostics_(diagnostics) {}

  /// Checks the expression in `text` for rows of `table` (invalid: no row). Returns the node, or an invalid
  /// id after having added at least one error. Never more than a few errors an expression, each with what to
  /// write instead.
  NodeId check(const Span& text, const Scopes& scopes, TableId table, const Wanted& wanted) {
    return check_with_unit(text, scopes, table, wanted).node;
  }
  Checked check_with_unit(const Span& text, const Scopes& scopes, TableId table, const Wanted& wanted);

 private:
  const Units& units_;
  const Schema& schema_;
  Graph& graph_;
  Diagnostics& diagnostics_;
};

}  // namespace looptwin::lang
