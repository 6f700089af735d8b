// Memory for cells of one type that are addressed by a dense index and never move: blocks that double, so an
// address is one table look-up away, and large blocks lie on huge pages. Cells are not constructed; indices
// are handed out once, in order, and who wants them back keeps a list of its own (a kernel's free slots, a
// queue's free chunks).
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "base/check.h"

namespace looptwin::sim {

/// Zeroed or uninitialised memory, on 2 MiB pages where it is large enough for one; `align` is a power of
/// two.
void* allocate_block(size_t bytes, size_t align);
void free_block(void* block, size_t bytes, size_t align);

template <typename T>
class Slab {
  static_assert(std::is_trivially_destructible_v<T>);

 public:
  Slab() = default;
  ~Slab() { clear(); }
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;

  uint32_t size() const { return size_; }
  T& operator[](uint32_t index) const {
    return *reinterpret_cast<T*>(bases_[std::bit_width(index | (kFirst - 1))] + index * sizeof(T));
  }

  /// The next unused cell. Allocates when a block is full, which happens at every doubling only.
  uint32_t add() {
    if (size_ == capacity_) [[unlikely]]
      grow();
    return size_++;
  }

  void clear() {
    for (uint32_t begin = 0; begin < capacity_; begin = block_end(begin)) {
      free_block(&(*this)[begin], (block_end(begin) - begin) * sizeof(T), alignof(T));
    }
    size_ = capacity_ = 0;
  }

  size_t bytes() const { return capacity_ * sizeof(T); }

 private:
  static constexpr uint32_t kFirst =
      64;  // cells of the first block; block k > 0 holds [kFirst·2^(k-1), kFirst·2^k)
  static uint32_t block_end(uint32_t begin) { return begin == 0 ? kFirst : begin * 2; }

  void grow() {
    const uint32_t end = block_end(capacity_);
    LT_CHECK(end <= (uint32_t{1} << 30));
    void* block = allocate_block((end - capacity_) * sizeof(T), alignof(T));
    // Each base is moved back by its block's first index, so that a look-up subtracts nothing.
    bases_[std::bit_width(capacity_ | (kFirst - 1))] =
        reinterpret_cast<uintptr_t>(block) - capacity_ * sizeof(T);
    capacity_ = end;
  }

  std::array<uintptr_t, 33> bases_{};
  uint32_t size_ = 0;
  uint32_t capacity_ = 0;
};

}  // namespace looptwin::sim
