// Text to tokens. The one thing a reader would get wrong: a number and its unit are one token, and the lexer
// decides where the unit ends (`10 m/s` is one token, `10 m / s` are three).
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "lang/units.h"

namespace looptwin::lang {

struct Token {
  enum class Kind : uint8_t { number, text, name, punctuation, end };
  Kind kind = Kind::end;
  uint32_t begin = 0;  ///< offsets in the source
  uint32_t end = 0;
  std::string_view text;  ///< as written; of a text without its quotes
  Quantity quantity;      ///< of a number; the unit's text is empty where none was written
  double number = 0;      ///< of a number: as written, before its unit

  bool is(std::string_view punctuation) const { return kind == Kind::punctuation && text == punctuation; }
  bool is_word(std::string_view word) const { return kind == Kind::name && text == word; }
};

/// All tokens of a span, the last of kind `end`. Stops at the first error. The span must lie in its source.
Result<std::vector<Token>> lex(const Span& span, const Units& units);

/// Words that are part of the grammar and no names: in over not and or true false.
bool is_keyword(std::string_view word);

}  // namespace looptwin::lang
