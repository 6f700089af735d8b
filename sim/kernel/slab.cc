#include "sim/kernel/slab.h"

#include <sys/mman.h>

#include <new>

namespace looptwin::sim {

namespace {

constexpr size_t kHugePage = size_t{2} << 20;

size_t round_up(size_t bytes) { return (bytes + kHugePage - 1) & ~(kHugePage - 1); }

}  // namespace

void* allocate_block(size_t bytes, size_t align) {
  if (bytes < kHugePage) return ::operator new(bytes, std::align_val_t(align));
  // One page more than asked for, so that the block can begin on a page; what sticks out is given back at
  // once.
  const size_t wanted = round_up(bytes);
  void* mapped = ::mmap(nullptr, wanted + kHugePage, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  LT_CHECK(mapped != MAP_FAILED, "out of memory for pending steps");
  const auto raw = reinterpret_cast<uintptr_t>(mapped);
  const uintptr_t begin = round_up(raw);
  if (begin > raw) ::munmap(mapped, begin - raw);
  const uintptr_t end = begin + wanted;
  if (const uintptr_t raw_end = raw + wanted + kHugePage; raw_end > end) {
    ::munmap(reinterpret_cast<void*>(end), raw_end - end);
  }
  auto* block = reinterpret_cast<void*>(begin);
  ::madvise(block, wanted, MADV_HUGEPAGE);  // a hint: without huge pages it is only slower
  return block;
}

void free_block(void* block, size_t bytes, size_t align) {
  if (bytes < kHugePage) return ::operator delete(block, std::align_val_t(align));
  ::munmap(block, round_up(bytes));
}

}  // namespace looptwin::sim
