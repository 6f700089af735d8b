// What a device has said and the loop has not confirmed yet (hil/confirmations.h): the device's side. It says
// all of it again at each connection, and when nothing was confirmed for a while.
#pragma once

#include <cstdint>
#include <deque>
#include <utility>

#include "hil/conventions/convention.h"

namespace looptwin::hil {

class KeptMessages {
 public:
  /// So many; the oldest goes when one more comes.
  explicit KeptMessages(size_t most) : most_(most) {}

  /// What a message with the number is to say: the lowest that is kept once it is.
  uint32_t lowest_with(uint32_t number) const {
    if (all_.empty()) return number;
    return all_.size() < most_ ? all_.front().first : all_.front().first + 1;
  }
  void keep(uint32_t number, Outgoing message) {
    if (all_.size() == most_) all_.pop_front();
    all_.emplace_back(number, std::move(message));
  }
  /// All up to the number have arrived. Numbers wrap around; one that was never said is of somebody else.
  void confirm(uint32_t number) {
    if (!all_.empty() && all_.back().first - number >= 1u << 31) return;
    while (!all_.empty() && number - all_.front().first < 1u << 31) all_.pop_front();
  }
  /// In the order in which they were said.
  const std::deque<std::pair<uint32_t, Outgoing>>& all() const { return all_; }

 private:
  size_t most_;
  std::deque<std::pair<uint32_t, Outgoing>> all_;
};

}  // namespace looptwin::hil
