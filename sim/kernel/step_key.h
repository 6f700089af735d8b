// What the kernel orders: 16 bytes by value, compared as one 128-bit number (time, priority, sequence). The
// slot says where the step lies; it stands in the lowest bits and never decides, because no two pending steps
// share a sequence.
#pragma once

#include <cstdint>
#include <limits>

namespace looptwin::sim {

constexpr int kSlotBits = 26;
constexpr int kSequenceBits = 32;
constexpr int kPriorityBits = 6;
static_assert(kSlotBits + kSequenceBits + kPriorityBits == 64);

struct StepKey {
  uint64_t low = 0;  ///< priority (6 bits), sequence (32), slot (26)
  int64_t time = 0;  ///< ns since the run's start, never negative

  uint32_t slot() const { return static_cast<uint32_t>(low) & ((uint32_t{1} << kSlotBits) - 1); }
  uint32_t sequence() const { return static_cast<uint32_t>(low >> kSlotBits); }
  uint32_t priority() const { return static_cast<uint32_t>(low >> (kSlotBits + kSequenceBits)); }

  static constexpr uint64_t pack(uint32_t priority, uint32_t sequence, uint32_t slot) {
    return (uint64_t{priority} << (kSlotBits + kSequenceBits)) | (uint64_t{sequence} << kSlotBits) | slot;
  }
};

inline bool operator<(const StepKey& a, const StepKey& b) {
  using Wide = unsigned __int128;  // two instructions and no branch
  return ((Wide(static_cast<uint64_t>(a.time)) << 64) | a.low) <
         ((Wide(static_cast<uint64_t>(b.time)) << 64) | b.low);
}

/// After every real key; its slot is 0, so that prefetching it does no harm.
constexpr StepKey kNoStep{~uint64_t{0} << kSlotBits, std::numeric_limits<int64_t>::max()};

}  // namespace looptwin::sim
