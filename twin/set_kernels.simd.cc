#include "twin/set_kernels.h"

#include <cstring>

namespace looptwin::twin::LT_SIMD {
namespace {

// As wide as the processor's: of wider vectors the compiler makes comparisons lane by lane.
#if defined __AVX512F__
constexpr size_t kWidth = 8;
#elif defined __AVX__
constexpr size_t kWidth = 4;
#else
constexpr size_t kWidth = 2;
#endif
constexpr size_t kPieces = kSetLanes / kWidth;
typedef double Piece __attribute__((vector_size(kWidth * sizeof(double))));

constexpr double kInfinity = __builtin_inf();

/// Calls take(piece, values) for all members, a piece of the lanes at a time; lanes past the end hold NaN,
/// which no aggregate counts.
template <typename Take>
[[gnu::always_inline]] inline void for_each(const double* x, size_t n, Take take) {
  const auto take_lanes = [&](const double* lanes) {
    for (size_t p = 0; p < kPieces; ++p) {
      Piece v;
      std::memcpy(&v, lanes + p * kWidth, sizeof v);
      take(p, v);
    }
  };
  size_t i = 0;
  for (; i + kSetLanes <= n; i += kSetLanes) take_lanes(x + i);
  if (i == n) return;
  double rest[kSetLanes];
  for (double& lane : rest) lane = __builtin_nan("");
  std::memcpy(rest, x + i, (n - i) * sizeof(double));
  take_lanes(rest);
}

void sums(const double* x, size_t n, double* sum, double* good) {
  const Piece zero = {}, one = zero + 1.0;
  Piece s[kPieces] = {}, g[kPieces] = {};
  for_each(x, n, [&](size_t p, const Piece& v) {
    s[p] += v == v ? v : zero;
    g[p] += v == v ? one : zero;
  });
  std::memcpy(sum, s, sizeof s);
  std::memcpy(good, g, sizeof g);
}

void extremes(const double* x, size_t n, double* least, double* greatest) {
  Piece low[kPieces], high[kPieces];
  for (size_t p = 0; p < kPieces; ++p) low[p] = Piece{} + kInfinity, high[p] = Piece{} - kInfinity;
  for_each(x, n, [&](size_t p, const Piece& v) {
    low[p] = v < low[p] ? v : low[p];
    high[p] = v > high[p] ? v : high[p];
  });
  std::memcpy(least, low, sizeof low);
  std::memcpy(greatest, high, sizeof high);
}

}  // namespace

extern const SetKernels kSetKernels;
const SetKernels kSetKernels = {sums, extremes};

}  // namespace looptwin::twin::LT_SIMD
