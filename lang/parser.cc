#include "lang/parser.h"

#include <fmt/format.h>
#include <algorithm>

#include "base/check.h"
#include "lang/lexer.h"

namespace looptwin::lang {
namespace {

struct Binary {
  std::string_view text;
  Operator op;
  int level;  // of precedence, binding stronger upwards
};
constexpr int kRelationLevel = 3;
constexpr int kUnaryLevel = 6;
constexpr Binary kBinary[] = {
    {"||", Operator::logical_or, 1}, {"&&", Operator::logical_and, 2},   {"==", Operator::equal, 3},
    {"!=", Operator::not_equal, 3},  {"<", Operator::less, 3},           {"<=", Operator::less_equal, 3},
    {">", Operator::greater, 3},     {">=", Operator::greater_equal, 3}, {"in", Operator::in, 3},
    {"+", Operator::add, 4},         {"-", Operator::subtract, 4},       {"*", Operator::multiply, 5},
    {"/", Operator::divide, 5},
};

const Binary* binary_at(const Token& token) {
  for (const auto& binary : kBinary)
    if (token.text == binary.text && (token.kind == Token::Kind::punctuation || binary.op == Operator::in) &&
        token.kind != Token::Kind::text)
      return &binary;
  return nullptr;
}

// What is written in other languages and not in ours.
struct Slip {
  std::string_view text;
  std::string_view message;
  std::string_view hint;
};
constexpr Slip kSlips[] = {
    {"and", "'and' is not an operator", "write &&"},
    {"or", "'or' is not an operator", "write ||"},
    {"AND", "'AND' is not an operator", "write &&"},
    {"OR", "'OR' is not an operator", "write ||"},
    {"xor", "'xor' is not an operator", "write a != b"},
    {"mod", "'mod' is a function", "write mod(a, b)"},
    {"is", "'is' is not an operator", "write =="},
    {"over", "'over' belongs in a window", "write avg(x over 5 min)"},
    {"not", "'not' stands before a condition", "write !(x in [a, b]) or not x"},
    {"between", "'between' is not an operator", "write a <= x && x <= b"},
    {"if", "'if' is a function", "write if(condition, then, else)"},
    {"else", "'else' is not part of the language", "write if(condition, then, else)"},
    {"then", "'then' is not part of the language", "write if(condition, then, else)"},
    {"=", "'=' names an argument", "write == to compare"},
    {"===", "'===' is not an operator", "write =="},
    {"!==", "'!==' is not an operator", "write !="},
    {"<>", "'<>' is not an operator", "write !="},
    {"=<", "'=<' is not an operator", "write <="},
    {"=>", "'=>' is not an operator", "write >="},
    {"|", "'|' is not an operator", "write ||"},
    {"&", "'&' is not an operator", "write &&"},
    {"^", "'^' is not an operator", "write pow(x, 2)"},
    {"**", "'**' is not an operator", "write pow(x, 2)"},
    {"%", "'%' is only percent", "write mod(a, b) for the remainder"},
    {"?", "'?' is not part of the language", "write if(condition, then, else)"},
    {":", "':' is not part of the language",
     "write if(condition, then, else); a time of day stands in quotes"},
    {";", "';' is not part of the language", "one expression has one value"},
    {"{", "'{' is not part of the language", "write ( ) around expressions, [ ] around lists"},
    {"~", "'~' is not an operator", "write !x"},
};

const Slip* slip_at(const Token& token) {
  if (token.kind != Token::Kind::name && token.kind != Token::Kind::punctuation) return nullptr;
  const auto it = std::ranges::find(kSlips, token.text, &Slip::text);
  return it == std::end(kSlips) ? nullptr : &*it;
}

class Parser {
 public:
  Parser(SourcePtr source, std::vector<Token> tokens, const Units& units)
      : source_(std::move(source)), tokens_(std::move(tokens)), units_(units) {}

