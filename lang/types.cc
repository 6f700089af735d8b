#include "lang/types.h"

#include <algorithm>
#include <string_view>

namespace looptwin::lang {
namespace {

// Exponents are kept within ±100, so that hostile input cannot wrap them around; the checker rejects far
// smaller ones.
int8_t bounded(int power) { return static_cast<int8_t>(std::clamp(power, -100, 100)); }

struct Known {
  Dimension dimension;
  std::string_view unit;
};
// The derived units that messages name in brackets after the base units.
constexpr Known kKnown[] = {
    {{{2, 1, -3}}, "W"},         {{{2, 1, -2}}, "J"},          {{{-1, 1, -2}}, "Pa"},
    {{{1, 1, -2}}, "N"},         {{{2, 1, -3, -1}}, "V"},      {{{2, 1, -3, -2}}, "ohm"},
    {{{-2, -1, 3, 2}}, "S"},     {{{0, 0, -1}}, "Hz"},         {{{0, 0, 1, 1}}, "coulomb"},
    {{{-2, -1, 4, 2}}, "farad"}, {{{2, 1, -3, 0, -1}}, "W/K"}, {{{2, 1, -2, 0, -1}}, "J/K"},
    {{{0, 1, -3}}, "W/m2"},
};

std::string superscript(int power) {
  static constexpr std::string_view kDigit[] = {"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};
  std::string out = power < 0 ? "⁻" : "";
  for (const char c : std::to_string(std::abs(power))) out += kDigit[c - '0'];
  return out;
}

}  // namespace

Dimension operator*(Dimension a, Dimension b) {
  for (size_t i = 0; i < a.power.size(); ++i) a.power[i] = bounded(a.power[i] + b.power[i]);
  return a;
}

Dimension operator/(Dimension a, Dimension b) {
  for (size_t i = 0; i < a.power.size(); ++i) a.power[i] = bounded(a.power[i] - b.power[i]);
  return a;
}

std::string to_string(Dimension dimension) {
  static constexpr std::string_view kName[] = {"m", "kg", "s", "A", "K", "mol", "cd", "USD"};
  static constexpr size_t kOrder[] = {Dimension::kilogram, Dimension::metre,   Dimension::second,
                                      Dimension::ampere,   Dimension::kelvin,  Dimension::mole,
                                      Dimension::candela,  Dimension::currency};
  if (dimension.none()) return "1";
  std::string out;
  for (const size_t base : kOrder) {
    const int power = dimension.power[base];
    if (power == 0) continue;
    if (!out.empty()) out += "·";
    out += kName[base];
    if (power != 1) out += superscript(power);
  }
  for (const auto& known : kKnown)
    if (known.dimension == dimension) out += " (" + std::string(known.unit) + ")";
  return out;
}

std::string unit_text(Dimension dimension) {
  static constexpr std::string_view kName[] = {"m", "kg", "s", "A", "K", "mol", "cd", "USD"};
  if (dimension.none()) return "1";
  for (const auto& known : kKnown)
    if (known.dimension == dimension) return std::string(known.unit);
  std::string above, below;
  const auto append = [](std::string& text, std::string_view joiner, size_t base, int power) {
    if (!text.empty() || joiner == "/") text += joiner;
    text += kName[base];
    if (power != 1) text += std::to_string(power);
  };
  for (const size_t base : {1, 0, 2, 3, 4, 5, 6, 7})
    if (dimension.power[base] > 0) append(above, "*", base, dimension.power[base]);
  for (const size_t base : {1, 0, 2, 3, 4, 5, 6, 7}) {
    if (dimension.power[base] >= 0) continue;
    if (above.empty()) {
      append(below, "*", base, dimension.power[base]);  // s-1: nothing stands above a stroke
    } else {
      append(below, "/", base, -dimension.power[base]);
    }
  }
  return above + below;
}

}  // namespace looptwin::lang
