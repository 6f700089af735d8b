#include "testbed/wiring_conditions.h"

#include <fmt/format.h>
#include <cstdlib>
#include <set>

#include "lang/comparisons.h"

namespace looptwin::testbed {

using lang::NodeId;
using lang::Op;

namespace {

void add_comparisons(const lang::Graph& graph, const Explained& in, NodeId id, std::set<NodeId>& seen,
                     std::vector<CoveredCondition>& out) {
  if (!seen.insert(id).second) return;
  const lang::Node& node = graph[id];
  if (is_comparison(node.op))
    out.push_back({{in.name, graph.span(id), node.table.valid() ? node.table : in.table, {}}, id});
  for (const NodeId arg : node.args) add_comparisons(graph, in, arg, seen, out);
}

}  // namespace

NodeId first_compared(const lang::Graph& graph, NodeId id) {
  const lang::Node& node = graph[id];
  if (lang::is_set(node.op) || lang::is_window(node.op) || node.op == Op::related) return {};
  for (const NodeId arg : node.args) {
    if (is_ordering(node.op) && graph[arg].table == node.table && node.table.valid() &&
        graph[arg].type.kind == lang::Kind::number && graph[arg].op != Op::age)
      return arg;
    if (const NodeId deeper = first_compared(graph, arg); deeper.valid()) return deeper;
  }
  return {};
}

double as_written(const lang::Graph& graph, const lang::Schema& schema, NodeId compared, double limit) {
  const lang::Node& node = graph[compared];
  if (node.op != Op::column) return limit;
  const auto& unit = schema.column(node.table, node.column).unit;
  return unit.to_si(std::strtod(fmt::format("{:.12g}", unit.from_si(limit)).c_str(), nullptr));
}

std::vector<CoveredCondition> covered_conditions(const lang::Graph& graph,
                                                 const std::vector<Explained>& explained) {
  std::vector<CoveredCondition> all;
  std::set<NodeId> seen;
  for (const auto& one : explained) {
    const bool decides = one.name.ends_with(".where") || one.name.ends_with(".until");
    const Op op = graph[one.node].op;
    if (decides && !is_comparison(op) && op != Op::constant && !seen.contains(one.node))
      all.push_back({{one.name, one.text, one.table, {}}, one.node});
    add_comparisons(graph, one, one.node, seen, all);
  }
  return all;
}

}  // namespace looptwin::testbed
