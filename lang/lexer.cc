#include "lang/lexer.h"

#include <fmt/format.h>
#include <algorithm>

#include "base/check.h"
#include "lang/number.h"

namespace looptwin::lang {
namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Longest first. Those that are no operators of ours are kept whole, so that the parser can say what to
// write.
constexpr std::string_view kPunctuation[] = {
    "===", "!==", "||", "&&", "==", "!=", "<=", ">=", "<>", "=<", "=>", "**", "<", ">", "+", "-", "*", "/",
    "!",   ".",   "(",  ")",  "[",  "]",  ",",  "=",  "|",  "&",  "^",  "%",  "?", ":", ";", "{", "}", "~"};

struct Foreign {
  std::string_view bytes;
  std::string_view hint;
};
constexpr Foreign kForeign[] = {{"≤", "write <="},
                                {"≥", "write >="},
                                {"≠", "write !="},
                                {"·", "write *"},
                                {"×", "write *"},
                                {"÷", "write /"},
                                {"−", "write -"},
                                {"–", "write -"},
                                {"“", "write \""},
                                {"”", "write \""},
                                {"’", "write \""},
                                {"∧", "write &&"},
                                {"∨", "write ||"},
                                {"¬", "write !"},
                                {"√", "write sqrt(x)"},
                                {"²", "write pow(x, 2), or m2 in a unit"},
                                {"³", "write pow(x, 3), or m3 in a unit"},
                                {"°", "write deg for an angle, degC for a temperature"},
                                {"…", "write a list out"},
                                {"\u00a0", "write a plain space"}};

class Lexer {
 public:
  Lexer(const Span& span, const Units& units)
      : span_(span), units_(units), text_(span.source->text), at_(span.begin) {
    text_ = text_.substr(0, span.end);
  }

  Result<std::vector<Token>> run() {
    for (;;) {
      while (at_ < text_.size() && is_space(text_[at_])) ++at_;
      if (at_ >= text_.size()) break;
      if (!next()) return tl::make_unexpected(std::move(errors_));
    }
    tokens_.push_back({Token::Kind::end, span_.end, span_.end, {}, {}, 0});
    return std::move(tokens_);
  }

 private:
  std::string_view rest() const { return text_.substr(at_); }
  Span span(size_t begin, size_t end) const {
    return {span_.source, static_cast<uint32_t>(begin), static_cast<uint32_t>(end)};
  }
  bool fail(size_t begin, size_t end, std::string message, std::string hint) {
    errors_.push_back({Severity::error, span(begin, end), std::move(message), std::move(hint)});
    return false;
  }
  Token& push(Token::Kind kind, size_t length) {
    tokens_.push_back({kind,
                       static_cast<uint32_t>(at_),
                       static_cast<uint32_t>(at_ + length),
                       text_.substr(at_, length),
                       {},
                       0});
    at_ += length;
    return tokens_.back();
  }

  bool next() {
    const char c = text_[at_];
    if (is_digit(c)) return number();
    if (c == '.' && at_ + 1 < text_.size() && is_digit(text_[at_ + 1])) return number();
    if (is_letter(c)) return name();
    if (c == '"' || c == '\'') return text(c);
    for (const auto punctuation : kPunctuation) {
      if (!rest().starts_with(punctuation)) continue;
      push(Token::Kind::punctuation, punctuation.size());
      return true;
    }
    for (const auto& foreign : kForeign)
      if (rest().starts_with(foreign.bytes))
        return fail(at_, at_ + foreign.bytes.size(),
                    fmt::format("'{}' is not part of the language", foreign.bytes),
                    std::string(foreign.hint));
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f)
      return fail(at_, at_ + 1, fmt::format("'{}' is not part of the language", c), "");
    return fail(at_, at_ + 1, "a character that is not part of the language",
                "names have letters without accents, digits and _");
  }

  bool number() {
    const auto read = read_number(rest());
    if (!read.error.empty()) return fail(at_, at_ + read.length, read.error, read.hint);
    const size_t after = at_ + read.length;
    const size_t unit_at = after + unit_gap(text_.substr(after));
    const auto follows = text_.substr(unit_at);
    size_t unit_length = 0;
    size_t word = 0;
    while (word < follows.size() && (is_letter(follows[word]) || is_digit(follows[word]))) ++word;
    if (!is_keyword(follows.substr(0, word))) unit_length = units_.unit_length(follows);
    Quantity quantity{read.value, Unit{}};
    if (unit_length > 0) {
      auto unit = units_.unit(span(unit_at, unit_at + unit_length));
      if (!unit) {
        errors_ = std::move(unit.error());
        return false;
      }
      quantity = {unit->to_si(read.value), std::move(*unit)};
    }
    auto& token = push(Token::Kind::number, unit_length > 0 ? unit_at + unit_length - at_ : read.length);
    token.number = read.value;
    token.quantity = std::move(quantity);
    return true;
  }

  bool name() {
    size_t length = 1;
    while (at_ + length < text_.size() && (is_letter(text_[at_ + length]) || is_digit(text_[at_ + length])))
      ++length;
    push(Token::Kind::name, length);
    return true;
  }

  bool text(char quote) {
    const auto close = text_.find(quote, at_ + 1);
    const auto newline = text_.find('\n', at_ + 1);
    if (close == std::string_view::npos || newline < close)
      return fail(at_, std::min({newline, close, text_.size()}), "a text without its closing quote",
                  fmt::format("end it with {}", quote));
    auto& token = push(Token::Kind::text, close + 1 - at_);
    token.text = token.text.substr(1, token.text.size() - 2);
    return true;
  }

  const Span& span_;
  const Units& units_;
  std::string_view text_;  // the source up to the span's end, so that offsets are the source's
  size_t at_;
  std::vector<Token> tokens_;
  Diagnostics errors_;
};

}  // namespace

bool is_keyword(std::string_view word) {
  static constexpr std::string_view kKeywords[] = {"in", "over", "not", "and", "or", "true", "false"};
  return std::ranges::find(kKeywords, word) != std::end(kKeywords);
}

Result<std::vector<Token>> lex(const Span& span, const Units& units) {
  LT_CHECK(span.source && span.begin <= span.end && span.end <= span.source->text.size(),
           "a span outside its source");
  return Lexer(span, units).run();
}

}  // namespace looptwin::lang
