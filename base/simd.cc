#include "base/simd.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>

namespace looptwin {
namespace {

Simd detect() {
  __builtin_cpu_init();
  Simd widest = Simd::v2;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("fma"))
    widest = Simd::v3;
  if (widest == Simd::v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512cd")) {
    widest = Simd::v4;
  }
  const char* wish = std::getenv("LOOPTWIN_SIMD");
  if (wish == nullptr) return widest;
  if (std::string_view(wish) == "v2") return Simd::v2;
  if (std::string_view(wish) == "v3") return std::min(widest, Simd::v3);
  return widest;
}

}  // namespace

Simd simd() {
  static const Simd chosen = detect();
  return chosen;
}

const char* name_of(Simd simd) {
  static constexpr const char* kNames[] = {"x86-64-v2", "x86-64-v3 (AVX2)", "x86-64-v4 (AVX-512)"};
  return kNames[static_cast<int>(simd)];
}

}  // namespace looptwin
