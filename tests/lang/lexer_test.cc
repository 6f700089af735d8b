#include "lang/lexer.h"

#include <catch2/catch.hpp>

#include "sample_schema.h"

namespace looptwin::lang {
namespace {

Span span_of(std::string_view text) {
  return {std::make_shared<Source>(Source{"test", std::string(text)}), 0, static_cast<uint32_t>(text.size())};
}

// Tokens joined by '|'; they point into the source, which lives as long as the span here.
std::string tokens(std::string_view text) {
  const auto span = span_of(text);
  const auto lexed = lex(span, sample::units());
  if (!lexed) return "error: " + lexed.error()[0].message + " | " + lexed.error()[0].hint;
  std::string out;
  for (const auto& token : *lexed)
    if (token.kind != Token::Kind::end) out += (out.empty() ? "" : "|") + std::string(token.text);
  return out;
}

double value(std::string_view text) {
  const auto span = span_of(text);
  const auto lexed = lex(span, sample::units());
  REQUIRE(lexed);
  REQUIRE(lexed->front().kind == Token::Kind::number);
  return lexed->front().quantity.value;
}

}  // namespace

TEST_CASE("lexer: a number and its unit are one token, which ends where the units end") {
  CHECK(tokens("10 m/s") == "10 m/s");
  CHECK(tokens("10 m / s") == "10 m|/|s");
  CHECK(tokens("10 m/x") == "10 m|/|x");
  CHECK(tokens("5min+5 min") == "5min|+|5 min");
  CHECK(tokens("3 kW*2") == "3 kW|*|2");
  CHECK(tokens("3 kW*h*x") == "3 kW*h|*|x");
  CHECK(tokens("10 W/m2/K-1") == "10 W/m2/K-1");
  CHECK(tokens("10 W/m2/K - 1") == "10 W/m2/K|-|1");
  CHECK(tokens("10  m") == "10|m");
  CHECK(tokens("95 %>x") == "95 %|>|x");
  CHECK(tokens("10 m_total") == "10|m_total");
  CHECK(tokens("1e3kW") == "1e3kW");
  CHECK(tokens("1e3") == "1e3");
  CHECK(tokens("3 Nm3/h") == "3 Nm3/h");
  CHECK(tokens("3 in [1]") == "3|in|[|1|]");
  CHECK(tokens("x over 5 min") == "x|over|5 min");
  CHECK(tokens("-40 degC") == "-|40 degC");
  CHECK(value("2.5 MWh") == 9e9);
  CHECK(value("20 degC") == 293.15);
}

TEST_CASE("lexer: names, texts and operators") {
  CHECK(tokens("a_1&&b||!c==d!=e<=f>=g<h>i") == "a_1|&&|b||||!|c|==|d|!=|e|<=|f|>=|g|<|h|>|i");
  CHECK(tokens("program == \"frugal\"") == "program|==|frugal");
  CHECK(tokens("'it'") == "it");
  CHECK(tokens(" \n\t a \r\n") == "a");
  CHECK(tokens("") == "");
}

TEST_CASE("lexer: what may not be written says what to write") {
  CHECK(tokens("35 C") == "error: 'C' is the coulomb, not a temperature | write degC (or A*s for a charge)");
  CHECK(tokens("1 month") == "error: 'month' has no fixed length | write days, as 30 d");
  CHECK(tokens(".5") == "error: '.5' needs a digit before the point | write 0.5");
  CHECK(tokens("5. + 1") == "error: '5.' needs a digit after the point | write 5.0 or 5");
  CHECK(tokens("010") == "error: '010' has leading zeroes, which other tools read as octal | write 10");
  CHECK(tokens("00.5") == "error: '00.5' has leading zeroes, which other tools read as octal | write 0.5");
  CHECK(tokens("1_000") == "error: a number has no separators | write the digits alone, or 1e6");
  CHECK(tokens("12:30") ==
        "error: a number has no ':' | write a span of time as 90 min, a time of day in quotes");
  CHECK(tokens("1e999") == "error: '1e999' is out of range | ");
  CHECK(tokens("\"frugal") == "error: a text without its closing quote | end it with \"");
  CHECK(tokens("a ≤ b") == "error: '≤' is not part of the language | write <=");
  CHECK(tokens("a × b") == "error: '×' is not part of the language | write *");
  CHECK(tokens("a # b") == "error: '#' is not part of the language | ");
  CHECK(tokens("a\xff").starts_with("error: a character that is not part of the language"));
}

TEST_CASE("lexer: offsets are those of the source, also of a span within it") {
  const auto source = std::make_shared<Source>(Source{"file", "raise: power > 3 kW # 1"});
  const Span span{source, 7, 19};
  const auto lexed = lex(span, sample::units());
  REQUIRE(lexed);
  REQUIRE(lexed->size() == 4);
  CHECK((*lexed)[0].begin == 7);
  CHECK((*lexed)[2].begin == 15);
  CHECK((*lexed)[2].end == 19);
  CHECK((*lexed)[3].begin == 19);
}

}  // namespace looptwin::lang
