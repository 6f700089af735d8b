#include "twin/raw_range.h"

#include <limits>

#include "twin/frame.h"

namespace looptwin::twin {
namespace {

constexpr int64_t kMost = int64_t{std::numeric_limits<int32_t>::max()} - 1;

/// The first of -kMost … kMost for which `reached` holds, else the one above; it must hold for all that
/// follow.
template <typename Reached>
int64_t first_raw(Reached reached) {
  int64_t low = -kMost, high = kMost + 1;
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    if (reached(static_cast<int32_t>(middle)))
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}

}  // namespace

RawRange raw_range_of(const FieldConfig& field) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  auto range = field.range.value_or(Range{-kInfinity, kInfinity});
  // A code that is no word's must not get into a column of codes.
  if (field.boolean) range = {0, 1};
  if (!field.words.empty()) range = {0, static_cast<double>(field.words.size() - 1)};
  const Scaling scaling = scaling_of(field);
  // SI grows with the raw value, so that a range is one of raw values: integers are compared faster.
  const int64_t low = first_raw([&](int32_t raw) { return scaling.to_si(raw) >= range.low; });
  const int64_t above = first_raw([&](int32_t raw) { return scaling.to_si(raw) > range.high; });
  if (low < above) return {static_cast<int32_t>(low), static_cast<int32_t>(above - 1)};
  return {1, 0};  // the range lies between two steps: nothing is in it
}

}  // namespace looptwin::twin
