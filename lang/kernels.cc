#include "lang/kernels.h"

namespace looptwin::lang {

const KernelInfo kKernelInfo[kKernels] = {
    {"copy", 1},
    {"negate", 1},
    {"not", 1},
    {"known", 1},
    {"known_boolean", 1},
    {"absolute", 1},
    {"sign", 1},
    {"floor", 1},
    {"ceil", 1},
    {"round", 1},
    {"square_root", 1},
    {"add", 2},
    {"subtract", 2},
    {"multiply", 2},
    {"divide", 2},
    {"less", 2},
    {"less_equal", 2},
    {"equal", 2},
    {"not_equal", 2},
    {"equal_boolean", 2},
    {"not_equal_boolean", 2},
    {"and", 2},
    {"or", 2},
    {"minimum", 2},
    {"maximum", 2},
    {"choose", 3},
    {"choose_boolean", 3},
    {"clamp", 3},
    {"multiply_add", 3},
    {"multiply_subtract", 3},
    {"subtract_product", 3},
    {"sum_times", 3},
    {"difference_times", 3},
    {"less_and", 3},
    {"less_equal_and", 3},
    {"less_or", 3},
    {"less_equal_or", 3},
    {"sum_of_products", 4},
    {"choose_less", 4},
    {"choose_less_equal", 4},
    {"choose_less_boolean", 4},
    {"choose_less_equal_boolean", 4},
};

const Kernels& kernels(Simd width) {
  switch (width) {
    case Simd::v2:
      return v2::kKernels;
    case Simd::v3:
      return v3::kKernels;
    case Simd::v4:
      return v4::kKernels;
  }
  return v2::kKernels;
}

}  // namespace looptwin::lang
