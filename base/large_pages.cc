#include "base/large_pages.h"

#include <sys/mman.h>

#include <cstdlib>

#include "base/check.h"

namespace looptwin {

void* allocate_large(size_t bytes) {
  constexpr size_t kCacheLine = 64, kHugePage = size_t{2} << 20;
  const size_t alignment = bytes >= kHugePage ? kHugePage : kCacheLine;
  bytes = (bytes + alignment - 1) / alignment * alignment;
  void* const block = std::aligned_alloc(alignment, bytes);
  LT_CHECK(block != nullptr || bytes == 0, "out of memory for columns");
  if (bytes >= kHugePage) ::madvise(block, bytes, MADV_HUGEPAGE);
  return block;
}

void free_large(void* block) { std::free(block); }

}  // namespace looptwin
