#include "lang/fold.h"

#include <cmath>
#include <limits>

#include "base/check.h"
#include "base/maths.h"
#include "lang/surface.h"

namespace looptwin::lang {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
constexpr double kHalf = 0.5;

double truth(bool holds, bool is_known) { return is_known ? (holds ? 1.0 : 0.0) : kHalf; }
double lesser(double a, double b) { return std::isnan(a) ? a : std::isnan(b) ? b : a < b ? a : b; }
double larger(double a, double b) { return std::isnan(a) ? a : std::isnan(b) ? b : a > b ? a : b; }

double interpolated(std::span<const double> points, double x, bool extended) {
  if (std::isnan(x)) return x;
  const size_t last = points.size() - 2;
  if (!extended && x >= points[last]) return points[last + 1];
  double y = points[1];
  for (size_t i = 0; i < last; i += 2) {
    const double slope = (points[i + 3] - points[i + 1]) / (points[i + 2] - points[i]);
    if (x >= points[i] || (extended && i == 0)) y = points[i + 1] + (x - points[i]) * slope;
  }
  return y;
}

std::optional<double> fold_unary(Op op, double a, bool of_conditions) {
  switch (op) {
    case Op::negate:
      return -a;
    case Op::logical_not:
      return 1 - a;
    case Op::known:
      return of_conditions ? (a == kHalf ? 0.0 : 1.0) : (std::isnan(a) ? 0.0 : 1.0);
    case Op::absolute:
      return std::fabs(a);
    case Op::sign:
      return a > 0 ? 1.0 : a < 0 ? -1.0 : a;
    case Op::floor:
      return maths::floor(a);
    case Op::ceil:
      return maths::ceil(a);
    case Op::round:
      return maths::round(a);
    case Op::square_root:
      return maths::sqrt(a);
    case Op::cube_root:
      return maths::cbrt(a);
    case Op::exponential:
      return maths::exp(a);
    case Op::logarithm:
      return maths::log(a);
    case Op::logarithm10:
      return maths::log10(a);
    case Op::sine:
      return maths::sin(a);
    case Op::cosine:
      return maths::cos(a);
    case Op::tangent:
      return maths::tan(a);
    case Op::arc_sine:
      return maths::asin(a);
    case Op::arc_cosine:
      return maths::acos(a);
    case Op::arc_tangent:
      return maths::atan(a);
    case Op::hyperbolic_tangent:
      return maths::tanh(a);
    default:
      return std::nullopt;
  }
}

std::optional<double> fold_binary(Op op, double a, double b, bool of_conditions) {
  const bool known = of_conditions ? a != kHalf && b != kHalf : !std::isnan(a) && !std::isnan(b);
  switch (op) {
    case Op::add:
      return a + b;
    case Op::subtract:
      return a - b;
    case Op::multiply:
      return a * b;
    case Op::divide:
      return a / b;
    case Op::modulo:
      return maths::mod(a, b);
    case Op::less:
      return truth(a < b, known);
    case Op::less_equal:
      return truth(a <= b, known);
    case Op::greater:
      return truth(a > b, known);
    case Op::greater_equal:
      return truth(a >= b, known);
    case Op::equal:
      return truth(a == b, known);
    case Op::not_equal:
      return truth(a != b, known);
    case Op::logical_and:
      return a < b ? a : b;
    case Op::logical_or:
      return a > b ? a : b;
    case Op::minimum:
      return lesser(a, b);
    case Op::maximum:
      return larger(a, b);
    case Op::power:
      return maths::pow(a, b);
    case Op::arc_tangent2:
      return maths::atan2(a, b);
    default:
      return std::nullopt;
  }
}

}  // namespace

std::optional<double> fold(const Node& node, std::span<const double> arguments, bool of_conditions) {
  if (!is_elementwise(node.op) || arguments.empty()) return std::nullopt;
  const double a = arguments[0];
  if (node.op == Op::interpolate || node.op == Op::extrapolate)
    return interpolated(node.number, a, node.op == Op::extrapolate);
  if (node.op == Op::interpolate2) {
    double z = a;
    interpolate2(&z, &z, &arguments[1], node.number.data(), 1);
    return z;
  }
  if (arguments.size() == 1) return fold_unary(node.op, a, of_conditions);
  if (arguments.size() == 2) return fold_binary(node.op, a, arguments[1], of_conditions);
  LT_CHECK(arguments.size() == 3, name_of(node.op));
  if (node.op == Op::clamp) return lesser(larger(a, arguments[1]), arguments[2]);
  LT_CHECK(node.op == Op::choose, name_of(node.op));
  if (a == kHalf) return node.type.kind == Kind::boolean ? kHalf : kUnknown;
  return a == 1 ? arguments[1] : arguments[2];
}

}  // namespace looptwin::lang
