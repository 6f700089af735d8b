// Deterministic mathematics: the same bits on every machine, at every vector width, one by one or in a
// column. What reaches state or decisions uses these, never libm. Angles are in radians. NaN in gives NaN out
// always, in pow(x, 0) and hypot(inf, x) too: an unknown value stays unknown.
#pragma once

#include <cstddef>

#include "base/simd.h"

// The functions of one and of two arguments, for tables of them.
// clang-format off
#define LOOPTWIN_MATHS_UNARY(X)                                                                          \
  X(exp) X(exp2) X(expm1) X(log) X(log2) X(log10) X(log1p) X(sqrt) X(cbrt) X(sin) X(cos) X(tan) X(asin)  \
  X(acos) X(atan) X(sinh) X(cosh) X(tanh) X(floor) X(ceil) X(round) X(erf) X(erfc) X(normal_cdf)         \
  X(normal_quantile) X(lgamma)
#define LOOPTWIN_MATHS_BINARY(X) X(pow) X(atan2) X(hypot) X(mod)
// clang-format on

namespace looptwin::maths {

// Largest errors, in units in the last place, are measured by tests/base/maths_test.cc; they are stated here.

double exp(double x);    ///< 1 ulp; to 0 and ∞ through subnormals
double exp2(double x);   ///< 1 ulp; exact for integers
double expm1(double x);  ///< 2 ulp
double log(double x);    ///< 1 ulp; -∞ at 0, NaN below
double log2(double x);   ///< 0.6 ulp; exact for powers of two
double log10(double x);  ///< 0.6 ulp; exact for powers of ten
double log1p(double x);  ///< 1.5 ulp
/// 1 ulp. NaN for a negative x and a y that is no integer; 0, ∞ and signs as C's pow, but NaN stays NaN.
double pow(double x, double y);
double sqrt(double x);             ///< correctly rounded
double cbrt(double x);             ///< 1 ulp
double hypot(double x, double y);  ///< 1 ulp, without over- or underflow between

double sin(double x);              ///< 1 ulp for every finite x; NaN at ±∞
double cos(double x);              ///< 1 ulp for every finite x
double tan(double x);              ///< 1.1 ulp for every finite x
double asin(double x);             ///< 0.7 ulp; NaN outside [-1, 1]
double acos(double x);             ///< 0.7 ulp
double atan(double x);             ///< 0.7 ulp
double atan2(double y, double x);  ///< 1.5 ulp; zeros and infinities as C's atan2
double sinh(double x);             ///< 2 ulp
double cosh(double x);             ///< 2 ulp
double tanh(double x);             ///< 2 ulp

double floor(double x);
double ceil(double x);
double round(double x);  ///< halves away from zero
/// a - b floor(a / b), exact (rounded once where the signs differ), with b's sign. NaN for b = 0 or a = ±∞.
double mod(double a, double b);

double erf(double x);              ///< 2 ulp
double erfc(double x);             ///< 4.5 ulp down to the smallest normal number
double normal_cdf(double x);       ///< Φ(x); 4.5 ulp down to the smallest normal number
double normal_quantile(double p);  ///< Φ⁻¹(p), 6 ulp (8 below 1e-10); ∓∞ at 0 and 1, NaN outside
/// ln |Γ(x)|; 4 ulp for x > 0, an absolute error of a few ulp of 1 near the zeros below 0. ∞ at 0, -1, -2 ...
double lgamma(double x);

// Columns: y[i] = f(x[i]) for i < n, at the width of simd(). y is x itself or does not overlap it.
#define LOOPTWIN_MATHS_COLUMN(f) void f(const double* x, double* y, size_t n);
LOOPTWIN_MATHS_UNARY(LOOPTWIN_MATHS_COLUMN)
#undef LOOPTWIN_MATHS_COLUMN
// z[i] = f(x[i], y[i]); z may be x or y.
#define LOOPTWIN_MATHS_COLUMN(f) void f(const double* x, const double* y, double* z, size_t n);
LOOPTWIN_MATHS_BINARY(LOOPTWIN_MATHS_COLUMN)
#undef LOOPTWIN_MATHS_COLUMN

/// The column functions at one width; calling those of a width that the processor lacks is undefined.
struct Columns {
#define LOOPTWIN_MATHS_MEMBER(f) void (*f)(const double* x, double* y, size_t n);
  LOOPTWIN_MATHS_UNARY(LOOPTWIN_MATHS_MEMBER)
#undef LOOPTWIN_MATHS_MEMBER
#define LOOPTWIN_MATHS_MEMBER(f) void (*f)(const double* x, const double* y, double* z, size_t n);
  LOOPTWIN_MATHS_BINARY(LOOPTWIN_MATHS_MEMBER)
#undef LOOPTWIN_MATHS_MEMBER
};
const Columns& columns(Simd width);

}  // namespace looptwin::maths
