// Messages that a device has sent again because it did not hear that they had arrived. Where it says when
// they were taken the loop knows them by that (mml/sequence.h); where it only counts, and counting anew after
// a restart looks the same, by their number and all that they say.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "hil/json_codec.h"

namespace looptwin::hil {

class Resent {
 public:
  explicit Resent(size_t rows) : last_(rows) {}
  /// Whether the row's device has said just this a little while ago. A message without a number, or with a
  /// time, is none of ours.
  bool again(size_t row, const Samples& samples);

 private:
  static constexpr size_t kRemembered = 16;
  std::vector<std::array<uint64_t, kRemembered>> last_;  ///< [row] hashes, at their number's place
};

}  // namespace looptwin::hil
