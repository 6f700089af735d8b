// The error function, the normal distribution and ln Γ, on top of base/maths_kernels.h and under its rules.
#pragma once

#include "base/maths_kernels.h"

namespace looptwin::maths::LT_SIMD {

/// erfc(a) for a >= 0.5, where square is a² (or, for a = x/√2, x²/2) as a sum of two doubles.
LT_INLINE double erfc_upper(double a, Two square) {
  const double c = clamp(a, 0, 40);
  const double scaled = polynomial(kErfcx, (c - 4) / (c + 4)) / (1 + 2 * c);
  return exp_two(-square.hi, magnitude(square.hi) < 760 ? -square.lo : 0, 0) * scaled;
}
LT_INLINE double erf(double x) {
  const double a = magnitude(x), z = x * x;
  const double c = clamp(a, 0, 40);
  const double large = with_sign(1 - erfc_upper(c, product(c, c)), sign_of(x));
  return a < 0.75 ? x + x * polynomial(kErf, z) : large;
}
LT_INLINE double erfc(double x) {
  const double a = clamp(magnitude(x), 0, 40), z = a * a;
  const double upper = erfc_upper(a, product(a, a));
  const double centre = 1 - (x + x * polynomial(kErf, z));
  return a < 0.5 ? centre : x > 0 ? upper : 2 - upper;
}
LT_INLINE double normal_cdf(double x) {
  const double c = clamp(magnitude(x), 0, 50);
  const Two square = product(c, c);
  const double a = c * kSqrtHalfDouble[0];
  const double upper = 0.5 * erfc_upper(a, {0.5 * square.hi, 0.5 * square.lo});
  const double centre = 0.5 + 0.5 * with_sign(a + a * polynomial(kErf, a * a), sign_of(x));
  return a < 0.5 ? centre : x > 0 ? 1 - upper : upper;
}
/// Φ⁻¹(p), by a polynomial in (p - 1/2)² and quotients in r = sqrt(-ln(min(p, 1 - p))), as Wichura (1988)
/// splits it. This is for r <= 5.
LT_INLINE double normal_quantile_near(double p) {
  const double q = p - 0.5;
  const bool centre = magnitude(q) <= 0.3;
  const double tail = q < 0 ? p : 1 - p;
  const double y = __builtin_sqrt(-log(tail)) - 1.26;
  const double outer = polynomial(kNormalTailP, y) / polynomial(kNormalTailQ, y);
  const double inner = q * polynomial(kNormalCentre, q * q);
  return centre ? inner : q < 0 ? -outer : outer;
}
/// Whether r may exceed 5, which it does for tails below e⁻²⁵: three in 10^11 uniform p; or p is no
/// probability.
LT_INLINE bool normal_is_rare(double p) {
  const double tail = p < 0.5 ? p : 1 - p;
  return !(tail > 0x1p-36);
}
LT_INLINE double normal_quantile_rare(double p) {
  const double tail = p < 0.5 ? p : 1 - p;
  const double r = __builtin_sqrt(-log(tail));
  if (r <= 5) return normal_quantile_near(p);
  const double y = 1 / r - 0.03125;
  const double far = r * (polynomial(kNormalFarTailP, y) / polynomial(kNormalFarTailQ, y));
  const double outer = tail == 0 ? kInfinity : tail >= 0 ? far : kNan;
  return p < 0.5 ? -outer : outer;
}
LT_INLINE double normal_quantile(double p) {
  return normal_is_rare(p) ? normal_quantile_rare(p) : normal_quantile_near(p);
}

/// ln Γ(x) for x > 0.
LT_INLINE double lgamma_positive(double x) {
  const double big = x > 8 ? x : 8;
  const double l = log(big), w = 1 / (big * big);
  const double stirling =
      (big - 0.5) * (l - 1) + ((kHalfLog2PiDouble[0] - 0.5) + polynomial(kStirling, w) / big);
  // Γ(x + 1) = x Γ(x) brings x < 8 to 2 + f with |f| <= 1/2.
  double f = x, factor = 1;
#pragma GCC unroll 6
  for (int i = 0; i < 6; ++i) {
    const bool step = f >= 2.5;
    f = select(step, f - 1, f);
    factor = select(step, factor * f, factor);
  }
  // Around the zeros at 1 and 2 the polynomials are multiplied by the exact distance from them.
  const bool tiny = x < 0.75;
  const bool one = x < select(tiny, 0.5, 1.5);
  const double from_one = select(tiny, x, x - 1), from_two = select(tiny, x - 1, f - 2);
  const double core_one = from_one * polynomial(kLogGammaOne, from_one);
  const double core_two = from_two * polynomial(kLogGammaTwo, from_two);
  const double steps = log(select(tiny, x, factor));
  const double small = select(one, core_one, core_two) + select(tiny, -steps, steps);
  return select(x >= 8, stirling, small);
}
LT_INLINE double sin_pi_magnitude(double x) {
  const double r = magnitude(x - __builtin_floor(x + 0.5));
  const bool inner = r <= 0.25;
  const Two angle = product(Two{select(inner, r, 0.5 - r), 0}, two(kPiDouble));
  return select(inner, sin_near(angle.hi, angle.lo), cos_near(angle.hi, angle.lo));
}
LT_INLINE double lgamma(double x) {
  const double a = magnitude(x);
  const double positive = lgamma_positive(a);
  // Γ(-a) Γ(a) a sin(πa) = -π
  const double s = sin_pi_magnitude(a);
  const double reflected = select(s == 0, kInfinity, log(kPiDouble[0] / (a * s)) - positive);
  double y = select(x < 0, reflected, positive);
  y = select(a < 0x1p-60, -log(a), y);  // where a · sin(πa) would underflow
  y = select(a == kInfinity, kInfinity, y);
  return select(x != x, x, y);
}

}  // namespace looptwin::maths::LT_SIMD
