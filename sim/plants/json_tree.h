// JSON (RFC 8259) as a tree in which every value knows where it stands, so that what is wrong with a value
// can be shown in its file.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace looptwin::sim {

struct JsonMember;

struct JsonValue {
  enum class Kind : uint8_t { null, boolean, number, string, array, object };
  Kind kind = Kind::null;
  double number = 0;  ///< of a number; 1 or 0 of a boolean
  std::string text;   ///< of a string, UTF-8
  std::vector<JsonValue> items;
  std::vector<JsonMember> members;  ///< in the file's order
  Span span;

  const JsonValue* find(std::string_view key) const;
};

struct JsonMember {
  std::string name;
  JsonValue value;
};

/// The first thing that is wrong, with its place: a torn file, a key that stands twice in an object, more
/// than 64 levels.
Result<JsonValue> parse_json(const SourcePtr& source);

}  // namespace looptwin::sim
