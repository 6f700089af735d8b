// What we add to udunits2's catalogue and what we refuse of it: the overlay, the deny-list, the spellings
// that take an SI prefix, and the spelled-out names. Data only; lang/units.cc looks it up, docs/language.md
// prints it for people.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "lang/types.h"

namespace looptwin::lang {

/// A unit that is ours, in SI. `gauge` points have the ambient pressure as offset, known only when Units is
/// made.
struct OverlayUnit {
  std::string_view name;
  Dimension dimension;
  double scale = 1;
  enum class Scale : uint8_t { amount, point, gauge } kind = Scale::amount;
  double offset = 0;
  std::string_view difference;  ///< of points: the unit of their differences
};
std::span<const OverlayUnit> overlay_units();

/// A spelling that is refused, though udunits2 or a reader may know it.
struct DeniedUnit {
  std::string_view name;
  std::string_view why;   ///< continues "'C' ": "is the coulomb, not a temperature"
  std::string_view hint;  ///< "write degC"
};
const DeniedUnit* denied_unit(std::string_view name);

/// Symbols that may follow an SI prefix (k in kW), and names that may follow a prefix's name (kilowatt).
bool takes_prefix(std::string_view symbol);
bool is_spelled_out(std::string_view name);

struct Prefix {
  std::string_view symbol;
  std::string_view name;
  double scale;
};
std::span<const Prefix> prefixes();

/// Units as people write them most, for suggestions.
std::span<const std::string> common_units();

}  // namespace looptwin::lang
