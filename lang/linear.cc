#include "lang/linear.h"

#include <algorithm>
#include <limits>

namespace looptwin::lang {

NodeId Algebra::make(Op op, std::vector<NodeId> args, Type type) {
  Node node{.op = op, .type = type, .args = std::move(args)};
  for (const NodeId arg : node.args) {
    if (graph_[arg].table.valid()) node.table = graph_[arg].table;
  }
  return graph_.add(std::move(node));
}

bool Algebra::is_constant(NodeId id, double value) const {
  return graph_[id].op == Op::constant && graph_[id].number[0] == value;
}

NodeId Algebra::constant(double value) {
  return graph_.add({.op = Op::constant, .type = Type::number(), .number = {value}});
}

NodeId Algebra::add(NodeId a, NodeId b) {
  if (is_constant(a, 0)) return b;
  if (is_constant(b, 0)) return a;
  if (graph_[b].op == Op::negate) return subtract(a, graph_[b].args[0]);
  return make(Op::add, {a, b});
}

NodeId Algebra::subtract(NodeId a, NodeId b) {
  if (is_constant(b, 0)) return a;
  if (is_constant(a, 0)) return negate(b);
  if (graph_[b].op == Op::negate) return add(a, graph_[b].args[0]);
  return make(Op::subtract, {a, b});
}

NodeId Algebra::multiply(NodeId a, NodeId b) {
  if (is_constant(a, 0) || is_constant(b, 1)) return a;
  if (is_constant(b, 0) || is_constant(a, 1)) return b;
  if (graph_[a].op == Op::negate) return negate(multiply(graph_[a].args[0], b));
  if (graph_[b].op == Op::negate) return negate(multiply(a, graph_[b].args[0]));
  return make(Op::multiply, {a, b});
}

NodeId Algebra::divide(NodeId a, NodeId b) {
  if (is_constant(a, 0) || is_constant(b, 1)) return a;
  if (graph_[a].op == Op::negate) return negate(divide(graph_[a].args[0], b));
  return make(Op::divide, {a, b});
}

NodeId Algebra::negate(NodeId a) {
  if (graph_[a].op == Op::negate) return graph_[a].args[0];
  if (graph_[a].op == Op::constant) return constant(graph_[a].number[0] == 0 ? 0.0 : -graph_[a].number[0]);
  return make(Op::negate, {a});
}

NodeId Algebra::choose(NodeId condition, NodeId a, NodeId b) {
  return a == b ? a : make(Op::choose, {condition, a, b});
}

NodeId Algebra::clipped(NodeId x, NodeId low, NodeId high) {
  if (low.valid() && high.valid()) return make(Op::clamp, {x, low, high});
  if (low.valid()) return make(Op::maximum, {x, low});
  return high.valid() ? make(Op::minimum, {x, high}) : x;
}

NodeId Algebra::rate_within(NodeId rate, NodeId x, NodeId low, NodeId high) {
  const auto within = [&](NodeId free, Op beyond, NodeId limit, Op inwards) {
    if (!limit.valid()) return free;
    return choose(make(beyond, {x, limit}, Type::boolean()), make(inwards, {rate, constant(0)}), free);
  };
  return within(within(rate, Op::greater_equal, high, Op::minimum), Op::less_equal, low, Op::maximum);
}

NodeId margin_of(Algebra& algebra, NodeId condition) {
  const Node node = algebra.graph()[condition];
  const auto over = [&](Op op) {
    std::vector<NodeId> margins;
    for (const NodeId arg : node.args) margins.push_back(margin_of(algebra, arg));
    return algebra.make(op, margins);
  };
  switch (node.op) {
    case Op::less:
    case Op::less_equal:
      return algebra.subtract(node.args[1], node.args[0]);
    case Op::greater:
    case Op::greater_equal:
      return algebra.subtract(node.args[0], node.args[1]);
    case Op::logical_and:
      return over(Op::minimum);
    case Op::logical_or:
      return over(Op::maximum);
    case Op::logical_not:
      return algebra.negate(margin_of(algebra, node.args[0]));
    default:
      return algebra.choose(condition, algebra.constant(std::numeric_limits<double>::infinity()),
                            algebra.constant(-std::numeric_limits<double>::infinity()));
  }
}

NodeId Replacement::operator()(NodeId id) {
  if (const auto it = done_.find(id); it != done_.end()) return it->second;
  Node node = graph_[id];
  bool changed = false;
  for (NodeId& arg : node.args) {
    const NodeId other = (*this)(arg);
    changed = changed || other != arg;
    arg = other;
  }
  if (changed && is_elementwise(node.op)) {
    for (const NodeId arg : node.args) {
      if (graph_[arg].table.valid()) node.table = graph_[arg].table;
    }
  }
  const Span span = graph_.span(id);
  const NodeId result = changed ? graph_.add(std::move(node), span) : id;
  done_[id] = result;
  return result;
}

namespace {

class Decomposition {
 public:
  Decomposition(Algebra& algebra, const std::function<bool(NodeId)>& is_constant)
      : algebra_(algebra), is_constant_(is_constant) {}

