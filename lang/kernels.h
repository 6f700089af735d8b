// The inner loops of the vector VM: one function a kernel, a form and a vector width, over up to a block of
// rows. A form says which operands are one value for all rows (bit k set: operand k is read at [0] only). All
// are element-wise IEEE operations: equal bits at every width, but for the sign and payload of a NaN. `out`
// may be the same array as an operand; it never overlaps one in part. This header is read by kernels.simd.cc,
// which is compiled for several widths: declarations only, nothing inline.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/simd.h"

namespace looptwin::lang {

/// What a kernel computes of its operands a, b, c, d. Booleans are 0, ½ (unknown), 1; an unknown number is
/// NaN.
enum class Kernel : uint8_t {
  // One operand.
  copy,
  negate,
  logical_not,
  known,
  known_boolean,
  absolute,
  sign,
  floor,
  ceil,
  round,
  square_root,
  // Two operands.
  add,
  subtract,
  multiply,
  divide,
  less,
  less_equal,
  equal,
  not_equal,
  equal_boolean,
  not_equal_boolean,
  logical_and,
  logical_or,
  minimum,
  maximum,
  // Three operands.
  choose,
  choose_boolean,     ///< a ? b : c
  clamp,              ///< a within [b, c]
  multiply_add,       ///< a·b + c, both rounded
  multiply_subtract,  ///< a·b − c
  subtract_product,   ///< c − a·b
  sum_times,          ///< (a + b)·c
  difference_times,   ///< (a − b)·c
  less_and,
  less_equal_and,
  less_or,
  less_equal_or,  ///< (a < b) && c …
  // Four operands.
  sum_of_products,  ///< a·b + c·d, all rounded
  choose_less,
  choose_less_equal,
  choose_less_boolean,
  choose_less_equal_boolean,  ///< a < b ? c : d …
};
inline constexpr size_t kKernels = 42;
inline constexpr size_t kForms = 16;

/// Sums of so many products are one kernel: a long row of a plant's exact step is then one pass over its
/// columns.
inline constexpr size_t kLeastProducts = 3;
inline constexpr size_t kMostProducts = 6;

/// How many operands a kernel has, and its name for listings; indexed by Kernel.
struct KernelInfo {
  const char* name;
  uint8_t operands;
};
extern const KernelInfo kKernelInfo[kKernels];

/// Storage as in lang/schema.h: f64, boolean, code, row, instant.
inline constexpr size_t kStorages = 5;

/// The kernels of one width.
struct Kernels {
  using Apply = void (*)(double* out, const double* a, const double* b, const double* c, const double* d,
                         size_t n);
  using Load = void (*)(double* out, const void* column, size_t n);
  using Store = void (*)(void* column, const double* in, size_t n);
  using Gather = void (*)(double* out, const uint32_t* rows, const void* column, size_t n);
  using Interpolate = void (*)(double* out, const double* x, const double* table, size_t points, size_t n);
  using Dot = void (*)(double* out, const double* const* in, size_t n);
  using Age = void (*)(double* out, const int64_t* sampled, int64_t now_ns, size_t n);
  using Earliest = int64_t (*)(const int64_t* sampled, int64_t from_ns, size_t n);
  using Between = size_t (*)(double* out, const double* x, const uint8_t* state, double on, double off,
                             size_t n);

  Apply apply[kKernels][kForms];  ///< null where a form has no operand that varies by row
  Load load[kStorages];           ///< a column to doubles; instants in s
  Store store[kStorages];         ///< the inverse: ½ and NaN become unknown, instants are rounded to ns
  Gather gather[kStorages];       ///< column[rows[i]], unknown where rows[i] is none
  Interpolate
      interpolate;  ///< table: `points` abscissae, ordinates, slopes to the next point, held at the ends
  Interpolate extrapolate;  ///< the same, its first and last piece going on
  /// in[0]·in[1] + in[2]·in[3] + …, all rounded, from the left; no operand is one value for all rows.
  Dot dot[kMostProducts - kLeastProducts + 1];
  Age age;            ///< now − sampled in s; since the start where never
  Earliest earliest;  ///< of the instants that age counts from, the first at or after `from`; INT64_MAX: none
  /// What a hysteresis of known limits wants: 1 at or past on, 0 at or past off, else its state, which is 0
  /// or 1. Returns how many rows want another state.
  Between between;
};

namespace v2 {
extern const Kernels kKernels;
}
namespace v3 {
extern const Kernels kKernels;
}
namespace v4 {
extern const Kernels kKernels;
}

/// The kernels of a width; the processor must have it.
const Kernels& kernels(Simd width);

}  // namespace looptwin::lang
