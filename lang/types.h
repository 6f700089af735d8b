// Types of expressions: a dimension (never a unit) for numbers, a point or a difference, booleans,
// enumerations, texts. Inside the language every number is in SI base units (W, K, Pa, s, rad, ratio); units
// live at the edges only.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>

#include "base/ids.h"

namespace looptwin::lang {

using NodeId = Id<struct NodeTag>;  ///< of a graph (lang/graph.h)

/// Exponents of m, kg, s, A, K, mol, cd, and of currency (USD as its unit; other currencies by declared
/// rate). Angles and ratios have no dimension.
struct Dimension {
  enum Base : uint8_t { metre, kilogram, second, ampere, kelvin, mole, candela, currency };
  std::array<int8_t, 8> power{};
  constexpr auto operator<=>(const Dimension&) const = default;
  constexpr bool none() const { return *this == Dimension{}; }
};
Dimension operator*(Dimension a, Dimension b);
Dimension operator/(Dimension a, Dimension b);
inline constexpr Dimension kRatio{};
inline constexpr Dimension kTimeDimension{{0, 0, 1}};
inline constexpr Dimension kTemperature{{0, 0, 0, 0, 1}};

/// "K", "kg·m²·s⁻³ (W)": for messages.
std::string to_string(Dimension dimension);
/// A unit as one may write it in an expression: "W", "kg*m2/s"; "1" for a ratio.
std::string unit_text(Dimension dimension);

enum class Kind : uint8_t { number, boolean, enumeration, text };

struct Type {
  Kind kind = Kind::number;
  /// A point on a scale (35 degC, 4 barg, an instant) as against a difference or a ratio quantity (3 K, 4
  /// bar, 5 s).
  bool point = false;
  Dimension dimension;
  EnumId enumeration;
  constexpr auto operator<=>(const Type&) const = default;

  static constexpr Type number(Dimension d = {}) { return {Kind::number, false, d, {}}; }
  static constexpr Type point_of(Dimension d) { return {Kind::number, true, d, {}}; }
  static constexpr Type boolean() { return {Kind::boolean, false, {}, {}}; }
  static constexpr Type enumeration_of(EnumId e) { return {Kind::enumeration, false, {}, e}; }
  static constexpr Type text() { return {Kind::text, false, {}, {}}; }
};

/// A unit as written: SI value = value * scale + offset. `point` for degC, degF, barg, psig, and for
/// instants.
struct Unit {
  std::string text;
  Type type = Type::number();
  double scale = 1;
  double offset = 0;
  double to_si(double value) const { return value * scale + offset; }
  double from_si(double si) const { return (si - offset) / scale; }
};

}  // namespace looptwin::lang
