#include "lang/readable.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

namespace looptwin::lang {
namespace {

/// Of the larger one of what is subtracted, where a unit has an offset: its last digits are those in doubt.
constexpr int kDigits = 13;

/// A power of ten that a double has exactly; absent beyond them.
std::optional<double> power_of_ten(int exponent) {
  constexpr int kMost = 22;
  static const auto powers = [] {
    std::array<double, kMost + 1> all{1};
    for (size_t i = 1; i < all.size(); ++i) all[i] = all[i - 1] * 10;
    return all;
  }();
  if (exponent < 0 || exponent > kMost) return std::nullopt;
  return powers[static_cast<size_t>(exponent)];
}

}  // namespace

double readable(double si, const Unit& unit) {
  if (unit.scale == 1 && unit.offset == 0) return si;
  const double value = unit.from_si(si);
  const double size = std::max(std::fabs(si), std::fabs(unit.offset)) / std::fabs(unit.scale);
  if (!std::isfinite(value) || size == 0) return value;
  const int decimals = kDigits - 1 - static_cast<int>(std::floor(std::log10(size)));
  // Both are exact, so that the quotient is what the decimal text of it is read as.
  if (const auto scale = power_of_ten(decimals)) return std::round(value * *scale) / *scale + 0.0;
  if (const auto scale = power_of_ten(-decimals)) return std::round(value / *scale) * *scale;
  return value;
}

std::string behind_number(const Unit& unit) {
  return unit.text.empty() || unit.text == "1" ? std::string() : " " + unit.text;
}

}  // namespace looptwin::lang
