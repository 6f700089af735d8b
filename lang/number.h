// Numbers as they are written, for the lexer and for values beside keys: 23, 0.1, 1e-3. No signs, no
// separators.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace looptwin::lang {

struct NumberText {
  double value = 0;
  size_t length = 0;  ///< 0 where no number starts here
  std::string error;  ///< a number that may not be written so (.5, 5., 010, 1_000)
  std::string hint;
};
/// Reads the number at the start of the text.
NumberText read_number(std::string_view text);

/// How much of what follows a number may stand before its unit: one space, or a line's end with the blanks
/// around it, which YAML makes one space of.
size_t unit_gap(std::string_view after_number);

/// Seconds as a Duration; an error for what is negative, out of range or not a whole number of nanoseconds.
Result<Duration> whole_duration(double seconds, const Span& at);

}  // namespace looptwin::lang
