// Counts the heap allocations of the calling thread, for tests of what a steady-state cycle must not do.
#pragma once

#include <cstdint>

namespace looptwin::twin {

uint64_t allocations();

}  // namespace looptwin::twin
