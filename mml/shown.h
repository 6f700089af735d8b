// Values as people and other systems are shown them: in a unit that they know, with the digits that mean
// something. Decisions never read what is shown.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lang/schema.h"
#include "twin/registry.h"
#include "twin/tables.h"

namespace looptwin::mml {

/// What is shown of one device: a column of its table, its id, or a text that is always the same.
struct Shown {
  enum class Is : uint8_t { number, boolean, word, id, text } is = Is::number;
  std::string text;
  ColumnId column;
  EnumId words;
  lang::Unit unit;        ///< of a number; its text is empty for a bare ratio
  double resolution = 0;  ///< of a number, in `unit`; 0: not known
};

/// A text with values in it.
struct TextPiece {
  std::string text;
  std::optional<Shown> value;  ///< follows the text
};
using Text = std::vector<TextPiece>;

class Showing {
 public:
  Showing(const lang::Schema& schema, const twin::Registry& registry, twin::Tables& tables)
      : schema_(schema), registry_(registry), tables_(tables) {}

  /// "27.4 degC", "frugal", "unknown". Digits are those of the resolution; where that is not known four
  /// significant ones, but whole numbers in full.
  std::string text(const Shown& shown, twin::DeviceRef device) const;
  std::string text(const Text& pieces, twin::DeviceRef device) const;
  /// {"value":27.4,"unit":"degC"}, 0.25 for a bare ratio, "frugal", true; null for what is unknown. Rounded
  /// to the resolution, or to twelve significant digits where that is not known.
  std::string json(const Shown& shown, twin::DeviceRef device) const;
  /// The same as fields of an object: "value":27.4,"unit":"degC"; without a unit where it has none.
  std::string json_fields(const Shown& shown, twin::DeviceRef device) const;

 private:
  std::string json_value(const Shown& shown, twin::DeviceRef device) const;
  double value(const Shown& shown, twin::DeviceRef device) const;
  const std::string* word(const Shown& shown, double code) const;
  const lang::Schema& schema_;
  const twin::Registry& registry_;
  twin::Tables& tables_;
};

/// A JSON string.
std::string json_string(std::string_view text);

}  // namespace looptwin::mml
