// An explanation as lines that know what they say: printed for people, and as JSON for programs, from one
// source.
#pragma once

#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace looptwin::testbed {

struct Said {
  /// A number that is no number is null in JSON.
  using Value = std::variant<std::string, double, bool>;
  std::string is;     ///< "decision", "timer", "condition", "value", "sample", "set", "answer", "change"
  std::string text;   ///< as it is printed
  size_t level = 0;   ///< how deep it stands: it is about the last line before it of a lesser level
  size_t indent = 0;  ///< spaces before it where it is printed
  std::vector<std::pair<std::string, Value>> facts = {};
};
using Explanation = std::vector<Said>;

/// Puts one below another: so many levels deeper, and so many spaces further in.
void add_below(Explanation& to, const Explanation& from, size_t levels, size_t spaces);
std::vector<std::string> lines_of(const Explanation& explanation);
/// A list of objects with `is`, `text`, `level` and the facts, a line each.
std::string json_of(const Explanation& explanation);

}  // namespace looptwin::testbed
