#include "testbed/wiring_expressions.h"

#include "testbed/showing.h"

namespace looptwin::testbed {

Expressions::Expressions(const lang::Units& units, lang::Schema& schema, lang::Graph& graph,
                         const twin::Registry& registry)
    : units_(units),
      schema_(schema),
      graph_(graph),
      registry_(registry),
      checker_(units, schema, graph, problems_),
      scopes_(rule_scopes(schema, registry)) {}

void Expressions::error(const Span& span, std::string message, std::string hint) {
  problems_.push_back({Severity::error, span, std::move(message), std::move(hint)});
}

lang::NodeId Expressions::check(const std::string& name, const Span& text, TableId table,
                                lang::Wanted wanted) {
  wanted.instance = ++instances_;
  const lang::NodeId node = checker_.check(text, scopes_, table, wanted);
  if (node.valid()) explained_.push_back({name, text, node, table});
  return node;
}

void Expressions::show(const std::string& name, const Span& text, TableId table, double minimum_good,
                       mml::Shown& shown) {
  if (const auto written = shown_as_written(text)) {
    shown = *written;
    return;
  }
  const ShownText parts = split_unit(text);
  lang::Wanted wanted;
  wanted.minimum_good = minimum_good;
  wanted.instance = ++instances_;
  const auto checked = checker_.check_with_unit(parts.expression, scopes_, table, wanted);
  if (!checked.node.valid()) return;
  explained_.push_back({name, parts.expression, checked.node, table});
  const auto found = shown_as(checked, parts, units_, graph_, registry_, problems_);
  if (!found) return;
  shown = *found;
  demand(checked.node, table, shown.column);
}

void Expressions::demand(lang::NodeId node, TableId table, ColumnId& slot) {
  if (!node.valid()) return;
  demands_.push_back({node, table, {}});
  slots_.push_back(&slot);
}

}  // namespace looptwin::testbed
