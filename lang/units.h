// Units by name, and values with their unit. udunits2 knows the units; our overlay adds what engineers need,
// the deny-list rejects what is easily misread (`35 C`) and says what to write.
#pragma once

#include <memory>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "lang/types.h"

namespace looptwin::lang {

/// A literal with its unit, for keys that take just a value: 0.1 K, 5 min, -40 degC.
struct Quantity {
  double value = 0;  ///< SI
  Unit unit;
};

class Units {
 public:
  /// `ambient`: the pressure, Pa, that gauge pressures (barg, psig) are points against.
  explicit Units(double ambient = 101325);
  ~Units();
  Units(const Units&) = delete;
  Units& operator=(const Units&) = delete;

  /// A unit alone: `kW`, `W/K`, `degC`, `1`. The span is the unit's text. Unknown and denied units give a
  /// suggestion.
  Result<Unit> unit(const Span& text) const;
  /// A number and its unit. A bare number takes `bare` (as a difference where that is a point and
  /// `difference`), or is a ratio where bare is null.
  Result<Quantity> quantity(const Span& text, const Unit* bare = nullptr, bool difference = false) const;
  /// A time span such as `5 min`; an error for what is not of time, is negative, or is not a whole number of
  /// ns.
  Result<Duration> duration(const Span& text) const;

  /// For the lexer: whether a single name without exponent (`kW`, `degC`, `min`) is a unit, denied ones
  /// included.
  bool is_unit_name(std::string_view name) const;
  /// For the lexer: the length of the longest unit at the start of `text`: names with exponents joined by
  /// `*`, `.` or
  /// `/` without spaces, every name a unit. 0 where the first word is none.
  size_t unit_length(std::string_view text) const;

 private:
  struct Catalogue;
  std::unique_ptr<Catalogue> catalogue_;
};

/// The unit that differences of a point unit are written in: degC → K, barg → bar; others are their own.
Unit difference_unit(const Unit& unit);

}  // namespace looptwin::lang
