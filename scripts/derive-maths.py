#!/usr/bin/env python3
"""Derives the coefficients of base/maths_coefficients.h (needs mpmath):

    derive-maths.py > base/maths_coefficients.h

Every table interpolates its function at Chebyshev nodes in 120 digits, which is within a small factor of the
minimax polynomial (or quotient) of that degree; the degree is chosen so that the error shown stays below the
rounding error of its place in base/maths_kernels.h. Coefficients are rounded to double at the end.
"""
from mpmath import (mp, mpf, exp, log, sin, cos, atan, asin, sinh, tanh, erf, erfc, sqrt, pi, cbrt, loggamma,
                    floor, findroot, lu_solve, matrix)

mp.dps = 120
EPS = mpf(10) ** -30


def nodes(a, b, n):
    return [(a + b) / 2 + (b - a) / 2 * cos(pi * (2 * i + 1) / (2 * n)) for i in range(n)]


def polynomial(f, a, b, degree):
    x = nodes(mpf(a), mpf(b), degree + 1)
    rows = matrix(degree + 1, degree + 1)
    for i, xi in enumerate(x):
        for j in range(degree + 1):
            rows[i, j] = xi ** j
    return [c for c in lu_solve(rows, matrix([f(xi) for xi in x]))]


def quotient(f, a, b, m, n):
    """p of degree m over 1 + q of degree n."""
    x = nodes(mpf(a), mpf(b), m + n + 1)
    rows, right = matrix(m + n + 1, m + n + 1), matrix(m + n + 1, 1)
    for i, xi in enumerate(x):
        fi = f(xi)
        for j in range(m + 1):
            rows[i, j] = xi ** j
        for j in range(1, n + 1):
            rows[i, m + j] = -fi * xi ** j
        right[i] = fi
    c = lu_solve(rows, right)
    return list(c[:m + 1]), [mpf(1)] + list(c[m + 1:])


def value(c, x):
    y = mpf(0)
    for k in reversed(c):
        y = y * x + k
    return y


def worst(f, g, a, b):
    xs = [mpf(a) + (mpf(b) - a) * i / 400 for i in range(401)]
    return max(abs(g(x) - f(x)) for x in xs)


def hexadecimal(c):
    return float(c).hex()


def show(name, c, about):
    print(f"/// {about}")
    print(f"constexpr double {name}[] = {{")
    for i in range(0, len(c), 3):
        print("    " + " ".join(hexadecimal(k) + "," for k in c[i:i + 3]))
    print("};\n")


def fit(name, f, a, b, degree, about):
    c = polynomial(f, a, b, degree)
    e = worst(f, lambda x: value(c, x), a, b)
    show(name, c, f"{about}; error below 2^{int(log(e, 2)) if e else -200}.")


def fit_quotient(name, f, a, b, degree, about):
    p, q = quotient(f, a, b, degree, degree)
    e = worst(lambda x: mpf(1), lambda x: value(p, x) / value(q, x) / f(x), a, b)
    show(name + "P", p, f"{about}: numerator; relative error below 2^{int(log(e, 2))}.")
    show(name + "Q", q, f"{about}: denominator.")


def away(f):
    """f with its removable singularity at 0 stepped around."""
    return lambda z: f(z if abs(z) > EPS else EPS)


def parts(name, x, bits, count, about):
    """x as a sum of doubles of `bits` bits (the last: 53), so that products with small integers are exact."""
    out, rest = [], x
    for i in range(count):
        lead = floor(log(rest, 2)) + 1
        unit = mpf(2) ** (lead - (bits if i + 1 < count else 53))
        part = floor(rest / unit + (0 if i + 1 < count else mpf("0.5"))) * unit
        out.append(part)
        rest -= part
    show(name, out, about)


def normal_tail(r):
    """x > 0 with Phi(-x) = exp(-r^2)."""
    target = -r * r
    x = findroot(lambda x: log(erfc(x / sqrt(mpf(2))) / 2) - target, sqrt(2 * r * r) * mpf("0.9"))
    return x


def normal_centre(z):
    q = sqrt(z)
    return findroot(lambda x: erf(x / sqrt(mpf(2))) / 2 - q, q * mpf("2.5")) / q


print("""// Coefficients of base/maths_kernels.h, lowest power first. Written by scripts/derive-maths.py; do not edit.
#pragma once

#include <cstdint>

namespace looptwin::maths {
""")
parts("kLn2Parts", log(2), 32, 2, "ln 2 in two parts, the first of 32 bits.")
parts("kHalfPiParts", pi / 2, 23, 5, "pi/2 in four parts of 23 bits and a rest.")
for name, x in (("kLn2Double", log(2)), ("kInvLn2Double", 1 / log(2)), ("kInvLn10Double", 1 / log(10)),
                ("kThirdDouble", mpf(1) / 3), ("kFifthDouble", mpf(1) / 5), ("kPiDouble", pi),
                ("kHalfPiDouble", pi / 2), ("kQuarterPiDouble", pi / 4), ("kSqrtHalfDouble", sqrt(mpf("0.5"))),
                ("kHalfLog2PiDouble", log(2 * pi) / 2)):
    hi = mpf(float(x))
    show(name, [hi, x - hi], f"{name[1:-6]} as a sum of two doubles")
