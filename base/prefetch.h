// Asking for memory before it is needed. Rows that are worked on together are a short run of each of many
// columns: too short for the processor to see the pattern by itself, and each run would begin with a wait.
#pragma once

#include <cstddef>

namespace looptwin {

inline constexpr size_t kCacheLine = 64;

/// Brings [data, data + bytes) into the second-level cache, in the background.
inline void prefetch(const void* data, size_t bytes) {
  const auto* const begin = static_cast<const char*>(data);
  for (size_t i = 0; i < bytes; i += kCacheLine) __builtin_prefetch(begin + i, 0, 2);
  if (bytes > 0) __builtin_prefetch(begin + bytes - 1, 0, 2);
  // GCC 12 takes a function that does nothing but this for one without effects, and drops calls to it.
  asm volatile("");
}

}  // namespace looptwin
