#include "base/maths.h"

#define LT_SIMD scalar
#include "base/maths_kernels.h"
#include "base/maths_special_kernels.h"

namespace looptwin::maths {

// clang-format off
namespace v2 { extern const Columns kColumns; }
namespace v3 { extern const Columns kColumns; }
namespace v4 { extern const Columns kColumns; }
// clang-format on

const Columns& columns(Simd width) {
  return width == Simd::v4 ? v4::kColumns : width == Simd::v3 ? v3::kColumns : v2::kColumns;
}

// clang-format off
#define LT_PLAIN(f) \
  double f(double x) { return scalar::f(x); }
LT_PLAIN(exp) LT_PLAIN(exp2) LT_PLAIN(expm1) LT_PLAIN(log) LT_PLAIN(log2) LT_PLAIN(log10) LT_PLAIN(log1p)
LT_PLAIN(sqrt) LT_PLAIN(cbrt) LT_PLAIN(asin) LT_PLAIN(acos) LT_PLAIN(atan) LT_PLAIN(sinh) LT_PLAIN(cosh)
LT_PLAIN(tanh) LT_PLAIN(floor) LT_PLAIN(ceil) LT_PLAIN(round) LT_PLAIN(erf) LT_PLAIN(erfc)
LT_PLAIN(normal_cdf) LT_PLAIN(normal_quantile) LT_PLAIN(lgamma)

#define LT_ANGLE(f)                                                                                 \
  double f(double x) {                                                                              \
    return scalar::f##_of(scalar::angle_is_large(x) ? scalar::reduce_large(x) : scalar::reduce(x)); \
  }
LT_ANGLE(sin) LT_ANGLE(cos) LT_ANGLE(tan)
    // clang-format on

    double pow(double x, double y) {
  return scalar::pow(x, y);
}
double atan2(double y, double x) { return scalar::atan2(y, x); }
double hypot(double x, double y) { return scalar::hypot(x, y); }
double mod(double a, double b) {
  return scalar::mod_is_large(a, b) ? scalar::mod_large(a, b) : scalar::mod(a, b);
}

// clang-format off
#define LT_COLUMN(f) \
  void f(const double* x, double* y, size_t n) { columns(simd()).f(x, y, n); }
LOOPTWIN_MATHS_UNARY(LT_COLUMN)
#undef LT_COLUMN
#define LT_COLUMN(f) \
  void f(const double* x, const double* y, double* z, size_t n) { columns(simd()).f(x, y, z, n); }
LOOPTWIN_MATHS_BINARY(LT_COLUMN)
// clang-format on

}  // namespace looptwin::maths
