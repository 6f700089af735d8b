#include "lang/parser.h"

#include <catch2/catch.hpp>

#include "sample_schema.h"

namespace looptwin::lang {
namespace {

// The tree with all its brackets, or the error.
std::string show(const Ast& ast) {
  std::string out;
  switch (ast.kind) {
    case Ast::Kind::number:
      return std::to_string(static_cast<int>(ast.number)) + ast.quantity.unit.text;
    case Ast::Kind::boolean:
      return ast.value ? "true" : "false";
    case Ast::Kind::text:
      return "'" + std::string(ast.text) + "'";
    case Ast::Kind::name:
      return std::string(ast.text);
    case Ast::Kind::member:
      return show(ast.arg(0)) + "." + std::string(ast.text);
    case Ast::Kind::unary:
      return "(" + std::string(text_of(ast.op)) + show(ast.arg(0)) + ")";
    case Ast::Kind::binary:
      return "(" + show(ast.arg(0)) + std::string(text_of(ast.op)) + show(ast.arg(1)) + ")";
    case Ast::Kind::over:
      return show(ast.arg(0)) + " over " + show(ast.arg(1));
    case Ast::Kind::list:
    case Ast::Kind::call:
      for (const auto& argument : ast.args)
        out += (out.empty() ? "" : ",") + std::string(argument.name) + (argument.name.empty() ? "" : "=") +
               show(*argument.value);
      return ast.kind == Ast::Kind::list ? "[" + out + "]" : std::string(ast.text) + "{" + out + "}";
  }
  return out;
}

std::string parsed(std::string_view text) {
  const Span span{std::make_shared<Source>(Source{"test", std::string(text)}), 0,
                  static_cast<uint32_t>(text.size())};
  const auto tree = parse(span, sample::units());
  if (tree) return show(**tree);
  const auto& error = tree.error()[0];
  return error.message + " | " + error.hint;
}

std::string repeated(std::string_view text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

}  // namespace

TEST_CASE("parser: precedence is CEL's") {
  CHECK(parsed("a || b && c") == "(a||(b&&c))");
  CHECK(parsed("a && b == c") == "(a&&(b==c))");
  CHECK(parsed("a < b + c") == "(a<(b+c))");
  CHECK(parsed("a + b * c") == "(a+(b*c))");
  CHECK(parsed("a - b - c") == "((a-b)-c)");
  CHECK(parsed("a / b * c") == "((a/b)*c)");
  CHECK(parsed("!a && b") == "((!a)&&b)");
  CHECK(parsed("not a == b") == "((!a)==b)");
  CHECK(parsed("-a * b") == "((-a)*b)");
  CHECK(parsed("-a.b") == "(-a.b)");
  CHECK(parsed("(a + b) * c") == "((a+b)*c)");
  CHECK(parsed("a in [1, 2]") == "(ain[1,2])");
  CHECK(parsed("a in [1] && b") == "((ain[1])&&b)");
}

TEST_CASE("parser: a minus before a literal belongs to it") {
  CHECK(parsed("-40 degC") == "-40degC");
  CHECK(parsed("a - 40 degC") == "(a-40degC)");
  CHECK(parsed("a - -40 degC") == "(a--40degC)");
  CHECK(parsed("-(40 degC)") == "(-40degC)");
  CHECK(parsed("a * -2") == "(a*-2)");
}

TEST_CASE("parser: calls, named arguments, windows") {
  CHECK(parsed("if(a, b, c)") == "if{a,b,c}");
  CHECK(parsed("now()") == "now{}");
  CHECK(parsed("clamp(x, low=0, high=1)") == "clamp{x,low=0,high=1}");
  CHECK(parsed("avg(x over 5 min)") == "avg{x over 5min}");
  CHECK(parsed("avg(x + y over 5 min, 3)") == "avg{(x+y) over 5min,3}");
  CHECK(parsed("avg(x, low=1, 2)") ==
        "an argument without a name follows one with a name | write its name, as in avg(…, low=…)");
  CHECK(parsed("f(a == b)") == "f{(a==b)}");
}

TEST_CASE("parser: slips are named, with what to write") {
  CHECK(parsed("a and b") == "'and' is not an operator | write &&");
  CHECK(parsed("a or b") == "'or' is not an operator | write ||");
  CHECK(parsed("a < b < c") == "comparisons cannot be chained | write a < b && b < c");
  CHECK(parsed("0 kW < a + 1 kW <= 5 kW") ==
        "comparisons cannot be chained | write 0 kW < a + 1 kW && a + 1 kW <= 5 kW");
  CHECK(parsed("a == b == c") == "comparisons cannot be chained | write a == b && b == c");
  CHECK(parsed("a = b") == "'=' names an argument | write == to compare");
  CHECK(parsed("a <> b") == "'<>' is not an operator | write !=");
  CHECK(parsed("a =< b") == "'=<' is not an operator | write <=");
  CHECK(parsed("a ? b : c") == "'?' is not part of the language | write if(condition, then, else)");
  CHECK(parsed("if a then b") == "'if' is a function | write if(condition, then, else)");
  CHECK(parsed("a % b") == "'%' is only percent | write mod(a, b) for the remainder");
  CHECK(parsed("10 %3") == "'%' is only percent | write mod(a, b) for the remainder");
  CHECK(parsed("10 % 3") == "an operator is missing before '3' | write one of + - * / == < && ||");
  CHECK(parsed("a ^ 2") == "'^' is not an operator | write pow(x, 2)");
  CHECK(parsed("a ** 2") == "'**' is not an operator | write pow(x, 2)");
  CHECK(parsed("a & b") == "'&' is not an operator | write &&");
  CHECK(parsed("a not in [b]") == "'not' stands before a condition | write !(x in [a, b]) or not x");
  CHECK(parsed("3 x") ==
        "'x' after a number is not a unit | units are written as kW, degC, m3/h, W/K; for a product write 3 "
        "* x");
  CHECK(parsed("3 kw") == "'kw' after a number is not a unit | write kW; for a product write 3 * kw");
  CHECK(parsed("3\n     kW") == parsed("3 kW"));  // YAML makes one space of it
  CHECK(parsed("x > 3 \r\n\t kW && x < 5 kW") == parsed("x > 3 kW && x < 5 kW"));
  CHECK(parsed("3\n  x").starts_with("'x' after a number is not a unit"));
  CHECK(parsed("3  kW") == "'kW' after a number is not a unit | write one space between the number and kW");
  CHECK(parsed("a b") == "an operator is missing before 'b' | write one of + - * / == < && ||");
  CHECK(parsed("x > 3 1/s") == "a unit after a number does not begin with 1/ | write 3 s-1");
  CHECK(parsed("0.5 1/m3 * x") == "a unit after a number does not begin with 1/ | write 0.5 m-3");
  CHECK(parsed("3 m 1/s") == "an operator is missing before '1' | write one of + - * / == < && ||");
  CHECK(parsed("3 1/x") == "an operator is missing before '1' | write one of + - * / == < && ||");
  CHECK(parsed("a over 5 min") == "'over' belongs in a window | write avg(x over 5 min)");
  CHECK(parsed("homes.sum()") == "functions are not members | write sum(homes)");
  CHECK(parsed("a[1]") == "nothing is indexed here | write x in [a, b], or use a relation as block.limit");
  CHECK(parsed("(a)(b)") == "only a function's name can be called | write f(x), or an operator before (");
  CHECK(parsed("(a") == "a '(' without its ')' | add )");
  CHECK(parsed("f(a") == "a '(' without its ')' | add )");
  CHECK(parsed("a)") == "a ')' without its '(' | take it out");
  CHECK(parsed("f(a,)") == "an argument is missing after the ',' | take the comma out");
  CHECK(parsed("1,5 + a") == "a ',' outside a function's arguments | take it out; decimals have a point");
  CHECK(parsed("a +") == "the expression ends too early | is an operand or a closing bracket missing?");
  CHECK(parsed("") == "an expression is missing | write one, as temperature > 30 degC");
  CHECK(parsed("block.") == "a name is missing after the '.' | write block.limit");
}

TEST_CASE("parser: depth is bounded, whatever is nested") {
  CHECK(parsed(repeated("(", 99) + "a" + repeated(")", 99)) == "a");
  for (const auto open : {"(", "!", "-", "f(", "[", "if(a,", "not "})
    CHECK(parsed(repeated(open, 9000)) == "nested deeper than 100 | give an inner part its own name");
  CHECK(parsed("a" + repeated(" + a", 400)).size() > 1000);
  CHECK(parsed("a" + repeated(" + a", 5000)) ==
        "more than 500 operations wait for each other | give a part its own name");
  CHECK(parsed("a" + repeated(".b", 5000)) ==
        "more than 500 operations wait for each other | give a part its own name");
  CHECK(parsed(repeated("a", 70000)) ==
        "an expression longer than 64 KB | give its parts names of their own");
}

}  // namespace looptwin::lang
