#include "testbed/testing/mutation_expressions.h"

#include <fmt/format.h>
#include <charconv>
#include <cmath>
#include <map>

#include "lang/parser.h"
#include "testbed/one_line.h"

namespace looptwin::testbed {
namespace {

using lang::Ast;
using lang::Operator;

/// What a unit is taken for.
const std::map<std::string, std::string, std::less<>>& confused() {
  static const std::map<std::string, std::string, std::less<>> kUnits{
      {"W", "kW"},      {"kW", "MW"},         {"MW", "kW"},    {"Wh", "kWh"},   {"kWh", "Wh"},
      {"degC", "degF"}, {"K", "mK"},          {"Pa", "kPa"},   {"kPa", "bar"},  {"bar", "kPa"},
      {"barg", "psig"}, {"s", "min"},         {"min", "s"},    {"h", "min"},    {"d", "h"},
      {"m", "cm"},      {"cm", "m"},          {"mm", "cm"},    {"kg/s", "t/h"}, {"t/h", "kg/s"},
      {"kg", "t"},      {"t", "kg"},          {"m/s", "km/h"}, {"V", "kV"},     {"kV", "V"},
      {"A", "kA"},      {"bar/min", "bar/s"}, {"%", "1"},      {"rpm", "Hz"},   {"m3/h", "m3/s"}};
  return kUnits;
}

class Editor {
 public:
  Editor(const Span& expression, const std::string& of)
      : text_(expression.source->text), source_(expression.source), of_(of) {}

  void walk(const Ast& ast, bool in_window) {
    switch (ast.kind) {
      case Ast::Kind::number:
        number(ast, in_window);
        break;
      case Ast::Kind::binary:
        binary(ast);
        break;
      case Ast::Kind::unary:
        if (ast.op == Operator::logical_not)
          add(ast.begin, ast.end, written(ast.arg(0)), "was no longer negated",
              "a test in which it is true, and one in which it is false");
        break;
      default:
        break;
    }
    for (size_t i = 0; i < ast.args.size(); ++i)
      walk(ast.arg(i), in_window || (ast.kind == Ast::Kind::over && i == 1));
  }

  std::vector<Edit> take() { return std::move(edits_); }

 private:
  std::string written(const Ast& ast) const { return text_.substr(ast.begin, ast.end - ast.begin); }

  void add(uint32_t begin, uint32_t end, std::string by, const std::string& what, const std::string& hint) {
    const std::string old = text_.substr(begin, end - begin);
    edits_.push_back({{source_, begin, end},
                      by,
                      what.empty() ? fmt::format("{} became {}", old, by) : fmt::format("{} {}", old, what),
                      hint});
  }

  void number(const Ast& ast, bool in_window) {
    const std::string old = written(ast);
    double value = 0;
    const char* begin = old.data() + (old.front() == '(' || old.front() == '+' ? 1 : 0);
    const auto [rest, error] = std::from_chars(begin, old.data() + old.size(), value);
    if (error != std::errc() || begin != old.data()) return;
    const std::string unit(rest, old.data() + old.size());
    const bool counts = unit.empty() && value == std::floor(value) && std::fabs(value) <= 10;
    const double step = counts ? 1 : 0.2 * std::fabs(value);
    if (step > 0)
      for (const double moved : {value + step, value - step}) {
        if (in_window && moved <= 0) continue;
        const auto by = fmt::format("{:.6g}{}", moved, unit);
        add(ast.begin, ast.end, by, {},
            in_window
                ? fmt::format("a test for {} in which what happens lasts between {} and {}", of_, old, by)
                : fmt::format("a test for {} with a value between {} and {}", of_, old, by));
      }
    const auto bare = unit.find_first_not_of(' ');
    if (bare == std::string::npos || value == 0) return;
    const auto other = confused().find(std::string_view(unit).substr(bare));
    if (other == confused().end()) return;
    const auto by =
        old.substr(0, old.size() - unit.size() + bare) + (other->second == "1" ? "" : other->second);
    add(ast.begin, ast.end, by, {},
        fmt::format("a test for {} with a value between {} and {}", of_, old, by));
  }

  void binary(const Ast& ast) {
    static const std::map<Operator, std::pair<const char*, const char*>> kOther{
        {Operator::less, {"<", ">"}},          {Operator::less_equal, {"<=", ">="}},
        {Operator::greater, {">", "<"}},       {Operator::greater_equal, {">=", "<="}},
        {Operator::equal, {"==", "!="}},       {Operator::not_equal, {"!=", "=="}},
        {Operator::logical_and, {"&&", "||"}}, {Operator::logical_or, {"||", "&&"}}};
    const auto other = kOther.find(ast.op);
    if (other == kOther.end()) return;
    const auto at = text_.find(other->second.first, ast.arg(0).end);
    if (at == std::string::npos || at >= ast.arg(1).begin) return;
    const bool logic = ast.op == Operator::logical_and || ast.op == Operator::logical_or;
    const auto begin = static_cast<uint32_t>(at);
    edits_.push_back(
        {{source_, begin, begin + static_cast<uint32_t>(std::string_view(other->second.first).size())},
         other->second.second,
         fmt::format("'{}' became '{}' in {}", other->second.first, other->second.second, short_form(ast)),
         logic ? fmt::format("a test for {} in which one of the two holds and the other does not", of_)
               : fmt::format("a test for {} on each side of the comparison", of_)});
  }

  std::string short_form(const Ast& ast) const {
    const auto line = in_one_line({source_, ast.begin, ast.end});
    return line.size() > 60 ? line.substr(0, 57) + "..." : line;
  }

  const std::string& text_;
  SourcePtr source_;
  std::string of_;
  std::vector<Edit> edits_;
};

}  // namespace

std::vector<Edit> edits_of(const Span& expression, const std::string& of, const lang::Units& units) {
  const auto ast = lang::parse(expression, units);
  if (!ast) return {};
  Editor editor(expression, of);
  editor.walk(**ast, false);
  return editor.take();
}

Span edited(const Span& expression, const Edit& edit) {
  auto source = std::make_shared<Source>(*expression.source);
  source->text.replace(edit.span.begin, edit.span.end - edit.span.begin, edit.by);
  const auto grown =
      static_cast<int64_t>(edit.by.size()) - static_cast<int64_t>(edit.span.end - edit.span.begin);
  return {source, expression.begin, static_cast<uint32_t>(expression.end + grown)};
}

}  // namespace looptwin::testbed
