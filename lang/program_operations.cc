// Which kernel or column function computes an element-wise operation.
#include "base/check.h"
#include "base/maths.h"
#include "lang/program_code.h"

namespace looptwin::lang {

Operation operation_of(const Graph& graph, const Node& node) {
  const auto is_boolean = [&](const Node& n) { return n.type.kind == Kind::boolean; };
  const bool of_booleans = !node.args.empty() && is_boolean(graph[node.args[0]]);
  switch (node.op) {
    case Op::negate:
      return {Kernel::negate};
    case Op::add:
      return {Kernel::add};
    case Op::subtract:
      return {Kernel::subtract};
    case Op::multiply:
      return {Kernel::multiply};
    case Op::divide:
      return {Kernel::divide};
    case Op::less:
      return {Kernel::less};
    case Op::less_equal:
      return {Kernel::less_equal};
    case Op::greater:
      return {Kernel::less, true};
    case Op::greater_equal:
      return {Kernel::less_equal, true};
    case Op::equal:
      return {of_booleans ? Kernel::equal_boolean : Kernel::equal};
    case Op::not_equal:
      return {of_booleans ? Kernel::not_equal_boolean : Kernel::not_equal};
    case Op::logical_not:
      return {Kernel::logical_not};
    case Op::logical_and:
      return {Kernel::logical_and};
    case Op::logical_or:
      return {Kernel::logical_or};
    case Op::choose:
      return {is_boolean(node) ? Kernel::choose_boolean : Kernel::choose};
    case Op::known:
      return {of_booleans ? Kernel::known_boolean : Kernel::known};
    case Op::minimum:
      return {Kernel::minimum};
    case Op::maximum:
      return {Kernel::maximum};
    case Op::absolute:
      return {Kernel::absolute};
    case Op::sign:
      return {Kernel::sign};
    case Op::floor:
      return {Kernel::floor};
    case Op::ceil:
      return {Kernel::ceil};
    case Op::round:
      return {Kernel::round};
    case Op::square_root:
      return {Kernel::square_root};
    case Op::clamp:
      return {Kernel::clamp};
    case Op::cube_root:
      return {.unary = &maths::cbrt};
    case Op::exponential:
      return {.unary = &maths::exp};
    case Op::logarithm:
      return {.unary = &maths::log};
    case Op::logarithm10:
      return {.unary = &maths::log10};
    case Op::sine:
      return {.unary = &maths::sin};
    case Op::cosine:
      return {.unary = &maths::cos};
    case Op::tangent:
      return {.unary = &maths::tan};
    case Op::arc_sine:
      return {.unary = &maths::asin};
    case Op::arc_cosine:
      return {.unary = &maths::acos};
    case Op::arc_tangent:
      return {.unary = &maths::atan};
    case Op::hyperbolic_tangent:
      return {.unary = &maths::tanh};
    case Op::power:
      return {.binary = &maths::pow};
    case Op::arc_tangent2:
      return {.binary = &maths::atan2};
    case Op::modulo:
      return {.binary = &maths::mod};
    default:
      LT_CHECK(false, std::string("not an element-wise operation: ") + name_of(node.op));
  }
}

std::vector<double> interpolation_table(const Node& node) {
  const auto& points = node.number;
  if (node.op == Op::interpolate2) return points;
  const size_t n = points.size() / 2;
  std::vector<double> table(3 * n, 0.0);
  for (size_t k = 0; k < n; ++k) {
    table[k] = points[2 * k];
    table[n + k] = points[2 * k + 1];
    if (k + 1 < n)
      table[2 * n + k] = (points[2 * k + 3] - points[2 * k + 1]) / (points[2 * k + 2] - points[2 * k]);
  }
  return table;
}

}  // namespace looptwin::lang