show("kCbrtOfPower", [mpf(1), cbrt(mpf(2)), cbrt(mpf(4))], "cbrt(1), cbrt(2), cbrt(4).")

fit("kExp", away(lambda r: (exp(r) - 1 - r) / r ** 2), -0.34658, 0.34658, 10,
    "(eʳ - 1 - r)/r² for |r| <= ln2/2")
odd_log = lambda z: log((1 + sqrt(z)) / (1 - sqrt(z))) / (2 * sqrt(z))
fit("kLog", away(lambda z: (odd_log(z) - 1) / z), 0, 0.02944, 7, "(atanh(s)/s - 1)/z, z = s²")
fit("kLogTail", lambda z: sum(z ** k / (2 * k + 7) for k in range(60)), 0, 0.02944, 9,
    "(atanh(s)/s - 1 - z/3 - z²/5)/z³, z = s²")
fit("kSin", away(lambda z: (sin(sqrt(z)) / sqrt(z) - 1) / z), 0, 0.61687, 6, "(sin(r)/r - 1)/z, z = r²")
fit("kCos", away(lambda z: (cos(sqrt(z)) - 1 + z / 2) / z ** 2), 0, 0.61687, 6,
    "(cos(r) - 1 + z/2)/z², z = r²")
fit("kAtan", away(lambda z: (atan(sqrt(z)) / sqrt(z) - 1) / z), 0, 0.17158, 11, "(atan(t)/t - 1)/z, z = t²")
fit("kAsin", away(lambda z: (asin(sqrt(z)) / sqrt(z) - 1) / z), 0, 0.25001, 12, "(asin(x)/x - 1)/z, z = x²")
fit("kSinh", away(lambda z: (sinh(sqrt(z)) / sqrt(z) - 1) / z), 0, 1, 7, "(sinh(x)/x - 1)/z, z = x²")
fit("kTanh", away(lambda z: (tanh(sqrt(z)) / sqrt(z) - 1) / z), 0, 0.391, 11, "(tanh(x)/x - 1)/z, z = x²")
fit("kCbrt", lambda m: cbrt(m), 1, 2, 5, "cbrt(m) for m in [1, 2), a first guess")
fit("kErf", away(lambda z: erf(sqrt(z)) / sqrt(z) - 1), 0, 0.5626, 12, "erf(x)/x - 1, z = x²")
K = mpf(4)
def scaled(t):
    if t > 1 - mpf(10) ** -20:
        return 2 / sqrt(pi)
    x = K * (1 + t) / (1 - t)
    if x > 60:
        s = sum((-1) ** k * mp.fac2(2 * k - 1) / (2 * x * x) ** k for k in range(30)) / (x * sqrt(pi))
        return (1 + 2 * x) * s
    return (1 + 2 * x) * exp(x * x) * erfc(x)
fit("kErfcx", scaled, (mpf("0.5") - K) / (mpf("0.5") + K), 1, 24,
    "(1 + 2x) exp(x²) erfc(x) in t = (x - 4)/(x + 4), x >= 0.5")
fit("kNormalCentre", away(normal_centre), 0, mpf("0.09001"), 18, "quantile(1/2 + q)/q in z = q², |q| <= 0.3")
fit_quotient("kNormalTail", lambda y: normal_tail(y + mpf("1.26")), 0, mpf("3.74"), 10,
    "-quantile(exp(-r²)) in y = r - 1.26, r <= 5")
FAR = mpf(1) / 32
fit_quotient("kNormalFarTail", lambda y: normal_tail(1 / (y + FAR)) * (y + FAR), mpf(1) / 28 - FAR, mpf("0.2") - FAR, 9,
             "-quantile(exp(-r²))/r in y = 1/r - 1/32, 5 <= r <= 28")
fit("kLogGammaOne", away(lambda f: loggamma(1 + f) / f), mpf("-0.25"), mpf("0.5"), 22, "lgamma(1 + f)/f")
fit("kLogGammaTwo", away(lambda f: loggamma(2 + f) / f), mpf("-0.5"), mpf("0.5"), 20, "lgamma(2 + f)/f")


def stirling(w):
    if w < mpf(10) ** -12:
        return 1 / mpf(12)
    x = 1 / sqrt(w)
    return (loggamma(x) - (x - mpf("0.5")) * log(x) + x - log(2 * pi) / 2) * x


fit("kStirling", stirling, 0, mpf(1) / 64, 7,
    "x (lgamma(x) - (x - 1/2) ln x + x - ln(2π)/2) in w = 1/x², x >= 8")

mp.prec = 1400
words = int(floor(2 / mp.pi * mpf(2) ** 1216))
print("/// 2/π in binary: word i holds the bits of weight 2^(-64 i - 1) to 2^(-64 i - 64).")
print("constexpr uint64_t kTwoOverPi[] = {")
for i in range(19):
    print(f"    0x{(words >> (1216 - 64 * (i + 1))) & (2 ** 64 - 1):016x},")
print("};\n")
print("}  // namespace looptwin::maths")
