#include "base/json.h"

#include <fmt/format.h>
#include <algorithm>
#include <charconv>
#include <tuple>

namespace looptwin {
namespace {

constexpr int kMostLevels = 64;

void append_utf8(uint32_t code, std::string& out) {
  const auto add = [&](uint32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80) {
    add(code);
  } else if (code < 0x800) {
    add(0xC0 | code >> 6);
    add(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    add(0xE0 | code >> 12);
    add(0x80 | (code >> 6 & 0x3F));
    add(0x80 | (code & 0x3F));
  } else {
    add(0xF0 | code >> 18);
    add(0x80 | (code >> 12 & 0x3F));
    add(0x80 | (code >> 6 & 0x3F));
    add(0x80 | (code & 0x3F));
  }
}

/// -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?
bool is_number(std::string_view text) {
  size_t at = text.starts_with('-') ? 1 : 0;
  const auto digits = [&] {
    const size_t from = at;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
    return at - from;
  };
  const size_t first = at;
  const size_t whole = digits();
  if (whole == 0 || (whole > 1 && text[first] == '0')) return false;
  if (at < text.size() && text[at] == '.') {
    ++at;
    if (digits() == 0) return false;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    if (digits() == 0) return false;
  }
  return at == text.size();
}

}  // namespace

/// Recursive descent; the first error ends it.
class JsonElements::Parser {
 public:
  explicit Parser(SourcePtr source) : source_(std::move(source)), text_(source_->text) {
    // Editors of Windows write a byte order mark, which RFC 8259 lets a reader ignore.
    if (text_.starts_with("\xEF\xBB\xBF")) at_ = 3;
  }

  Result<JsonValue> whole() {
    JsonValue value;
    if (read(value, 0) && peek() != '\0') fail("something stands behind the end");
    if (!errors_.empty()) return tl::make_unexpected(std::move(errors_));
    return value;
  }

  Result<std::optional<JsonValue>> element() {
    std::optional<JsonValue> value;
    if (part_ != Part::end && more()) {
      value.emplace();
      read(*value, 1);
    }
    if (errors_.empty()) return value;
    part_ = Part::end;
    return tl::make_unexpected(std::exchange(errors_, {}));
  }

 private:
  bool fail(std::string message, std::string hint = {}) {
    const auto at = static_cast<uint32_t>(std::min(at_, text_.size()));
    const auto end = static_cast<uint32_t>(std::min<size_t>(at + 1, text_.size()));
    errors_.push_back({Severity::error, {source_, at, end}, std::move(message), std::move(hint)});
    return false;
  }
  Span span_from(size_t begin) const {
    return {source_, static_cast<uint32_t>(begin), static_cast<uint32_t>(at_)};
  }
  /// The next character that is no blank; 0 at the end.
  char peek() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos)
      ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool take(char wanted) {
    if (peek() != wanted || at_ >= text_.size()) return false;
    ++at_;
    return true;
  }

  /// Steps to the array's next element; false behind the last one, or where something is wrong.
  bool more() {
    const bool first = part_ == Part::begin;
    if (first && !take('[')) return fail("a list stands here, in [ ]");
    part_ = Part::elements;
    if (take(']')) {
      part_ = Part::end;
      if (peek() != '\0') fail("the file goes on after its list");
      return false;
    }
    if (first) return true;
    if (!take(',')) return fail("a ',' or ']' should stand here");
    return peek() != ']' || fail("a comma stands before the ]", "remove it");
  }

  bool read(JsonValue& value, int level) {
    if (level > kMostLevels) return fail("more than 64 levels of brackets");
    const char c = peek();
    if (at_ >= text_.size()) return fail("the file ends where a value should stand");
    const size_t begin = at_;
    const bool good = c == '{'   ? read_object(value, level)
                      : c == '[' ? read_array(value, level)
                      : c == '"' ? (value.kind = JsonValue::Kind::string, read_string(value.text))
                                 : read_word(value);
    value.span = span_from(begin);
    return good;
  }

