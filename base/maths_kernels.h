// The element functions behind base/maths.h, written once and compiled four times: into the scalars
// (maths.cc) and into the columns at each vector width (maths.simd.cc). Only IEEE additions, products,
// quotients, roots and integer operations in a fixed order, and selects instead of branches, so that every
// copy yields the same bits. Not a header to include elsewhere: LT_SIMD must name the copy.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/maths_coefficients.h"

#define LT_INLINE [[gnu::always_inline]] static inline

namespace looptwin::maths::LT_SIMD {

constexpr double kInfinity = __builtin_inf();
constexpr double kNan = __builtin_nan("");
constexpr double kRound = 0x1.8p52;  ///< adding and subtracting it rounds |x| < 2^51 to the nearest integer
constexpr double kInvLn2 = kInvLn2Double[0];
constexpr double kTwoOverPiNear = 0x1.45f306dc9c883p-1;
constexpr double kSmallestNormal = 0x1p-1022;

LT_INLINE uint64_t bits_of(double x) { return __builtin_bit_cast(uint64_t, x); }
LT_INLINE double from_bits(uint64_t b) { return __builtin_bit_cast(double, b); }
LT_INLINE double magnitude(double x) { return from_bits(bits_of(x) & ~(1ull << 63)); }
LT_INLINE uint64_t sign_of(double x) { return bits_of(x) & (1ull << 63); }
LT_INLINE double with_sign(double x, uint64_t sign) { return from_bits(bits_of(x) ^ sign); }
/// Both values are computed, whatever the condition: a chain of these stays free of branches where nested ?:
/// would not.
LT_INLINE double select(bool condition, double yes, double no) { return condition ? yes : no; }
/// NaN stays NaN: both comparisons are false for it.
LT_INLINE double clamp(double x, double low, double high) {
  x = x < low ? low : x;
  return x > high ? high : x;
}

template <int I, int N>
LT_INLINE double horner(const double (&c)[N], double x) {
  if constexpr (I + 1 == N) {
    return c[I];
  } else {
    return c[I] + x * horner<I + 1>(c, x);
  }
}
/// c[0] + c[1] x + c[2] x² + ...
template <int N>
LT_INLINE double polynomial(const double (&c)[N], double x) {
  return horner<0>(c, x);
}

// --- sums of two doubles: |lo| is at most half a unit in the last place of hi (Dekker 1971, Knuth
// TAOCP 4.2.2) --------

struct Two {
  double hi, lo;
};

/// Exact a + b, for |a| >= |b|.
LT_INLINE Two sum_ordered(double a, double b) {
  const double s = a + b;
  return {s, b - (s - a)};
}
/// Exact a + b.
LT_INLINE Two sum(double a, double b) {
  const double s = a + b;
  const double t = s - a;
  return {s, (a - (s - t)) + (b - t)};
}
/// Exact a · b while neither overflows when split (below 2^996) nor underflows.
LT_INLINE Two product(double a, double b) {
  constexpr double kSplit = 0x1p27 + 1;
  const double ca = kSplit * a, cb = kSplit * b;
  const double ah = ca - (ca - a), bh = cb - (cb - b);
  const double al = a - ah, bl = b - bh;
  const double p = a * b;
  return {p, ((ah * bh - p) + ah * bl + al * bh) + al * bl};
}
/// a · b with a relative error below 2^-102.
LT_INLINE Two product(Two a, Two b) {
  const Two p = product(a.hi, b.hi);
  return sum_ordered(p.hi, p.lo + (a.hi * b.lo + a.lo * b.hi));
}
LT_INLINE Two two(const double (&c)[2]) { return {c[0], c[1]}; }

// --- exponentials
// ----------------------------------------------------------------------------------------------------

/// 2^k for an integer -1022 <= k <= 1023: the sum's low bits are k + 1023.
LT_INLINE double power_of_two(double k) { return from_bits(bits_of(k + (0x1p52 + 1023)) << 52); }

/// y · 2^k for |k| < 2000, rounded once where the result is subnormal.
LT_INLINE double scale(double y, double k) {
  const double half = (k * 0.5 + kRound) - kRound;
  return y * power_of_two(half) * power_of_two(k - half);
}

/// x = k ln2 + (hi + lo), |hi| <= ln2 / 2; |x| < 2000.
struct Exponent {
  double k, hi, lo;
};
LT_INLINE Exponent reduce_exponent(double x, double x_low) {
  const double k = (x * kInvLn2 + kRound) - kRound;
  const double high = x - k * kLn2Parts[0];
  const double low = k * kLn2Parts[1] - x_low;
  const double r = high - low;
  return {k, r, (high - r) - low};
}
/// e^(hi + lo) - 1.
LT_INLINE double exp_minus_one(double hi, double lo) { return hi + (lo + hi * hi * polynomial(kExp, hi)); }

/// e^(x + x_low) · 2^shift.
LT_INLINE double exp_two(double x, double x_low, double shift) {
  const Exponent e = reduce_exponent(clamp(x, -760, 760), x_low);
  return scale(1 + exp_minus_one(e.hi, e.lo), e.k + shift);
}
LT_INLINE double exp(double x) { return exp_two(x, 0, 0); }

LT_INLINE double exp2(double x) {
  const double c = clamp(x, -1080, 1030);
  const double k = (c + kRound) - kRound;
  const Two r = product(Two{c - k, 0}, two(kLn2Double));
  return scale(1 + exp_minus_one(r.hi, r.lo), k);
}

LT_INLINE double expm1(double x) {
  const Exponent e = reduce_exponent(clamp(x, -50, 760), 0);
  const double p = exp_minus_one(e.hi, e.lo);
  const double s = power_of_two(clamp(e.k, -80, 80));
  const double near = e.k == 0 ? p : s * p + (s - 1);
  const double y = e.k > 60 ? scale(1 + p, e.k) : near;
  return x == 0 ? x : y;  // keeps the sign of -0
}

// --- logarithms
// ------------------------------------------------------------------------------------------------------

/// x = m · 2^k with sqrt(1/2) <= m < sqrt(2), for finite x > 0.
struct Mantissa {
  double m, k;
};
LT_INLINE Mantissa split(double x) {
  constexpr uint64_t kBias = 1023ull << 52, kSqrtHalf = 0x3fe6a09e667f3bcd;
  const bool subnormal = x < kSmallestNormal;
  const uint64_t b = bits_of(subnormal ? x * 0x1p54 : x);
  const uint64_t biased = (b + (kBias - kSqrtHalf)) >> 52;
  const double k = from_bits(0x4330000000000000 | biased) - (0x1p52 + 1023);
  return {from_bits(b - (biased << 52) + kBias), subnormal ? k - 54 : k};
}
/// The values of a logarithm outside (0, ∞), where y is right.
LT_INLINE double log_edges(double x, double y) {
  y = x > 0 ? y : x == 0 ? -kInfinity : kNan;
  return x < kInfinity ? y : x + x;  // +∞ and NaN (also x < 0, NaN already, is smaller than ∞)
}
/// ln(m 2^k) + c for a small correction c. With f = m - 1, s = f / (2 + f): ln(1 + f) = 2 atanh(s) = f - f²/2
/// + s (f²/2 + 2R).
LT_INLINE double log_of(Mantissa x, double c) {
  const double f = x.m - 1;
  const double s = f / (2 + f);
  const double z = s * s;
  const double half_square = 0.5 * f * f;
  const double tail = s * (half_square + 2 * (z * polynomial(kLog, z)));
  return x.k * kLn2Parts[0] + (f - (half_square - (tail + (x.k * kLn2Parts[1] + c))));
}
LT_INLINE double log(double x) { return log_edges(x, log_of(split(x), 0)); }

LT_INLINE double log1p(double x) {
  const Two u = sum(1, x);
  const double y = log_edges(u.hi, log_of(split(u.hi), u.hi < 0x1p60 ? u.lo / u.hi : 0));
  return x == 0 ? x : y;
}

/// ln(m 2^k) with a relative error below 2^-68.
LT_INLINE Two log_two(Mantissa x) {
  const double f = x.m - 1;
  const Two d = sum(x.m, 1);
  const double sh = f / d.hi;
  const Two back = product(sh, d.hi);
  const Two s = {sh, (((f - back.hi) - back.lo) - sh * d.lo) / d.hi};
  const Two square = product(sh, sh);
  const Two z = sum_ordered(square.hi, square.lo + 2 * sh * s.lo);
  // atanh(s)/s - 1 = z (1/3 + z (1/5 + z T(z))): only T is small enough for a plain double.
  const Two fifth = sum_ordered(kFifthDouble[0], z.hi * polynomial(kLogTail, z.hi));
  const Two inner = product(Two{fifth.hi, fifth.lo + kFifthDouble[1]}, z);
  const Two third = sum_ordered(kThirdDouble[0], inner.hi);
  const Two tail = product(product(Two{third.hi, third.lo + (inner.lo + kThirdDouble[1])}, z), s);
  const Two half = sum_ordered(s.hi, tail.hi);
  const Two whole = sum(x.k * kLn2Parts[0], 2 * half.hi);
  const double low = 2 * (half.lo + (tail.lo + s.lo)) + x.k * kLn2Parts[1];
  return sum_ordered(whole.hi, whole.lo + low);
}
LT_INLINE double log2(double x) {
  const Mantissa p = split(x);
  const Two l = product(log_two({p.m, 0}), two(kInvLn2Double));
  const Two y = sum(p.k, l.hi);
  return log_edges(x, y.hi + (y.lo + l.lo));
}
LT_INLINE double log10(double x) {
  const Two l = product(log_two(split(x)), two(kInvLn10Double));
  return log_edges(x, l.hi + l.lo);
}

LT_INLINE double pow(double x, double y) {
  const double ax = magnitude(x);
  const bool integer = __builtin_trunc(y) == y;
  const bool even = __builtin_trunc(0.5 * y) == 0.5 * y;  // so are all from 2^53 on
  // Beyond 2^65 the power is 0, 1 or ∞ whatever y is; the product below stays finite.
  const double yc = clamp(y, -0x1p65, 0x1p65);
  const Two l = log_two(split(ax));
  const Two p = product(l.hi, yc);
  const double low = select(magnitude(p.hi) < 760, p.lo + l.lo * yc, 0);
  double r = exp_two(clamp(p.hi, -760, 760), low, 0);
  const double at_zero = select(y > 0, 0, kInfinity), at_infinity = select(y > 0, kInfinity, 0);
  r = select(ax == 0, at_zero, r);
  r = select(ax == kInfinity, at_infinity, r);
  const double negative =
      select(integer, select(even, r, -r), select(ax == kInfinity, r, select(ax == 0, r, kNan)));
  r = select(sign_of(x) != 0, negative, r);
  r = select(y == 0, 1, r);
  r = select(x != x, x, r);
  return select(y != y, y, r);
}

// --- hyperbolic
// ------------------------------------------------------------------------------------------------------

LT_INLINE double sinh(double x) {
  const double a = magnitude(x), z = x * x;
  const double half = exp_two(a, 0, -1);
  const double large = with_sign(half - 0.25 / half, sign_of(x));
  return a < 1 ? x + x * (z * polynomial(kSinh, z)) : large;
}
LT_INLINE double cosh(double x) {
  const double half = exp_two(magnitude(x), 0, -1);
  return half + 0.25 / half;
}
LT_INLINE double tanh(double x) {
  const double a = magnitude(x), z = x * x;
  const double large = with_sign(1 - 2 / (exp(2 * clamp(a, 0, 30)) + 1), sign_of(x));
  return a < 0.625 ? x + x * (z * polynomial(kTanh, z)) : large;
}

// --- roots
// -----------------------------------------------------------------------------------------------------------

LT_INLINE double sqrt(double x) { return __builtin_sqrt(x); }

LT_INLINE double cbrt(double x) {
  const double a = magnitude(x);
  const bool subnormal = a < kSmallestNormal;
  const uint64_t b = bits_of(subnormal ? a * 0x1p54 : a);
  const double k = from_bits(0x4330000000000000 | (b >> 52)) - (0x1p52 + 1023);
  const double m = from_bits((b & ~(0xfffull << 52)) | (1023ull << 52));
  const double third = ((k - 1) * (1.0 / 3) + kRound) - kRound;  // k = 3 third + rest, rest 0, 1 or 2
  const double rest = k - 3 * third;
  const double value = m * (rest == 0 ? 1 : rest == 1 ? 2 : 4);
  const double guess = polynomial(kCbrt, m) * (rest == 0   ? kCbrtOfPower[0]
                                               : rest == 1 ? kCbrtOfPower[1]
                                                           : kCbrtOfPower[2]);
  const double newton = guess + (value / (guess * guess) - guess) * (1.0 / 3);
  const double t = from_bits(bits_of(newton) & ~((1ull << 27) - 1));  // 26 bits: its square is exact
  const double s = value / (t * t);
  const double y = t + t * ((s - t) / (t + t + s));  // Halley's step
  const double root = with_sign(y * power_of_two(subnormal ? third - 18 : third), sign_of(x));
  return a > 0 && a < kInfinity ? root : x + x;
}

LT_INLINE double hypot(double x, double y) {
  const double ax = magnitude(x), ay = magnitude(y);
  const double big = ax > ay ? ax : ay, small = ax > ay ? ay : ax;
  const double up = big > 0x1p500 ? 0x1p-600 : big < 0x1p-400 ? 0x1p600 : 1;
  const double down = big > 0x1p500 ? 0x1p600 : big < 0x1p-400 ? 0x1p-600 : 1;
  const double a = big * up, b = small * up;
  const Two aa = product(a, a), bb = product(b, b);
  const Two s = sum_ordered(aa.hi, bb.hi);
  const double h = __builtin_sqrt(s.hi);
  const Two hh = product(h, h);
  const double root = (h + ((s.hi - hh.hi) - hh.lo + (s.lo + (aa.lo + bb.lo))) / (h + h)) * down;
  double r = select(big == kInfinity, kInfinity, select(big == 0, 0, root));
  r = select(x != x, x, r);
  return select(y != y, y, r);
}

// --- circular functions
// ----------------------------------------------------------------------------------------------

/// x = quadrant · π/2 + (hi + lo), |hi| <= π/4 (a little more at the seams).
struct Angle {
  double hi, lo;
  uint64_t quadrant;  ///< modulo 4 counts
};
constexpr double kFastAngle = 0x1p30;  ///< up to here reduce() is right; beyond, reduce_large()

/// Cody and Waite's reduction in five parts: each of the first four products is exact for |k| < 2^30.
LT_INLINE Angle reduce(double x) {
  const double shifted = x * kTwoOverPiNear + kRound;
  const double k = shifted - kRound;
  const double a = (x - k * kHalfPiParts[0]) - k * kHalfPiParts[1];
  const Two b = sum(a, -(k * kHalfPiParts[2]));
  const Two c = sum(b.hi, -(k * kHalfPiParts[3]));
  const Two r = sum_ordered(c.hi, (c.lo + b.lo) - k * kHalfPiParts[4]);
  return {r.hi, r.lo, bits_of(shifted)};
}
LT_INLINE double sin_near(double hi, double lo) {
  const double z = hi * hi;
  return hi + (hi * z * polynomial(kSin, z) + lo * (1 - 0.5 * z));
}
LT_INLINE double cos_near(double hi, double lo) {
  const double z = hi * hi, half = 0.5 * z, w = 1 - half;
  return w + (((1 - w) - half) + (z * z * polynomial(kCos, z) - hi * lo));
}
LT_INLINE double sin_of(Angle a) {
  const double y = (a.quadrant & 1) != 0 ? cos_near(a.hi, a.lo) : sin_near(a.hi, a.lo);
  return with_sign(y, (a.quadrant & 2) << 62);
}
LT_INLINE double cos_of(Angle a) {
  const double y = (a.quadrant & 1) != 0 ? sin_near(a.hi, a.lo) : cos_near(a.hi, a.lo);
  return with_sign(y, ((a.quadrant + 1) & 2) << 62);
}
LT_INLINE double tan_of(Angle a) {
  const double z = a.hi * a.hi, half = 0.5 * z, w = 1 - half;
  const Two s = sum_ordered(a.hi, a.hi * z * polynomial(kSin, z) + a.lo * w);
  const Two c = sum_ordered(w, ((1 - w) - half) + (z * z * polynomial(kCos, z) - a.hi * a.lo));
  const bool turned = (a.quadrant & 1) != 0;
  const double n = turned ? -c.hi : s.hi, d = turned ? s.hi : c.hi;
  const double nl = turned ? -c.lo : s.lo, dl = turned ? s.lo : c.lo;
  const double t = n / d;
  const Two back = product(t, d);
  const double correction = (((n - back.hi) - back.lo) + (nl - t * dl)) / d;
  // A tiny angle is its own tangent; the products above would lose their low parts.
  return magnitude(t) > 0x1p-400 && magnitude(t) < 0x1p400 ? t + correction : t;
}

/// The reduction for any finite x, by integers (Payne and Hanek 1983): x = m 2^e, and of m · 2/π · 2^e only
/// the bits around the point matter. Five words of 2/π leave an error below 2^-170 quadrants; no double comes
/// nearer than 2^-62.
static inline Angle reduce_large(double x) {
  if (!(magnitude(x) < kInfinity)) return {kNan, kNan, 0};
  const uint64_t b = bits_of(magnitude(x));
  const uint64_t m = (b & ((1ull << 52) - 1)) | (1ull << 52);
  const int e = static_cast<int>(b >> 52) - 1075;  // > -52 here; x = m 2^e
  // Words of 2/π whose products with x are multiples of 4 are left out.
  const int skip = e > 53 ? (e - 53) & ~63 : 0;
  const int word = skip / 64, rest = e - skip;  // rest < 117: x 2/π ≡ m 2^rest · (bits from `word` on)
  unsigned __int128 carry = 0;
  uint64_t p[6];  // m times five words, most significant first
  for (int i = 4; i >= 0; --i) {
    carry += static_cast<unsigned __int128>(m) * kTwoOverPi[word + i];
    p[i + 1] = static_cast<uint64_t>(carry);
    carry >>= 64;
  }
  p[0] = static_cast<uint64_t>(carry);
  // The point stands 320 - rest bits from the right; take 2 bits before it and 128 after it.
  const auto bit = [&](int from_right, int count) {  // count <= 64 bits whose lowest has that position
    uint64_t value = 0;
    for (int i = 0; i < count; ++i) {
      const int at = from_right + i;
      value |= ((p[5 - at / 64] >> (at % 64)) & 1) << i;
    }
    return value;
  };
  const int point = 320 - rest;
  uint64_t quadrant = bit(point, 2);
  uint64_t high = bit(point - 64, 64), low = bit(point - 128, 64);
  const bool upper = (high >> 63) != 0;  // a fraction above one half: the next quadrant, less the complement
  if (upper) {
    quadrant += 1;
    low = ~low + 1;
    high = ~high + (low == 0 ? 1 : 0);
  }
  // The fraction as a sum of doubles, from its first set bit on so that nothing of it is lost.
  const unsigned __int128 fraction = (static_cast<unsigned __int128>(high) << 64) | low;
  const int zeros = high != 0 ? __builtin_clzll(high) : 64 + (low != 0 ? __builtin_clzll(low) : 63);
  const unsigned __int128 shifted = fraction << zeros;
  const double unit = from_bits(static_cast<uint64_t>(1023 - 53 - zeros) << 52);
  const Two f = {
      static_cast<double>(static_cast<int64_t>(static_cast<uint64_t>(shifted >> 75))) * unit,
      static_cast<double>(static_cast<int64_t>(static_cast<uint64_t>(shifted >> 22) & ((1ull << 53) - 1))) *
          (unit * 0x1p-53)};
  const Two r = product(f, two(kHalfPiDouble));
  const double sign = upper ? -1 : 1;
  if ((bits_of(x) >> 63) != 0) return {-sign * r.hi, -sign * r.lo, 0 - quadrant};
  return {sign * r.hi, sign * r.lo, quadrant};
}

constexpr double kTanEighth = 0x1.a827999fcef32p-2, kTanThreeEighths = 0x1.3504f333f9de6p+1;

/// atan(y / x) for 0 <= x, y, not both 0 nor both infinite; no product of the two may overflow. Above
/// tan(π/8) it is π/4 + atan((y - x)/(y + x)) or π/2 + atan(-x / y), with the quotient's rounding error
/// carried along.
LT_INLINE double atan_quadrant(double y, double x) {
  const bool low = y <= kTanEighth * x, high = y > kTanThreeEighths * x;
  const Two difference = sum(y, -x), whole = sum(y, x);
  const double n = select(high, -x, select(low, y, difference.hi));
  const double d = select(high, y, select(low, x, whole.hi));
  const double t = n / d, z = t * t;
  const Two back = product(t, d);
  const double middle = difference.lo - t * whole.lo;
  const double error = ((n - back.hi) - back.lo) + select(high, 0, middle);
  const double correction = select(low, 0, error / (d * (1 + z)));
  const double base = select(high, kHalfPiDouble[0], select(low, 0, kQuarterPiDouble[0]));
  const double base_low = select(high, kHalfPiDouble[1], select(low, 0, kQuarterPiDouble[1]));
  const Two head = sum(base, t);
  return head.hi + (head.lo + (t * (z * polynomial(kAtan, z)) + (base_low + correction)));
}
LT_INLINE double atan(double x) {
  const double a = magnitude(x);
  return with_sign(atan_quadrant(a > 0x1p100 ? 0x1p100 : a, 1), sign_of(x));
}
LT_INLINE double atan2(double y, double x) {
  const double ay = magnitude(y), ax = magnitude(x);
  const double big = select(ax > ay, ax, ay);
  const double factor = select(big > 0x1p900, 0x1p-200, select(big < 0x1p-800, 0x1p200, 1));
  // An infinite argument counts as 1 and a finite one beside it as 0; of two zeros x counts as 1.
  const double xf = select(ax == kInfinity, 1, ax * factor), yf = select(ay == kInfinity, 1, ay * factor);
  const double xx = select(big == kInfinity, select(ax == kInfinity, 1, 0), select(big == 0, 1, xf));
  const double yy = select(big == kInfinity, select(ay == kInfinity, 1, 0), yf);
  const double first = atan_quadrant(yy, xx);
  const double turned = (kPiDouble[0] - first) + kPiDouble[1];
  double r = with_sign(select(sign_of(x) != 0, turned, first), sign_of(y));
  r = select(x != x, x, r);
  return select(y != y, y, r);
}

/// asin(s)/s - 1 where z = s², and for |x| > 1/2 the root s = sqrt((1 - |x|) / 2) as a sum of two doubles.
struct Arc {
  double tail;
  Two root;
};
LT_INLINE Arc arc(double a) {
  const double z = a > 0.5 ? 0.5 * (1 - a) : a * a;
  const double s = __builtin_sqrt(z);
  const Two back = product(s, s);
  const double correction = ((z - back.hi) - back.lo) / (s + s);
  return {z * polynomial(kAsin, z), {s, z > 0 ? correction : 0}};
}
LT_INLINE double asin(double x) {
  const double a = magnitude(x);
  const Arc r = arc(a);
  const double lower = 2 * (r.root.lo + r.root.hi * r.tail) - kHalfPiDouble[1];
  const Two upper = sum_ordered(kHalfPiDouble[0], -2 * r.root.hi);
  const double y = with_sign(upper.hi + (upper.lo - lower), sign_of(x));
  return a <= 0.5 ? x + x * r.tail : a <= 1 ? y : kNan;
}
LT_INLINE double acos(double x) {
  const double a = magnitude(x);
  const Arc r = arc(a);
  const Two middle = sum_ordered(kHalfPiDouble[0], -x);
  const double centre = middle.hi + (middle.lo + (kHalfPiDouble[1] - x * r.tail));
  const double half = r.root.hi + (r.root.lo + r.root.hi * r.tail);
  const double left = kPiDouble[0] - 2 * r.root.hi;
  const double left_low = ((kPiDouble[0] - left) - 2 * r.root.hi) + kPiDouble[1];
  const double outer = x > 0 ? 2 * half : left + (left_low - 2 * (r.root.lo + r.root.hi * r.tail));
  return a <= 0.5 ? centre : a <= 1 ? outer : kNan;
}

// --- rounding
// --------------------------------------------------------------------------------------------------------

LT_INLINE double floor(double x) { return __builtin_floor(x); }
LT_INLINE double ceil(double x) { return __builtin_ceil(x); }
LT_INLINE double round(double x) {
  const double below_half = from_bits(bits_of(0x1.fffffffffffffp-2) | sign_of(x));
  return __builtin_trunc(x + below_half);
}
/// a - b floor(a / b) while |a / b| < 2^51: the product is split exactly, and a quotient rounded up to the
/// next integer is put right by one b.
LT_INLINE bool mod_is_large(double a, double b) {
  const double q = magnitude(a / b);
  return !(q < 0x1p51 && magnitude(b) < 0x1p990 && magnitude(a) < 0x1p990 &&
           (magnitude(b) > 0x1p-900 || a == 0));
}
LT_INLINE double mod(double a, double b) {
  const double q = __builtin_floor(a / b);
  const Two p = product(q, b);
  double r = (a - p.hi) - p.lo;
  r = with_sign(r, sign_of(b));
  r = r < 0 ? r + magnitude(b) : r;
  return with_sign(r, sign_of(b));
}

// --- what needs a decision: rare arguments outside the fast kernels' range
// ---------------------------------------------

LT_INLINE bool angle_is_large(double x) { return !(magnitude(x) <= kFastAngle); }

/// Exact for all finite a and b != 0, by the exact fmod.
static inline double mod_large(double a, double b) {
  const double r = __builtin_fmod(a, b);
  return r != 0 && sign_of(r) != sign_of(b) ? r + b : r == 0 ? with_sign(magnitude(r), sign_of(b)) : r;
}

}  // namespace looptwin::maths::LT_SIMD
