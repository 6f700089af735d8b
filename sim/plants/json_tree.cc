#include "sim/plants/json_tree.h"

#include <fmt/format.h>
#include <charconv>

namespace looptwin::sim {

namespace {

constexpr int kMostLevels = 64;

/// Recursive descent; the first error ends it.
class Parser {
 public:
  explicit Parser(const SourcePtr& source) : source_(source), text_(source->text) {}

  Result<JsonValue> parse() {
    JsonValue value;
    if (read(value, 0)) {
      skip_space();
      if (at_ < text_.size()) fail("something stands behind the end");
    }
    if (!errors_.empty()) return tl::make_unexpected(std::move(errors_));
    return value;
  }

 private:
  bool fail(std::string message) {
    const auto at = static_cast<uint32_t>(std::min(at_, text_.size()));
    errors_.push_back({Severity::error, {source_, at, at + 1}, std::move(message), {}});
    return false;
  }
  void skip_space() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos)
      ++at_;
  }
  bool take(char c) {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  bool read(JsonValue& value, int level) {
    if (level > kMostLevels) return fail("more than 64 levels of brackets");
    skip_space();
    if (at_ >= text_.size()) return fail("the file ends where a value should stand");
    const size_t begin = at_;
    const char c = text_[at_];
    const bool good = c == '{'   ? read_object(value, level)
                      : c == '[' ? read_array(value, level)
                      : c == '"' ? (value.kind = JsonValue::Kind::string, read_string(value.text))
                                 : read_word(value);
    value.span = {source_, static_cast<uint32_t>(begin), static_cast<uint32_t>(at_)};
    return good;
  }

  bool read_object(JsonValue& value, int level) {
    value.kind = JsonValue::Kind::object;
    ++at_;
    if (take('}')) return true;
    do {
      skip_space();
      const size_t begin = at_;
      std::string key;
      if (at_ >= text_.size() || text_[at_] != '"') return fail("a key in quotes should stand here");
      if (!read_string(key)) return false;
      if (value.find(key)) {
        at_ = begin;
        return fail(fmt::format("the key \"{}\" stands twice in this object", key));
      }
      if (!take(':')) return fail("a ':' should stand behind the key");
      JsonValue member;
      if (!read(member, level + 1)) return false;
      value.members.push_back({std::move(key), std::move(member)});
    } while (take(','));
    return take('}') || fail("a ',' or '}' should stand here");
  }

  bool read_array(JsonValue& value, int level) {
    value.kind = JsonValue::Kind::array;
    ++at_;
    if (take(']')) return true;
    do {
      JsonValue item;
      if (!read(item, level + 1)) return false;
      value.items.push_back(std::move(item));
    } while (take(','));
    return take(']') || fail("a ',' or ']' should stand here");
  }

  bool read_string(std::string& out) {
    for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
      if (static_cast<unsigned char>(text_[at_]) < 0x20) return fail("a line ends within a string");
      if (text_[at_] != '\\') {
        out += text_[at_];
        continue;
      }
      ++at_;
      static constexpr std::string_view kNames = "\"\\/bfnrt", kMeant = "\"\\/\b\f\n\r\t";
      const char c = at_ < text_.size() ? text_[at_] : '\0';
      if (const size_t i = kNames.find(c); c != '\0' && i != std::string_view::npos)
        out += kMeant[i];
      else if (c != 'u' || !read_code(out))
        return fail("an escape that JSON does not know");
    }
    if (at_ >= text_.size()) return fail("the file ends within a string");
    ++at_;
    return true;
  }

  /// \uXXXX of the basic plane as UTF-8; a half of a surrogate pair is refused.
  bool read_code(std::string& out) {
    unsigned code = 0;
    if (at_ + 5 > text_.size()) return false;
    const char* first = text_.data() + at_ + 1;
    if (const auto [end, error] = std::from_chars(first, first + 4, code, 16);
        error != std::errc() || end != first + 4 || (code >= 0xD800 && code < 0xE000))
      return false;
    at_ += 4;
    if (code < 0x80) {
      out += static_cast<char>(code);
    } else if (code < 0x800) {
      out += static_cast<char>(0xC0 | code >> 6);
      out += static_cast<char>(0x80 | (code & 0x3F));
    } else {
      out += static_cast<char>(0xE0 | code >> 12);
      out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
      out += static_cast<char>(0x80 | (code & 0x3F));
    }
    return true;
  }

  bool read_word(JsonValue& value) {
    const std::string_view rest = text_.substr(at_);
    for (const auto& [word, kind, number] : {std::tuple{"true", JsonValue::Kind::boolean, 1.0},
                                             {"false", JsonValue::Kind::boolean, 0.0},
                                             {"null", JsonValue::Kind::null, 0.0}}) {
      if (!rest.starts_with(word)) continue;
      value.kind = kind;
      value.number = number;
      at_ += std::string_view(word).size();
      return true;
    }
    // from_chars reads all that JSON calls a number, and "inf" and "nan", which begin otherwise.
    const bool begins = !rest.empty() && (rest[0] == '-' || (rest[0] >= '0' && rest[0] <= '9'));
    const auto [end, error] = begins ? std::from_chars(rest.data(), rest.data() + rest.size(), value.number)
                                     : std::from_chars_result{rest.data(), std::errc::invalid_argument};
    if (error != std::errc()) return fail("a value should stand here");
    value.kind = JsonValue::Kind::number;
    at_ += static_cast<size_t>(end - rest.data());
    return true;
  }

  const SourcePtr& source_;
  std::string_view text_;
  size_t at_ = 0;
  Diagnostics errors_;
};

}  // namespace

const JsonValue* JsonValue::find(std::string_view key) const {
  for (const auto& [name, value] : members)
    if (name == key) return &value;
  return nullptr;
}

Result<JsonValue> parse_json(const SourcePtr& source) { return Parser(source).parse(); }

}  // namespace looptwin::sim