  bool read_object(JsonValue& value, int level) {
    value.kind = JsonValue::Kind::object;
    ++at_;
    if (take('}')) return true;
    do {
      if (peek() != '"') return fail("a key in double quotes should stand here");
      const size_t begin = at_;
      std::string key;
      if (!read_string(key)) return false;
      Span name_span = span_from(begin);
      if (value.find(key)) {
        at_ = begin;
        return fail(fmt::format("the key \"{}\" stands twice in this object", key), "remove one of them");
      }
      if (!take(':')) return fail("a ':' should stand behind the key");
      JsonValue member;
      if (!read(member, level + 1)) return false;
      value.members.push_back({std::move(key), std::move(name_span), std::move(member)});
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
    ++at_;
    for (;;) {
      const size_t from = at_;
      while (at_ < text_.size() && text_[at_] != '"' && text_[at_] != '\\' &&
             static_cast<uint8_t>(text_[at_]) >= 0x20)
        ++at_;
      out += text_.substr(from, at_ - from);
      if (at_ == text_.size()) return fail("the text's closing quote is missing");
      if (text_[at_] == '"') return ++at_, true;
      if (text_[at_] == '\n') return fail("the text's closing quote is missing");
      if (text_[at_] != '\\') return fail("a control character stands in a text", "write it as \\u0009");
      if (!read_escape(out)) return false;
    }
  }

  /// One escape sequence, from its backslash on.
  bool read_escape(std::string& out) {
    constexpr std::string_view kSigns = "\"\\/bfnrt", kMeanings = "\"\\/\b\f\n\r\t";
    const char sign = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
    if (const auto plain = kSigns.find(sign); sign != '\0' && plain != std::string_view::npos) {
      out += kMeanings[plain];
      at_ += 2;
      return true;
    }
    uint32_t code = 0;
    if (!read_code_unit(code)) return false;
    // Beyond 16 bits a character is two units.
    if (code >= 0xD800 && code < 0xDC00) {
      uint32_t low = 0;
      if (!read_code_unit(low)) return false;
      if (low < 0xDC00 || low > 0xDFFF) return fail("half of a character stands in a text");
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    } else if (code >= 0xDC00 && code < 0xE000) {
      return fail("half of a character stands in a text");
    }
    append_utf8(code, out);
    return true;
  }

  /// \u00e9
  bool read_code_unit(uint32_t& out) {
    const auto digits = text_.substr(std::min(at_ + 2, text_.size()), 4);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), out, 16);
    if (text_.substr(at_, 2) != "\\u" || digits.size() != 4 || error != std::errc() ||
        end != digits.data() + 4)
      return fail("an escape sequence that JSON does not know stands in a text",
                  "write \\\\ for a backslash, or \\u and four digits");
    at_ += 6;
    return true;
  }

  /// A number, true, false or null.
  bool read_word(JsonValue& value) {
    const size_t begin = at_;
    while (at_ < text_.size() &&
           std::string_view(",:]}[{\" \t\r\n").find(text_[at_]) == std::string_view::npos)
      ++at_;
    const auto word = text_.substr(begin, at_ - begin);
    for (const auto& [known, kind, number] : {std::tuple{"true", JsonValue::Kind::boolean, 1.0},
                                              {"false", JsonValue::Kind::boolean, 0.0},
                                              {"null", JsonValue::Kind::null, 0.0}}) {
      if (word != known) continue;
      value.kind = kind;
      value.number = number;
      return true;
    }
    value.kind = JsonValue::Kind::number;
    value.text = word;
    const auto read = std::from_chars(word.data(), word.data() + word.size(), value.number);
    if (is_number(word) && read.ec == std::errc()) return true;
    at_ = begin;
    if (is_number(word)) return fail(fmt::format("{} is beyond what a number can be", word));
    return fail(word.empty() ? "a value should stand here" : fmt::format("'{}' is no value of JSON", word),
                word.empty() ? "" : "a text stands in double quotes");
  }

  SourcePtr source_;
  std::string_view text_;
  size_t at_ = 0;
  enum class Part : uint8_t { begin, elements, end } part_ = Part::begin;
  Diagnostics errors_;
};

const JsonValue* JsonValue::find(std::string_view key) const {
  const auto found = std::ranges::find(members, key, &JsonMember::name);
  return found == members.end() ? nullptr : &found->value;
}

Result<JsonValue> parse_json(const SourcePtr& source) { return JsonElements::Parser(source).whole(); }

JsonElements::JsonElements(SourcePtr source) : parser_(std::make_unique<Parser>(std::move(source))) {}
JsonElements::JsonElements(JsonElements&&) noexcept = default;
JsonElements::~JsonElements() = default;

Result<std::optional<JsonValue>> JsonElements::next() { return parser_->element(); }

}  // namespace looptwin
