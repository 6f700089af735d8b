// Which vector width the kernels run at. The widths give equal bits: element-wise IEEE operations, no
// contraction. Chosen once from the processor, or lowered by LOOPTWIN_SIMD=v2|v3|v4 (x86-64-v2, AVX2,
// AVX-512) to prove it.
#pragma once

#include <cstdint>

namespace looptwin {

enum class Simd : uint8_t { v2, v3, v4 };

/// The widest level that this processor has and LOOPTWIN_SIMD allows.
Simd simd();
const char* name_of(Simd simd);

}  // namespace looptwin
