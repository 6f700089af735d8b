// Random expressions about a home of the sample neighbourhood, as text, well typed by construction.
#pragma once

#include <cstdint>
#include <string>

#include "sample_schema.h"

namespace looptwin::lang::sample {

/// What may occur in a random expression.
struct Ingredients {
  bool relations = true;  ///< block.limit
  bool sets = true;       ///< sum(block.homes.power); blocks only where the row is a block
  bool feeds = true;
  bool state = false;        ///< previous, held, time_true, rises
  bool controllers = false;  ///< hysteresis, latch, delay, ramp
};

enum class Wish : uint8_t { power, temperature, difference, ratio, condition, program };

class RandomExpression {
 public:
  RandomExpression(uint64_t seed, Ingredients ingredients) : state_(seed), with_(ingredients) {}
  /// For a row of `home`.
  std::string text(Wish wish, int depth = 4);
  /// A number below `n`.
  uint64_t below(uint64_t n);

 private:
  std::string leaf(Wish wish);
  std::string number(Wish wish, int depth);
  std::string condition(int depth);
  std::string ratio(int depth);
  uint64_t state_;
  Ingredients with_;
};

}  // namespace looptwin::lang::sample