  Result<AstPtr> run() {
    if (peek().kind == Token::Kind::end) {
      fail(peek(), "an expression is missing", "write one, as temperature > 30 degC");
      return tl::make_unexpected(std::move(errors_));
    }
    auto tree = expression();
    if (tree && peek().kind != Token::Kind::end) unexpected(peek());
    if (!errors_.empty()) return tl::make_unexpected(std::move(errors_));
    return tree;
  }

 private:
  const Token& peek(size_t ahead = 0) const { return tokens_[std::min(next_ + ahead, tokens_.size() - 1)]; }
  const Token& take() { return tokens_[std::min(next_++, tokens_.size() - 1)]; }

  std::nullptr_t fail(const Token& at, std::string message, std::string hint) {
    return fail(at.begin, std::max(at.end, at.begin), std::move(message), std::move(hint));
  }
  std::nullptr_t fail(uint32_t begin, uint32_t end, std::string message, std::string hint) {
    if (errors_.empty())
      errors_.push_back({Severity::error, {source_, begin, end}, std::move(message), std::move(hint)});
    return nullptr;
  }

  // Says what is wrong with a token that cannot stand where it does, going by what stands before it.
  std::nullptr_t unexpected(const Token& token) {
    if (token.kind == Token::Kind::end)
      return fail(token, "the expression ends too early", "is an operand or a closing bracket missing?");
    if (const auto* slip = slip_at(token))
      return fail(token, std::string(slip->message), std::string(slip->hint));
    const bool after_number = next_ > 0 && tokens_[next_ - 1].kind == Token::Kind::number;
    if (token.kind == Token::Kind::name && after_number && tokens_[next_ - 1].quantity.unit.text.empty()) {
      auto unit = units_.unit({source_, token.begin, token.end});
      const auto hint = unit ? fmt::format("write one space between the number and {}", token.text)
                             : fmt::format("{}; for a product write {} * {}", unit.error()[0].hint,
                                           tokens_[next_ - 1].text, token.text);
      return fail(token, fmt::format("'{}' after a number is not a unit", token.text), hint);
    }
    if (token.text == "1" && after_number && tokens_[next_ - 1].quantity.unit.text.empty() &&
        peek(1).is("/") && peek(2).kind == Token::Kind::name &&
        units_.unit({source_, peek(2).begin, peek(2).end})) {
      // What is declared as `unit: 1/s` is written so.
      const std::string_view unit = peek(2).text;
      const size_t digits = std::min(unit.find_first_of("0123456789"), unit.size());
      const auto power = digits == unit.size() ? "1" : unit.substr(digits);
      return fail(token.begin, peek(2).end, "a unit after a number does not begin with 1/",
                  fmt::format("write {} {}-{}", tokens_[next_ - 1].text, unit.substr(0, digits), power));
    }
    if (token.kind == Token::Kind::name || token.kind == Token::Kind::number ||
        token.kind == Token::Kind::text)
      return fail(token, fmt::format("an operator is missing before '{}'", token.text),
                  "write one of + - * / == < && ||");
    if (token.is(")")) return fail(token, "a ')' without its '('", "take it out");
    if (token.is("]")) return fail(token, "a ']' without its '['", "take it out");
    if (token.is("("))
      return fail(token, "only a function's name can be called", "write f(x), or an operator before (");
    if (token.is("["))
      return fail(token, "nothing is indexed here", "write x in [a, b], or use a relation as block.limit");
    if (token.is(","))
      return fail(token, "a ',' outside a function's arguments", "take it out; decimals have a point");
    return fail(token, fmt::format("'{}' cannot stand here", token.text), "");
  }

  AstPtr make(Ast::Kind kind, uint32_t begin, uint32_t end) {
    auto ast = std::make_unique<Ast>();
    ast->kind = kind;
    ast->begin = begin;
    ast->end = end;
    return ast;
  }

  // Takes the operand and counts the depth of the tree, which bounds every later recursion.
  bool adopt(Ast& parent, AstPtr child, std::string_view name = {}, uint32_t name_begin = 0) {
    parent.depth = std::max(parent.depth, child->depth + 1);
    const bool deep = parent.depth > kDeepestTree;
    if (deep)
      fail(child->begin, child->end, fmt::format("more than {} operations wait for each other", kDeepestTree),
           "give a part its own name");
    parent.args.push_back({name, name_begin, std::move(child)});
    return !deep;
  }

