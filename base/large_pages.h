// Memory for columns that are as long as the fleet. Whoever works on a few rows of each of many such columns
// touches a page a column, and the processor knows the places of few small pages.
#pragma once

#include <cstddef>
#include <vector>

namespace looptwin {

/// Aligned to a cache line at least; large blocks ask for huge pages, which is a hint. Never null.
void* allocate_large(size_t bytes);
void free_large(void* block);

template <typename T>
struct LargePages {
  using value_type = T;
  LargePages() = default;
  template <typename U>
  LargePages(const LargePages<U>&) {}
  T* allocate(size_t n) { return static_cast<T*>(allocate_large(n * sizeof(T))); }
  void deallocate(T* block, size_t) { free_large(block); }
  bool operator==(const LargePages&) const = default;
};

template <typename T>
using LargeVector = std::vector<T, LargePages<T>>;

}  // namespace looptwin
