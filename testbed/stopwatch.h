// How long something took on the wall: for what is told to people, never for what is decided.
#pragma once

#include <chrono>

namespace looptwin::testbed {

class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(Clock::now() - begin_).count(); }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point begin_ = Clock::now();
};

}  // namespace looptwin::testbed
