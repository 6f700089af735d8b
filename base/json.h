// JSON (RFC 8259) in which every value knows where it stands, so that what is wrong with a value can be shown
// in its file: read whole, or as an array of which one element is in memory at a time.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace looptwin {

struct JsonMember;

struct JsonValue {
  enum class Kind : uint8_t { null, boolean, number, string, array, object };
  Kind kind = Kind::null;
  double number = 0;  ///< of a number; 1 or 0 of a boolean
  std::string text;   ///< of a string, UTF-8; of a number, as it is written
  std::vector<JsonValue> items;
  std::vector<JsonMember> members;  ///< in the file's order
  Span span;                        ///< with the quotes of a string

  const JsonValue* find(std::string_view key) const;
};

struct JsonMember {
  std::string name;
  Span name_span;  ///< with its quotes
  JsonValue value;
};

/// The first thing that is wrong, with its place: a torn file, a key that stands twice in an object, more
/// than 64 levels.
Result<JsonValue> parse_json(const SourcePtr& source);

/// A text that is one array, element by element; what has millions does not stand in memory as a whole.
class JsonElements {
 public:
  explicit JsonElements(SourcePtr source);
  JsonElements(JsonElements&&) noexcept;
  ~JsonElements();

  /// The next element, or nothing behind the last. After an error there is nothing more.
  Result<std::optional<JsonValue>> next();

 private:
  class Parser;
  friend Result<JsonValue> parse_json(const SourcePtr& source);
  std::unique_ptr<Parser> parser_;
};

}  // namespace looptwin