  struct Nesting {
    explicit Nesting(int& depth) : depth_(depth) { ++depth_; }
    ~Nesting() { --depth_; }
    int& depth_;
  };
  bool too_deep(const Token& at) {
    if (nesting_ <= kDeepestNesting) return false;
    fail(at, fmt::format("nested deeper than {}", kDeepestNesting), "give an inner part its own name");
    return true;
  }

  AstPtr expression() {
    const Nesting nesting(nesting_);
    if (too_deep(peek())) return nullptr;
    return binary(1);
  }

  AstPtr binary(int level) {
    if (level == kUnaryLevel) return unary();
    auto left = binary(level + 1);
    const Operator* compared = nullptr;
    Operator comparison{};
    while (left) {
      const auto* found = binary_at(peek());
      if (!found || found->level != level) return left;
      if (level == kRelationLevel && compared) return chain(*left, *found);
      take();
      auto right = binary(level + 1);
      if (!right) return nullptr;
      auto node = make(Ast::Kind::binary, left->begin, right->end);
      node->op = found->op;
      if (!adopt(*node, std::move(left)) || !adopt(*node, std::move(right))) return nullptr;
      left = std::move(node);
      comparison = found->op;
      compared = &comparison;
    }
    return nullptr;
  }

  std::string_view written(const Ast& ast) const {
    return std::string_view(source_->text).substr(ast.begin, ast.end - ast.begin);
  }

  // a < b < c reads as (a < b) < c, which nobody means.
  std::nullptr_t chain(const Ast& left, const Binary& second) {
    const Token at = peek();
    take();
    const auto right = binary(kRelationLevel + 1);
    const auto end = right ? right->end : at.end;
    const auto hint = right ? fmt::format("write {} && {} {} {}", written(left), written(left.arg(1)),
                                          second.text, written(*right))
                            : std::string("write a < b && b < c");
    return fail(left.begin, end, "comparisons cannot be chained", hint);
  }

  AstPtr unary() {
    const Token token = peek();
    const bool negative = token.is("-");
    if (!negative && !token.is("!") && !token.is_word("not")) return member();
    take();
    const Nesting nesting(nesting_);
    if (too_deep(token)) return nullptr;
    auto operand = negative && peek().kind == Token::Kind::number ? literal(true) : unary();
    if (!operand) return nullptr;
    // A minus belongs to the literal behind it, so that -40 degC is a point.
    if (negative && operand->kind == Ast::Kind::number && operand->begin == token.begin) return operand;
    auto node = make(Ast::Kind::unary, token.begin, operand->end);
    node->op = negative ? Operator::negate : Operator::logical_not;
    return adopt(*node, std::move(operand)) ? std::move(node) : nullptr;
  }

  AstPtr literal(bool negative) {
    const Token minus = negative ? tokens_[next_ - 1] : peek();
    const Token& token = take();
    auto node = make(Ast::Kind::number, minus.begin, token.end);
    node->number = negative ? -token.number : token.number;
    node->quantity = token.quantity;
    const auto& unit = node->quantity.unit;
    node->quantity.value = unit.text.empty() ? node->number : unit.to_si(node->number);
    return node;
  }

  AstPtr member() {
    auto base = primary();
    while (base && peek().is(".")) {
      take();
      const Token name = peek();
      if (name.kind != Token::Kind::name)
        return fail(name, "a name is missing after the '.'", "write block.limit");
      take();
      if (peek().is("("))
        return fail(base->begin, name.end, "functions are not members",
                    fmt::format("write {}({})", name.text, written(*base)));
      auto node = make(Ast::Kind::member, base->begin, name.end);
      node->text = name.text;
      if (!adopt(*node, std::move(base))) return nullptr;
      base = std::move(node);
    }
    return base;
  }

