// Reads a text from left to right; once something does not fit, ok stays false. For the small grammars of
// dates and timezones.
#pragma once

#include <cstddef>
#include <string_view>

namespace looptwin {

struct TextReader {
  std::string_view text;  ///< what is left
  bool ok = true;

  bool take(char c) {
    if (text.empty() || text[0] != c) return false;
    text.remove_prefix(1);
    return true;
  }
  void expect(char c) { ok = take(c) && ok; }
  bool digit_next() const { return !text.empty() && text[0] >= '0' && text[0] <= '9'; }
  /// A number of `least` to `most` digits, as many as there are.
  int digits(size_t least, size_t most) {
    int value = 0;
    size_t n = 0;
    for (; n < most && digit_next(); ++n) {
      value = value * 10 + (text[0] - '0');
      text.remove_prefix(1);
    }
    ok = ok && n >= least;
    return value;
  }
};

}  // namespace looptwin
