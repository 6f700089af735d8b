// The columns of base/maths.h at one vector width. The loops hold no branch, so the compiler vectorises them;
// ivdep says that writing y[i] cannot change a later x[i] (y is x itself, or apart from it).
#include "base/maths.h"
#include "base/maths_kernels.h"
#include "base/maths_special_kernels.h"

namespace looptwin::maths::LT_SIMD {
namespace {

// clang-format off
#define LT_PLAIN_COLUMN(f)                                 \
  void f##_column(const double* x, double* y, size_t n) {  \
    _Pragma("GCC ivdep") for (size_t i = 0; i < n; ++i) {  \
      y[i] = f(x[i]);                                      \
    }                                                      \
  }
LT_PLAIN_COLUMN(exp)
LT_PLAIN_COLUMN(exp2)
LT_PLAIN_COLUMN(expm1)
LT_PLAIN_COLUMN(log)
LT_PLAIN_COLUMN(log2)
LT_PLAIN_COLUMN(log10)
LT_PLAIN_COLUMN(log1p)
LT_PLAIN_COLUMN(sqrt)
LT_PLAIN_COLUMN(cbrt)
LT_PLAIN_COLUMN(asin)
LT_PLAIN_COLUMN(acos)
LT_PLAIN_COLUMN(atan)
LT_PLAIN_COLUMN(sinh)
LT_PLAIN_COLUMN(cosh)
LT_PLAIN_COLUMN(tanh)
LT_PLAIN_COLUMN(floor)
LT_PLAIN_COLUMN(ceil)
LT_PLAIN_COLUMN(round)
LT_PLAIN_COLUMN(erf)
LT_PLAIN_COLUMN(erfc)
LT_PLAIN_COLUMN(normal_cdf)
LT_PLAIN_COLUMN(lgamma)

#define LT_PLAIN_COLUMN_2(f)                                                \
  void f##_column(const double* x, const double* y, double* z, size_t n) {  \
    _Pragma("GCC ivdep") for (size_t i = 0; i < n; ++i) {                   \
      z[i] = f(x[i], y[i]);                                                 \
    }                                                                       \
  }
LT_PLAIN_COLUMN_2(pow)
LT_PLAIN_COLUMN_2(atan2)
LT_PLAIN_COLUMN_2(hypot)

/// A block that holds a rare argument is done one by one from its inputs; the others never pay for it.
constexpr size_t kBlock = 256;

#define LT_ANGLE_COLUMN(f)                                                                         \
  void f##_column(const double* x, double* y, size_t n) {                                          \
    for (size_t begin = 0; begin < n; begin += kBlock) {                                           \
      const size_t end = n - begin < kBlock ? n : begin + kBlock;                                  \
      uint64_t rare = 0;                                                                           \
      for (size_t i = begin; i < end; ++i) rare |= angle_is_large(x[i]);                           \
      if (rare != 0) [[unlikely]] {                                                                \
        for (size_t i = begin; i < end; ++i)                                                       \
          y[i] = f##_of(angle_is_large(x[i]) ? reduce_large(x[i]) : reduce(x[i]));                 \
        continue;                                                                                  \
      }                                                                                            \
      _Pragma("GCC ivdep") for (size_t i = begin; i < end; ++i) {                                  \
        y[i] = f##_of(reduce(x[i]));                                                               \
      }                                                                                            \
    }                                                                                              \
  }
LT_ANGLE_COLUMN(sin)
LT_ANGLE_COLUMN(cos)
LT_ANGLE_COLUMN(tan)
// clang-format on

void normal_quantile_column(const double* x, double* y, size_t n) {
  for (size_t begin = 0; begin < n; begin += kBlock) {
    const size_t end = n - begin < kBlock ? n : begin + kBlock;
    uint64_t rare = 0;
    for (size_t i = begin; i < end; ++i) rare |= normal_is_rare(x[i]);
    if (rare != 0) [[unlikely]] {
      for (size_t i = begin; i < end; ++i) y[i] = normal_quantile(x[i]);
      continue;
    }
#pragma GCC ivdep
    for (size_t i = begin; i < end; ++i) y[i] = normal_quantile_near(x[i]);
  }
}

void mod_column(const double* a, const double* b, double* z, size_t n) {
  for (size_t begin = 0; begin < n; begin += kBlock) {
    const size_t end = n - begin < kBlock ? n : begin + kBlock;
    uint64_t rare = 0;
    for (size_t i = begin; i < end; ++i) rare |= mod_is_large(a[i], b[i]);
    if (rare != 0) [[unlikely]] {
      for (size_t i = begin; i < end; ++i) {
        z[i] = mod_is_large(a[i], b[i]) ? mod_large(a[i], b[i]) : mod(a[i], b[i]);
      }
      continue;
    }
#pragma GCC ivdep
    for (size_t i = begin; i < end; ++i) z[i] = mod(a[i], b[i]);
  }
}

}  // namespace

extern const Columns kColumns;
#define LT_MEMBER(f) f##_column,
const Columns kColumns = {LOOPTWIN_MATHS_UNARY(LT_MEMBER) LOOPTWIN_MATHS_BINARY(LT_MEMBER)};

}  // namespace looptwin::maths::LT_SIMD
