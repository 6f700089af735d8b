#include "testbed/json.h"

#include <fmt/format.h>
#include <algorithm>

namespace looptwin::testbed {
namespace {

using yaml::Node;

constexpr int kDeepest = 32;

void append_utf8(uint32_t code, std::string& out) {
  const auto add = [&](uint32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80) {
    add(code);
  } else if (code < 0x800) {
    add(0xc0 | code >> 6);
    add(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    add(0xe0 | code >> 12);
    add(0x80 | (code >> 6 & 0x3f));
    add(0x80 | (code & 0x3f));
  } else {
    add(0xf0 | code >> 18);
    add(0x80 | (code >> 12 & 0x3f));
    add(0x80 | (code >> 6 & 0x3f));
    add(0x80 | (code & 0x3f));
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

JsonArray::JsonArray(SourcePtr source, Diagnostics& problems)
    : source_(std::move(source)), text_(source_->text), problems_(problems) {}

Span JsonArray::span(size_t begin) const {
  return {source_, static_cast<uint32_t>(begin), static_cast<uint32_t>(at_)};
}

void JsonArray::error(std::string message, std::string hint) {
  const auto at = static_cast<uint32_t>(std::min(at_, text_.size()));
  const auto end = static_cast<uint32_t>(std::min<size_t>(at + 1, text_.size()));
  problems_.push_back({Severity::error, {source_, at, end}, std::move(message), std::move(hint)});
  part_ = Part::end;
}

/// The next character that is no blank; 0 at the end of the text.
char JsonArray::peek() {
  while (at_ < text_.size() &&
         (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t'))
    ++at_;
  return at_ < text_.size() ? text_[at_] : '\0';
}

bool JsonArray::take(char wanted) {
  if (peek() != wanted) return false;
  ++at_;
  return true;
}

std::optional<Node> JsonArray::next() {
  if (part_ == Part::end) return std::nullopt;
  const bool first = part_ == Part::begin;
  if (first && !take('[')) {
    error("a list of devices stands here", "write [{\"id\": \"home-1\", \"model\": \"home\"}, ...]");
    return std::nullopt;
  }
  part_ = Part::elements;
  if (take(']')) {
    part_ = Part::end;
    if (peek() != '\0') error("the file goes on after its list");
    return std::nullopt;
  }
  if (!first && !take(',')) {
    error("a comma or ] stands here");
    return std::nullopt;
  }
  if (!first && peek() == ']') {
    error("a comma stands before the ]", "remove it");
    return std::nullopt;
  }
  return value(0);
}

std::optional<Node> JsonArray::value(int depth) {
  if (depth > kDeepest) {
    error(fmt::format("lists and objects are nested more than {} deep", kDeepest));
    return std::nullopt;
  }
  switch (peek()) {
    case '{':
      return object(depth);
    case '[':
      return list(depth);
    case '"':
      return string();
    default:
      return bare();
  }
}

std::optional<Node> JsonArray::object(int depth) {
  Node node;
  node.is = Node::Is::map;
  const size_t begin = at_++;
  for (bool first = true; !take('}'); first = false) {
    if (!first && !take(',')) {
      error("a comma or } stands here");
      return std::nullopt;
    }
    if (peek() != '"') {
      error("a key stands here, in double quotes");
      return std::nullopt;
    }
    auto key = string();
    if (!key) return std::nullopt;
    if (node.find(key->text)) {
      at_ = key->span.begin;
      error(fmt::format("'{}' is here twice", key->text), "remove one of them");
      return std::nullopt;
    }
    if (!take(':')) {
      error("a colon stands here");
      return std::nullopt;
    }
    auto item = value(depth + 1);
    if (!item) return std::nullopt;
    node.entries.push_back({std::move(key->text), std::move(key->span), std::move(*item)});
  }
  node.span = span(begin);
  return node;
}

std::optional<Node> JsonArray::list(int depth) {
  Node node;
  node.is = Node::Is::list;
  const size_t begin = at_++;
  for (bool first = true; !take(']'); first = false) {
    if (!first && !take(',')) {
      error("a comma or ] stands here");
      return std::nullopt;
    }
    auto item = value(depth + 1);
    if (!item) return std::nullopt;
    node.items.push_back(std::move(*item));
  }
  node.span = span(begin);
  return node;
}

/// A number, true, false or null.
std::optional<Node> JsonArray::bare() {
  const size_t begin = at_;
  while (at_ < text_.size() && std::string_view(",:]}[{\" \t\r\n").find(text_[at_]) == std::string_view::npos)
    ++at_;
  Node node;
  node.is = Node::Is::scalar;
  node.text = std::string(text_.substr(begin, at_ - begin));
  node.span = span(begin);
  if (node.text == "null") {
    node.is = Node::Is::refused;
    problems_.push_back({Severity::error, node.span, "a null is not a value here", "leave the key out"});
    return node;
  }
  if (node.text == "true" || node.text == "false" || is_number(node.text)) return node;
  at_ = begin;
  error(node.text.empty() ? "a value stands here" : fmt::format("'{}' is no JSON value", node.text),
        node.text.empty() ? "" : "a text stands in double quotes");
  return std::nullopt;
}

std::optional<Node> JsonArray::string() {
  Node node;
  node.is = Node::Is::scalar;
  node.quoted = true;
  const size_t begin = ++at_;
  for (;;) {
    const size_t from = at_;
    while (at_ < text_.size() && text_[at_] != '"' && text_[at_] != '\\' &&
           static_cast<uint8_t>(text_[at_]) >= 0x20)
      ++at_;
    node.text += text_.substr(from, at_ - from);
    if (at_ < text_.size() && text_[at_] == '\\') {
      if (!escaped(node.text)) return std::nullopt;
      continue;
    }
    if (at_ < text_.size() && text_[at_] == '"') break;
    error(at_ == text_.size() || text_[at_] == '\n' ? "the text's closing quote is missing"
                                                    : "a control character stands in a text",
          at_ == text_.size() || text_[at_] == '\n' ? "" : "write it as \\u0009");
    return std::nullopt;
  }
  node.span = span(begin);
  ++at_;
  return node;
}

/// One escape sequence, from its backslash on.
bool JsonArray::escaped(std::string& out) {
  constexpr std::string_view kSigns = "\"\\/bfnrt", kMeanings = "\"\\/\b\f\n\r\t";
  const char sign = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
  if (const auto plain = kSigns.find(sign); sign != '\0' && plain != std::string_view::npos) {
    out += kMeanings[plain];
    at_ += 2;
    return true;
  }
  uint32_t code = 0;
  if (!code_unit(code)) return false;
  // Beyond 16 bits a character is two units.
  if (code >= 0xd800 && code < 0xdc00) {
    uint32_t low = 0;
    if (!code_unit(low)) return false;
    if (low < 0xdc00 || low > 0xdfff) {
      error("half of a character stands in a text");
      return false;
    }
    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
  } else if (code >= 0xdc00 && code < 0xe000) {
    error("half of a character stands in a text");
    return false;
  }
  append_utf8(code, out);
  return true;
}

/// \u00e9
bool JsonArray::code_unit(uint32_t& out) {
  const auto digits = text_.substr(std::min(at_ + 2, text_.size()), 4);
  const auto value = [](char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
  };
  const bool good = text_.substr(at_, 2) == "\\u" && digits.size() == 4 &&
                    std::ranges::all_of(digits, [&](char c) { return value(c) >= 0; });
  if (!good) {
    error("an unknown escape sequence stands in a text",
          "write \\\\ for a backslash, or \\u and four digits");
    return false;
  }
  out = 0;
  for (const char c : digits) out = out * 16 + static_cast<uint32_t>(value(c));
  at_ += 6;
  return true;
}

}  // namespace looptwin::testbed
