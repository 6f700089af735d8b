#include "base/large_pages.h"

#include <sys/mman.h>

#include <cstdlib>
#include <new>

namespace looptwin {

void* allocate_large(size_t bytes) {
  constexpr size_t kCacheLine = 64, kHugePage = size_t{2} << 20;
  const size_t alignment = bytes >= kHugePage ? kHugePage : kCacheLine;
  bytes = (bytes + alignment - 1) / alignment * alignment;
  void* const block = std::aligned_alloc(alignment, bytes);
  if (block == nullptr && bytes > 0) throw std::bad_alloc();  // as all other memory that is not there
  if (bytes >= kHugePage) ::madvise(block, bytes, MADV_HUGEPAGE);
  return block;
}

void free_large(void* block) { std::free(block); }

}  // namespace looptwin
