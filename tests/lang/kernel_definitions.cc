#include "tests/lang/kernel_definitions.h"

#include <algorithm>
#include <cmath>

#include "tests/lang/tables.h"

namespace looptwin::lang::test {

double defined(Kernel kernel, double a, double b, double c, double d) {
  const auto truth = [](bool holds, bool is_known) { return is_known ? (holds ? 1.0 : 0.0) : 0.5; };
  const bool known = !std::isnan(a) && !std::isnan(b);
  const auto choice = [](double condition, double yes, double no, double unknown) {
    return condition == 1 ? yes : condition == 0 ? no : unknown;
  };
  switch (kernel) {
    case Kernel::copy:
      return a;
    case Kernel::negate:
      return -a;
    case Kernel::logical_not:
      return 1 - a;
    case Kernel::known:
      return std::isnan(a) ? 0 : 1;
    case Kernel::known_boolean:
      return a == 0.5 ? 0 : 1;
    case Kernel::absolute:
      return std::fabs(a);
    case Kernel::sign:
      return std::isnan(a) || a == 0 ? a : std::copysign(1.0, a);
    case Kernel::floor:
      return std::floor(a);
    case Kernel::ceil:
      return std::ceil(a);
    case Kernel::round:
      return std::round(a);
    case Kernel::square_root:
      return std::sqrt(a);
    case Kernel::add:
      return a + b;
    case Kernel::subtract:
      return a - b;
    case Kernel::multiply:
      return a * b;
    case Kernel::divide:
      return a / b;
    case Kernel::less:
      return truth(a < b, known);
    case Kernel::less_equal:
      return truth(a <= b, known);
    case Kernel::equal:
      return truth(a == b, known);
    case Kernel::not_equal:
      return truth(a != b, known);
    case Kernel::equal_boolean:
      return truth(a == b, a != 0.5 && b != 0.5);
    case Kernel::not_equal_boolean:
      return truth(a != b, a != 0.5 && b != 0.5);
    case Kernel::logical_and:
      return a < b ? a : b;
    case Kernel::logical_or:
      return a > b ? a : b;
    case Kernel::minimum:
      return known ? (a < b ? a : b) : kUnknown;
    case Kernel::maximum:
      return known ? (a > b ? a : b) : kUnknown;
    case Kernel::choose:
      return choice(a, b, c, kUnknown);
    case Kernel::choose_boolean:
      return choice(a, b, c, 0.5);
    case Kernel::clamp:
      return defined(Kernel::minimum, defined(Kernel::maximum, a, b, 0, 0), c, 0, 0);
    case Kernel::multiply_add:
      return a * b + c;
    case Kernel::multiply_subtract:
      return a * b - c;
    case Kernel::subtract_product:
      return c - a * b;
    case Kernel::sum_times:
      return (a + b) * c;
    case Kernel::difference_times:
      return (a - b) * c;
    case Kernel::less_and:
      return std::min(truth(a < b, known), c);
    case Kernel::less_equal_and:
      return std::min(truth(a <= b, known), c);
    case Kernel::less_or:
      return std::max(truth(a < b, known), c);
    case Kernel::less_equal_or:
      return std::max(truth(a <= b, known), c);
    case Kernel::sum_of_products:
      return a * b + c * d;
    case Kernel::choose_less:
      return choice(truth(a < b, known), c, d, kUnknown);
    case Kernel::choose_less_equal:
      return choice(truth(a <= b, known), c, d, kUnknown);
    case Kernel::choose_less_boolean:
      return choice(truth(a < b, known), c, d, 0.5);
    case Kernel::choose_less_equal_boolean:
      return choice(truth(a <= b, known), c, d, 0.5);
  }
  return kUnknown;
}

}  // namespace looptwin::lang::test