  AstPtr primary() {
    const Token token = peek();
    switch (token.kind) {
      case Token::Kind::number:
        return literal(false);
      case Token::Kind::text: {
        take();
        auto node = make(Ast::Kind::text, token.begin, token.end);
        node->text = token.text;
        return node;
      }
      case Token::Kind::name:
        return name(token);
      default:
        break;
    }
    if (token.is("(")) return bracketed(token);
    if (token.is("[")) return list(token);
    return unexpected(token);
  }

  AstPtr name(const Token& token) {
    if (token.text == "true" || token.text == "false") {
      take();
      auto node = make(Ast::Kind::boolean, token.begin, token.end);
      node->value = token.text == "true";
      return node;
    }
    const bool called = peek(1).is("(");
    if (is_keyword(token.text) || (token.text == "if" && !called)) return unexpected(token);
    take();
    if (called) return call(token);
    auto node = make(Ast::Kind::name, token.begin, token.end);
    node->text = token.text;
    return node;
  }

  AstPtr bracketed(const Token& open) {
    take();
    auto inner = expression();
    if (!inner) return nullptr;
    if (!peek().is(")")) return not_closed(open, ")");
    inner->begin = open.begin;
    inner->end = take().end;
    return inner;
  }

  std::nullptr_t not_closed(const Token& open, std::string_view close) {
    if (peek().kind != Token::Kind::end) return unexpected(peek());
    return fail(open, fmt::format("a '{}' without its '{}'", open.text, close), fmt::format("add {}", close));
  }

  AstPtr list(const Token& open) {
    take();
    auto node = make(Ast::Kind::list, open.begin, open.end);
    while (!peek().is("]")) {
      auto element = expression();
      if (!element || !adopt(*node, std::move(element))) return nullptr;
      if (peek().is(",")) {
        take();
      } else if (!peek().is("]")) {
        return not_closed(open, "]");
      }
    }
    node->end = take().end;
    return node;
  }

  AstPtr call(const Token& function) {
    const Token open = take();
    auto node = make(Ast::Kind::call, function.begin, function.end);
    node->text = function.text;
    while (!peek().is(")")) {
      if (!argument(*node)) return nullptr;
      if (peek().is(",")) {
        take();
        if (peek().is(")")) return fail(peek(), "an argument is missing after the ','", "take the comma out");
      } else if (!peek().is(")")) {
        return not_closed(open, ")");
      }
    }
    node->end = take().end;
    return node;
  }

  bool argument(Ast& call) {
    Token name;
    if (peek().kind == Token::Kind::name && peek(1).is("=")) {
      name = take();
      take();
    } else if (!call.args.empty() && !call.args.back().name.empty()) {
      fail(peek(), "an argument without a name follows one with a name",
           fmt::format("write its name, as in {}(…, {}=…)", call.text, call.args.back().name));
      return false;
    }
    auto value = expression();
    if (!value) return false;
    if (peek().is_word("over")) {
      take();
      auto length = expression();
      if (!length) return false;
      auto node = make(Ast::Kind::over, value->begin, length->end);
      if (!adopt(*node, std::move(value)) || !adopt(*node, std::move(length))) return false;
      value = std::move(node);
    }
    return adopt(call, std::move(value), name.text, name.begin);
  }

  SourcePtr source_;
  std::vector<Token> tokens_;
  const Units& units_;
  size_t next_ = 0;
  int nesting_ = 0;
  Diagnostics errors_;
};

}  // namespace

std::string_view text_of(Operator op) {
  if (op == Operator::negate) return "-";
  if (op == Operator::logical_not) return "!";
  return std::ranges::find(kBinary, op, &Binary::op)->text;
}

bool is_comparison(Operator op) { return op >= Operator::equal && op <= Operator::in; }

Result<AstPtr> parse(const Span& span, const Units& units) {
  LT_CHECK(span.source && span.begin <= span.end && span.end <= span.source->text.size(),
           "a span outside its source");
  if (span.end - span.begin > kLongestText)
    return failure(span, "an expression longer than 64 KB", "give its parts names of their own");
  auto tokens = lex(span, units);
  if (!tokens) return tl::make_unexpected(std::move(tokens.error()));
  return Parser(span.source, std::move(*tokens), units).run();
}

}  // namespace looptwin::lang
