// What is declared with a default value: a number with a unit, a boolean, or a word of an enumeration.
#pragma once

#include <fmt/format.h>
#include <optional>
#include <string>
#include <vector>

#include "testbed/reading/values.h"

namespace looptwin::testbed {

/// What a parameter, a field or a setpoint is: a number with a unit, a boolean, or a word of an enumeration.
struct ValueDraft {
  const yaml::Node* unit = nullptr;
  std::optional<std::vector<std::string>> words;
  bool boolean = false;
};

/// Settles unit, words or boolean of something with a default value; fills `value` with its SI value or code.
template <typename T>
void finish_default(Reader& reader, T& d) {
  if (d.is.words && d.is.unit)
    reader.error(d.is.unit->span, "a value has 'unit' or 'enum', not both", "remove one of them");
  if (d.is.unit) {
    const auto read = unit().read(reader, *d.is.unit);
    if (!read) return;
    d.unit = *read;
  }
  if (!d.fallback) return;
  if (d.is.words) {
    d.words = *d.is.words;
    if (const auto found = code(reader, *d.fallback, d.words)) d.value = *found;
  } else if (d.fallback->scalar() && !d.fallback->quoted &&
             (d.fallback->text == "true" || d.fallback->text == "false")) {
    d.boolean = true;
    d.value = d.fallback->text == "true" ? 1 : 0;
    if (d.is.unit) reader.error(d.is.unit->span, "a boolean has no unit", "remove it");
  } else if (d.is.unit) {
    if (const auto value = quantity(reader, *d.fallback, d.unit, false)) d.value = *value;
  } else if (scalar(reader, *d.fallback, "a default")) {
    if (!looks_numeric(*d.fallback))
      return reader.error(d.fallback->span, fmt::format("'{}' is not a value", d.fallback->text),
                          "write a number with its unit, true or false, or a word listed in enum:");
    if (const auto value = reader.accept(reader.units.quantity(d.fallback->span))) {
      d.value = value->value;
      d.unit = value->unit;
    }
  }
}

}  // namespace looptwin::testbed
