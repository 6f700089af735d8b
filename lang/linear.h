// Symbolic algebra on the graph: sums and products with the obvious simplifications, replacement of leaves,
// and the form Σ coefficient·term + constant of an expression. Plants use it to find which rates are linear
// in their states.
#pragma once

#include <functional>
#include <unordered_map>
#include <vector>

#include "lang/graph.h"

namespace looptwin::lang {

/// Adds nodes for numbers: x·1 is x, x + 0 is x; constants are not folded otherwise. Only for what need not
/// read back as the scenario's own text, since it may round otherwise than the expression as written.
class Algebra {
 public:
  explicit Algebra(Graph& graph) : graph_(graph) {}

  NodeId constant(double value);
  NodeId add(NodeId a, NodeId b);
  NodeId subtract(NodeId a, NodeId b);
  NodeId multiply(NodeId a, NodeId b);
  NodeId divide(NodeId a, NodeId b);
  NodeId negate(NodeId a);
  NodeId choose(NodeId condition, NodeId a, NodeId b);
  // Limits that are invalid are none.
  NodeId clipped(NodeId x, NodeId low, NodeId high);
  /// The rate of x, or 0 where x is at a limit, or past it, and the rate points outwards.
  NodeId rate_within(NodeId rate, NodeId x, NodeId low, NodeId high);
  bool is_constant(NodeId id, double value) const;
  Graph& graph() { return graph_; }
  NodeId make(Op op, std::vector<NodeId> args, Type type = Type::number());

 private:
  Graph& graph_;
};

/// A number that is above 0 where the condition holds and below 0 where it does not, and goes through 0 where
/// a comparison does: b - a of a < b, the least of both sides of &&. What is no comparison is ±∞. For finding
/// where a condition changes; at 0 itself it does not say which.
NodeId margin_of(Algebra& algebra, NodeId condition);

/// Replaces nodes by others, throughout the expressions that use them.
class Replacement {
 public:
  explicit Replacement(Graph& graph) : graph_(graph) {}
  void set(NodeId from, NodeId to) { done_[from] = to; }
  NodeId operator()(NodeId id);

 private:
  Graph& graph_;
  std::unordered_map<NodeId, NodeId> done_;
};

/// Σ coefficient·term + constant. Terms are distinct, in the order in which they are first met; `constant` is
/// a node.
struct LinearForm {
  struct Term {
    NodeId term;
    NodeId coefficient;
  };
  std::vector<Term> terms;
  NodeId constant;
};

/// Takes sums, differences, products and quotients by constants, and choices by a constant condition, apart.
/// What cannot be taken apart is a term, with coefficient 1. `is_constant` says which nodes count as
/// constants: all their combinations must as well.
LinearForm linear_form(Algebra& algebra, NodeId expression, const std::function<bool(NodeId)>& is_constant);

}  // namespace looptwin::lang
