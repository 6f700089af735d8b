// Compiled once a vector width (see cmake/looptwin.cmake); everything lies in a namespace of that width's
// name.
#include "lang/kernels.h"

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace looptwin::lang::LT_SIMD {
namespace {

constexpr double kUnknown = __builtin_nan("");
constexpr double kHalf = 0.5;

// Scalar definitions: one place where the meaning of each kernel stands. The compiler makes vectors of them.
#define LT_KERNEL1(name, expression)                                         \
  struct name {                                                              \
    static double f(double a, double, double, double) { return expression; } \
  }
#define LT_KERNEL2(name, expression)                                           \
  struct name {                                                                \
    static double f(double a, double b, double, double) { return expression; } \
  }
#define LT_KERNEL3(name, expression)                                             \
  struct name {                                                                  \
    static double f(double a, double b, double c, double) { return expression; } \
  }
#define LT_KERNEL4(name, expression)                                               \
  struct name {                                                                    \
    static double f(double a, double b, double c, double d) { return expression; } \
  }

double less_than(double a, double b) { return a < b ? 1.0 : (a >= b ? 0.0 : kHalf); }
double at_most(double a, double b) { return a <= b ? 1.0 : (a > b ? 0.0 : kHalf); }
double same(double a, double b) { return a == b ? 1.0 : ((a == a) & (b == b) ? 0.0 : kHalf); }
double same_boolean(double a, double b) { return (a == kHalf) | (b == kHalf) ? kHalf : (a == b ? 1.0 : 0.0); }
double both(double a, double b) { return a < b ? a : b; }
double either(double a, double b) { return a > b ? a : b; }
double lesser(double a, double b) { return a != a ? a : (b != b ? b : (a < b ? a : b)); }
double larger(double a, double b) { return a != a ? a : (b != b ? b : (a > b ? a : b)); }
double choice(double condition, double yes, double no, double unknown) {
  return condition == 1.0 ? yes : (condition == 0.0 ? no : unknown);
}
// Halves go away from zero, as in std::round. The fraction x − trunc(x) is exact, so no half is missed.
double round_away(double x) {
  const double whole = __builtin_trunc(x);
  return __builtin_fabs(x - whole) >= kHalf ? whole + __builtin_copysign(1.0, x) : whole;
}

LT_KERNEL1(Copy, a);
LT_KERNEL1(Negate, -a);
LT_KERNEL1(LogicalNot, 1.0 - a);
LT_KERNEL1(Known, a == a ? 1.0 : 0.0);
LT_KERNEL1(KnownBoolean, a == kHalf ? 0.0 : 1.0);
LT_KERNEL1(Absolute, __builtin_fabs(a));
LT_KERNEL1(Sign, a > 0.0 ? 1.0 : (a < 0.0 ? -1.0 : a));
LT_KERNEL1(Floor, __builtin_floor(a));
LT_KERNEL1(Ceil, __builtin_ceil(a));
LT_KERNEL1(Round, round_away(a));
LT_KERNEL1(SquareRoot, __builtin_sqrt(a));
LT_KERNEL2(Add, a + b);
LT_KERNEL2(Subtract, a - b);
LT_KERNEL2(Multiply, a* b);
LT_KERNEL2(Divide, a / b);
LT_KERNEL2(Less, less_than(a, b));
LT_KERNEL2(LessEqual, at_most(a, b));
LT_KERNEL2(Equal, same(a, b));
LT_KERNEL2(NotEqual, 1.0 - same(a, b));
LT_KERNEL2(EqualBoolean, same_boolean(a, b));
LT_KERNEL2(NotEqualBoolean, 1.0 - same_boolean(a, b));
LT_KERNEL2(LogicalAnd, both(a, b));
LT_KERNEL2(LogicalOr, either(a, b));
LT_KERNEL2(Minimum, lesser(a, b));
LT_KERNEL2(Maximum, larger(a, b));
LT_KERNEL3(Choose, choice(a, b, c, kUnknown));
LT_KERNEL3(ChooseBoolean, choice(a, b, c, kHalf));
LT_KERNEL3(Clamp, lesser(larger(a, b), c));
LT_KERNEL3(MultiplyAdd, a* b + c);
LT_KERNEL3(MultiplySubtract, a* b - c);
LT_KERNEL3(SubtractProduct, c - a * b);
LT_KERNEL3(SumTimes, (a + b) * c);
LT_KERNEL3(DifferenceTimes, (a - b) * c);
LT_KERNEL3(LessAnd, both(less_than(a, b), c));
LT_KERNEL3(LessEqualAnd, both(at_most(a, b), c));
LT_KERNEL3(LessOr, either(less_than(a, b), c));
LT_KERNEL3(LessEqualOr, either(at_most(a, b), c));
LT_KERNEL4(SumOfProducts, a* b + c * d);
LT_KERNEL4(ChooseLess, (a < b ? c : (a >= b ? d : kUnknown)));
LT_KERNEL4(ChooseLessEqual, (a <= b ? c : (a > b ? d : kUnknown)));
LT_KERNEL4(ChooseLessBoolean, (a < b ? c : (a >= b ? d : kHalf)));
LT_KERNEL4(ChooseLessEqualBoolean, (a <= b ? c : (a > b ? d : kHalf)));

// Operands that are one value for all rows are read before the loop: `out` may alias them for all the
// compiler knows. ivdep: `out` is an operand's array or apart from it, so no iteration reads what another has
// written.
template <typename F, int kOperands, int kForm>
void apply(double* out, const double* a, const double* b, const double* c, const double* d, size_t n) {
  const double a0 = kForm & 1 ? *a : 0.0;
  const double b0 = kForm & 2 ? *b : 0.0;
  const double c0 = kForm & 4 ? *c : 0.0;
  const double d0 = kForm & 8 ? *d : 0.0;
#pragma GCC ivdep
  for (size_t i = 0; i < n; ++i) {
    out[i] = F::f(kForm & 1 ? a0 : a[i], kOperands < 2 || (kForm & 2) ? b0 : b[i],
                  kOperands < 3 || (kForm & 4) ? c0 : c[i], kOperands < 4 || (kForm & 8) ? d0 : d[i]);
  }
}

template <typename F, int kOperands, int kForm>
constexpr Kernels::Apply form() {
  constexpr int kAll = (1 << kOperands) - 1;
  if constexpr (kForm > kAll || (kForm == kAll && kOperands > 1)) {
    return nullptr;
  } else {
    return &apply<F, kOperands, kForm>;
  }
}

#define LT_FORMS(F, n)                                                                                    \
  {                                                                                                       \
    form<F, n, 0>(), form<F, n, 1>(), form<F, n, 2>(), form<F, n, 3>(), form<F, n, 4>(), form<F, n, 5>(), \
        form<F, n, 6>(), form<F, n, 7>(), form<F, n, 8>(), form<F, n, 9>(), form<F, n, 10>(),             \
        form<F, n, 11>(), form<F, n, 12>(), form<F, n, 13>(), form<F, n, 14>(), form<F, n, 15>()          \
  }

// How one element of each storage becomes a double, and back.
struct F64 {
  using Type = double;
  static double load(double v) { return v; }
  static double store(double v) { return v; }
};
struct Boolean {
  using Type = uint8_t;
  static double load(uint8_t v) { return v > 1 ? kHalf : static_cast<double>(static_cast<int>(v)); }
  static uint8_t store(double v) { return v == 1.0 ? 1 : (v == 0.0 ? 0 : 2); }
};
struct Code {
  using Type = uint8_t;
  static double load(uint8_t v) { return v == 255 ? kUnknown : static_cast<double>(static_cast<int>(v)); }
  static uint8_t store(double v) {
    const bool valid = (v >= 0.0) & (v < 255.0);
    return static_cast<uint8_t>(static_cast<int>(valid ? v : 255.0));
  }
};
struct RowIndex {
  using Type = uint32_t;
  static double load(uint32_t v) { return v == UINT32_MAX ? kUnknown : static_cast<double>(v); }
  static uint32_t store(double v) {
    const bool valid = (v >= 0.0) & (v < 4294967295.0);
    return static_cast<uint32_t>(static_cast<int64_t>(valid ? v : 4294967295.0));
  }
};
struct Instant {
  using Type = int64_t;
  static double load(int64_t v) { return v == INT64_MAX ? kUnknown : static_cast<double>(v) / 1e9; }
  static int64_t store(double v) {
    const bool valid = (v > -9.2e9) & (v < 9.2e9);
    return valid ? static_cast<int64_t>(round_away(v * 1e9)) : INT64_MAX;
  }
};

template <typename S>
void load(double* out, const void* column, size_t n) {
  const auto* in = static_cast<const typename S::Type*>(column);
#pragma GCC ivdep
  for (size_t i = 0; i < n; ++i) out[i] = S::load(in[i]);
}

template <typename S>
void store(void* column, const double* in, size_t n) {
  auto* out = static_cast<typename S::Type*>(column);
#pragma GCC ivdep
  for (size_t i = 0; i < n; ++i) out[i] = S::store(in[i]);
}

template <typename S, bool kIsBoolean>
void gather(double* out, const uint32_t* rows, const void* column, size_t n) {
  const auto* in = static_cast<const typename S::Type*>(column);
#pragma GCC ivdep
  for (size_t i = 0; i < n; ++i) {
    out[i] = rows[i] == UINT32_MAX ? (kIsBoolean ? kHalf : kUnknown) : S::load(in[rows[i]]);
  }
}

// Goes through the points for a few rows at a time, which stay in registers; the last point at or before x
// wins.
void interpolate(double* out, const double* x, const double* table, size_t points, size_t n) {
  constexpr size_t kLanes = 32;
  const double* const slope = table + 2 * points;
  for (size_t i = 0; i < n; i += kLanes) {
    const size_t lanes = n - i < kLanes ? n - i : kLanes;
    double at[kLanes] = {};
    double y[kLanes];
    std::memcpy(at, x + i, lanes * sizeof(double));
    for (size_t j = 0; j < kLanes; ++j) y[j] = at[j] == at[j] ? table[points] : kUnknown;
    for (size_t k = 0; k + 1 < points; ++k) {
      const double x0 = table[k], y0 = table[points + k], s = slope[k];
      for (size_t j = 0; j < kLanes; ++j) y[j] = at[j] >= x0 ? y0 + (at[j] - x0) * s : y[j];
    }
    // Beyond the last point without a product: ∞·0 would be unknown.
    const double x1 = table[points - 1], y1 = table[2 * points - 1];
    for (size_t j = 0; j < kLanes; ++j) y[j] = at[j] >= x1 ? y1 : y[j];
    std::memcpy(out + i, y, lanes * sizeof(double));
  }
}

/// The last piece that begins at or before x, the first one before all.
void extrapolate(double* out, const double* x, const double* table, size_t points, size_t n) {
  const double* const slope = table + 2 * points;
  for (size_t i = 0; i < n; ++i) {
    const double at = x[i];
    double y = table[points] + (at - table[0]) * slope[0];
    for (size_t k = 1; k + 1 < points; ++k) {
      const double beyond = table[points + k] + (at - table[k]) * slope[k];
      y = at >= table[k] ? beyond : y;
    }
    out[i] = y;
  }
}

template <size_t kProducts>
void dot(double* out, const double* const* in, size_t n) {
  const double* factor[2 * kProducts];
  for (size_t k = 0; k < 2 * kProducts; ++k) factor[k] = in[k];
#pragma GCC ivdep
  for (size_t i = 0; i < n; ++i) {
    double sum = factor[0][i] * factor[1][i];
#pragma GCC unroll 8
    for (size_t k = 1; k < kProducts; ++k) sum += factor[2 * k][i] * factor[2 * k + 1][i];
    out[i] = sum;
  }
}

int64_t since(int64_t sampled) { return sampled == INT64_MAX ? 0 : sampled; }

/// The nearest double. Before AVX-512 no instruction makes vectors of it, and both halves go into the
/// mantissas of two doubles of known exponents instead; all but the last addition is exact.
double nearest(int64_t x) {
#if defined __AVX512DQ__
  return static_cast<double>(x);
#else
  const auto bits = static_cast<uint64_t>(x);
  const double high =
      __builtin_bit_cast(double, (bits >> 32) ^ 0x4530000080000000u);  // 2^84 + 2^63 + 2^32 high
  const double low = __builtin_bit_cast(double, (bits & 0xffffffffu) | 0x4330000000000000u);  // 2^52 + low
  return (high - 0x1.00000801p84) + low;
#endif
}

void age(double* out, const int64_t* sampled, int64_t now_ns, size_t n) {
#pragma GCC ivdep
  for (size_t i = 0; i < n; ++i) out[i] = nearest(now_ns - since(sampled[i])) / 1e9;
}

int64_t earliest(const int64_t* sampled, int64_t from_ns, size_t n) {
  int64_t first = INT64_MAX;
  for (size_t i = 0; i < n; ++i) {
    const int64_t s = since(sampled[i]);
    const int64_t candidate = s >= from_ns ? s : INT64_MAX;
    first = candidate < first ? candidate : first;
  }
  return first;
}

template <bool kRising>
size_t between_as(double* out, const double* x, const uint8_t* state, double on, double off, size_t n) {
  size_t changes = 0;
#pragma GCC ivdep
  for (size_t i = 0; i < n; ++i) {
    const double before = static_cast<double>(static_cast<int>(state[i])), v = x[i];
    const double low = (kRising ? v <= off : v >= off) ? 0.0 : before;
    out[i] = (kRising ? v >= on : v <= on) ? 1.0 : low;
  }
  for (size_t i = 0; i < n; ++i) changes += out[i] == static_cast<double>(static_cast<int>(state[i])) ? 0 : 1;
  return changes;
}

size_t between(double* out, const double* x, const uint8_t* state, double on, double off, size_t n) {
  return on >= off ? between_as<true>(out, x, state, on, off, n)
                   : between_as<false>(out, x, state, on, off, n);
}

}  // namespace

extern const Kernels kKernels = {
    {LT_FORMS(Copy, 1),
     LT_FORMS(Negate, 1),
     LT_FORMS(LogicalNot, 1),
     LT_FORMS(Known, 1),
     LT_FORMS(KnownBoolean, 1),
     LT_FORMS(Absolute, 1),
     LT_FORMS(Sign, 1),
     LT_FORMS(Floor, 1),
     LT_FORMS(Ceil, 1),
     LT_FORMS(Round, 1),
     LT_FORMS(SquareRoot, 1),
     LT_FORMS(Add, 2),
     LT_FORMS(Subtract, 2),
     LT_FORMS(Multiply, 2),
     LT_FORMS(Divide, 2),
     LT_FORMS(Less, 2),
     LT_FORMS(LessEqual, 2),
     LT_FORMS(Equal, 2),
     LT_FORMS(NotEqual, 2),
     LT_FORMS(EqualBoolean, 2),
     LT_FORMS(NotEqualBoolean, 2),
     LT_FORMS(LogicalAnd, 2),
     LT_FORMS(LogicalOr, 2),
     LT_FORMS(Minimum, 2),
     LT_FORMS(Maximum, 2),
     LT_FORMS(Choose, 3),
     LT_FORMS(ChooseBoolean, 3),
     LT_FORMS(Clamp, 3),
     LT_FORMS(MultiplyAdd, 3),
     LT_FORMS(MultiplySubtract, 3),
     LT_FORMS(SubtractProduct, 3),
     LT_FORMS(SumTimes, 3),
     LT_FORMS(DifferenceTimes, 3),
     LT_FORMS(LessAnd, 3),
     LT_FORMS(LessEqualAnd, 3),
     LT_FORMS(LessOr, 3),
     LT_FORMS(LessEqualOr, 3),
     LT_FORMS(SumOfProducts, 4),
     LT_FORMS(ChooseLess, 4),
     LT_FORMS(ChooseLessEqual, 4),
     LT_FORMS(ChooseLessBoolean, 4),
     LT_FORMS(ChooseLessEqualBoolean, 4)},
    {&load<F64>, &load<Boolean>, &load<Code>, &load<RowIndex>, &load<Instant>},
    {&store<F64>, &store<Boolean>, &store<Code>, &store<RowIndex>, &store<Instant>},
    {&gather<F64, false>, &gather<Boolean, true>, &gather<Code, false>, &gather<RowIndex, false>,
     &gather<Instant, false>},
    &interpolate,
    &extrapolate,
    {&dot<3>, &dot<4>, &dot<5>, &dot<6>},
    &age,
    &earliest,
    &between,
};

}  // namespace looptwin::lang::LT_SIMD