  LinearForm of(NodeId id) {
    // A copy: the graph grows below.
    const Node node = algebra_.graph()[id];
    if (is_constant_(id)) return {{}, id};
    switch (node.op) {
      case Op::negate:
        return mapped(of(node.args[0]), [&](NodeId k) { return algebra_.negate(k); });
      case Op::add: {
        LinearForm sum = of(node.args[0]);
        for (size_t k = 1; k < node.args.size(); ++k)
          sum = combined(std::move(sum), of(node.args[k]), &Algebra::add);
        return sum;
      }
      case Op::subtract:
        return combined(of(node.args[0]), of(node.args[1]), &Algebra::subtract);
      case Op::multiply:
        return product(id, node);
      case Op::divide:
        if (!is_constant_(node.args[1])) return term(id);
        return mapped(of(node.args[0]), [&](NodeId k) { return algebra_.divide(k, node.args[1]); });
      case Op::choose:
        return choice(id, node);
      default:
        return term(id);
    }
  }

 private:
  LinearForm term(NodeId id) { return {{{id, algebra_.constant(1)}}, algebra_.constant(0)}; }

  LinearForm mapped(LinearForm form, const std::function<NodeId(NodeId)>& f) {
    for (LinearForm::Term& t : form.terms) t.coefficient = f(t.coefficient);
    form.constant = f(form.constant);
    return form;
  }

  /// f(coefficient of a, coefficient of b) for every term of either; 0 where a form has no such term.
  LinearForm zipped(LinearForm a, const LinearForm& b, const std::function<NodeId(NodeId, NodeId)>& f) {
    const NodeId zero = algebra_.constant(0);
    std::vector<NodeId> others(a.terms.size(), zero);
    for (const LinearForm::Term& t : b.terms) {
      const auto it =
          std::find_if(a.terms.begin(), a.terms.end(), [&](const auto& u) { return u.term == t.term; });
      if (it == a.terms.end()) {
        a.terms.push_back({t.term, zero});
        others.push_back(t.coefficient);
      } else {
        others[static_cast<size_t>(it - a.terms.begin())] = t.coefficient;
      }
    }
    for (size_t k = 0; k < a.terms.size(); ++k) a.terms[k].coefficient = f(a.terms[k].coefficient, others[k]);
    a.constant = f(a.constant, b.constant);
    return a;
  }

  LinearForm combined(LinearForm a, const LinearForm& b, NodeId (Algebra::*f)(NodeId, NodeId)) {
    return zipped(std::move(a), b, [&](NodeId x, NodeId y) { return (algebra_.*f)(x, y); });
  }

  LinearForm product(NodeId id, const Node& node) {
    if (node.args.size() != 2) return term(id);
    for (const size_t k : {0, 1}) {
      if (!is_constant_(node.args[k])) continue;
      return mapped(of(node.args[1 - k]), [&](NodeId c) { return algebra_.multiply(c, node.args[k]); });
    }
    return term(id);
  }

  LinearForm choice(NodeId id, const Node& node) {
    if (!is_constant_(node.args[0]) || node.type.kind != Kind::number) return term(id);
    return zipped(of(node.args[1]), of(node.args[2]),
                  [&](NodeId a, NodeId b) { return algebra_.choose(node.args[0], a, b); });
  }

  Algebra& algebra_;
  const std::function<bool(NodeId)>& is_constant_;
};

}  // namespace

LinearForm linear_form(Algebra& algebra, NodeId expression, const std::function<bool(NodeId)>& is_constant) {
  return Decomposition(algebra, is_constant).of(expression);
}

}  // namespace looptwin::lang
