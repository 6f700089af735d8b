// Numbers for tests of programs: the special ones often, and conditions with their unknown.
#pragma once

#include <cstdint>
#include <iterator>
#include <limits>
#include <random>

#include "tests/lang/tables.h"

namespace looptwin::lang::test {

inline constexpr double kInfinite = std::numeric_limits<double>::infinity();
inline constexpr double kSpecial[] = {0.0,        -0.0,
                                      0.5,        1.0,
                                      -1.0,       2.0,
                                      -2.5,       0.49999999999999994,
                                      kUnknown,   kInfinite,
                                      -kInfinite, 1e300,
                                      -1e-300,    4503599627370497.5,
                                      3.0};

class Dice {
 public:
  explicit Dice(uint64_t seed) : engine_(seed) {}
  size_t below(size_t n) { return engine_() % n; }
  bool one_in(size_t n) { return below(n) == 0; }
  double number() {
    if (one_in(4)) return kSpecial[below(std::size(kSpecial))];
    return (static_cast<double>(engine_() >> 11) * 0x1p-53 - 0.5) * (one_in(3) ? 1000.0 : 8.0);
  }
  double boolean() { return 0.5 * static_cast<double>(below(3)); }

 private:
  std::mt19937_64 engine_;
};

}  // namespace looptwin::lang::test
