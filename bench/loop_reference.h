// The same loop as bench/loop/scenario.yaml, written by hand: what an engineer would write for just this
// case, with all names, rules and sizes fixed at compile time. It draws the same random numbers through the
// same functions.
#pragma once

#include <cstdint>
#include <memory>

namespace looptwin::bench {

struct ReferenceCounts {
  uint64_t messages = 0;
  uint64_t samples = 0;
  uint64_t events = 0;
  uint64_t commands = 0;
};

class LoopReference {
 public:
  LoopReference(size_t blocks, size_t homes_per_block, bool rollups);
  ~LoopReference();
  /// One cycle of 1 s.
  void cycle();
  const ReferenceCounts& counts() const;

 private:
  struct Body;
  std::unique_ptr<Body> body_;
};

}  // namespace looptwin::bench
