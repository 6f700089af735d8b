#include "lang/checker.h"

#include <fmt/format.h>
#include <algorithm>

#include "base/check.h"
#include "base/text.h"
#include "lang/elaborate.h"
#include "lang/fold.h"
#include "lang/parser.h"

namespace looptwin::lang {
namespace {

constexpr int kMostErrors = 3;  // of one expression: what comes after is mostly their consequence

}  // namespace

Checked Checker::check_with_unit(const Span& text, const Scopes& scopes, TableId table,
                                 const Wanted& wanted) {
  auto tree = parse(text, units_);
  if (!tree) {
    diagnostics_.insert(diagnostics_.end(), tree.error().begin(), tree.error().end());
    return {};
  }
  return Elaborator(units_, schema_, graph_, diagnostics_, scopes, wanted, text.source).run(**tree, table);
}

Checked Elaborator::run(const Ast& tree, TableId table) {
  table_ = table;
  const auto found = finish(tree, evaluate(tree));
  LT_CHECK(found.ok() || errors_ > 0, "an expression was refused without a word: " + written(tree));
  return errors_ == 0 ? Checked{found.node, found.unit} : Checked{};
}

Term Elaborator::evaluate(const Ast& ast) {
  switch (ast.kind) {
    case Ast::Kind::number:
    case Ast::Kind::boolean:
    case Ast::Kind::text:
      return literal(ast);
    case Ast::Kind::name:
      return name(ast, Reading::value);
    case Ast::Kind::member:
      return member(ast, Reading::value);
    case Ast::Kind::unary:
      return unary(ast);
    case Ast::Kind::binary:
      return binary(ast);
    case Ast::Kind::call:
      return call(ast);
    case Ast::Kind::list:
      return fail(ast, "a list stands only after 'in'", "write x in [a, b]");
    case Ast::Kind::over:
      return fail(ast, "'over' belongs in a window function", "write avg(x over 5 min)");
  }
  LT_CHECK(false, "an unknown kind of tree");
}

Term Elaborator::value_of(const Ast& ast) { return misplaced(ast, evaluate(ast)); }

Term Elaborator::literal(const Ast& ast) {
  Term term;
  term.ast = &ast;
  if (ast.kind == Ast::Kind::text) {
    term.is = Term::Is::word;
    term.type = Type::text();
    term.word = ast.text;
    return term;
  }
  term.is = Term::Is::number;
  const bool number = ast.kind == Ast::Kind::number;
  if (number) term.unit = ast.quantity.unit;
  if (number) warn_of_names(ast);
  term.type = number ? ast.quantity.unit.type : Type::boolean();
  term.node = constant(number ? ast.quantity.value : ast.value, term.type, ast);
  return term;
}

// In `10 m/g` g is the unit, even where a name g is visible: said, because the other reading is as likely.
void Elaborator::warn_of_names(const Ast& ast) {
  const std::string_view unit = ast.quantity.unit.text;
  const auto& names = scope_of(table_).names;
  for (size_t joint = unit.find_first_of("*./"); joint != unit.npos;
       joint = unit.find_first_of("*./", joint + 1)) {
    const auto word = unit.substr(joint + 1, unit.find_first_of("*./^-", joint + 1) - joint - 1);
    if (!names.contains(std::string(word))) continue;
    const auto text = written(ast);
    const auto head = text.substr(0, text.size() - unit.size() + joint);
    warn(ast, fmt::format("'{}' in `{}` is the unit, not the name", word, text),
         fmt::format("write {} {} {} for the name", head, unit[joint], unit.substr(joint + 1)));
  }
}

// The value at the top must be one value of the type that the place wants.
Term Elaborator::finish(const Ast& tree, Term value) {
  if (value.ok() && tree.is_bare_number() && wanted_.bare) {
    value.type = wanted_.bare->type;
    value.unit = *wanted_.bare;
    value.node = constant(wanted_.bare->to_si(tree.number), value.type, tree);
  }
  if (wanted_.type && value.ok()) value = fit(tree, value, *wanted_.type);
  value = misplaced(tree, value);
  if (!value.ok()) return value;
  if (value.set.is_set())
    return fail(tree, fmt::format("`{}` has a value for each member of a set, one is wanted", written(tree)),
                to_write_of_set(value));
  if (value.is == Term::Is::word)
    return fail(tree, "a text cannot stand alone here", "compare it, as in program == \"frugal\"");
  return value;
}

Term Elaborator::fit(const Ast& tree, Term value, const Type& type) {
  if (value.is == Term::Is::word && type.kind == Kind::enumeration) return word_of(value, type.enumeration);
  if (value.is != Term::Is::number) return value;  // said by what follows
  if (value.type == type) return value;
  Term place;
  place.is = Term::Is::number;
  place.type = type;
  if (wanted_.bare && wanted_.bare->type == type) place.unit = *wanted_.bare;
  if (type.kind == Kind::boolean && value.type.kind == Kind::number)
    return fail(tree,
                fmt::format("a condition is wanted here, but `{}` is {}", written(tree), in_words(value)),
                fmt::format("compare it, as in {} > {}", written(tree), number_in(0, value.unit)));
  if (value.type.kind == Kind::boolean)
    return fail(tree,
                fmt::format("{} is wanted here, but `{}` is a condition", in_words(place), written(tree)),
                type.kind == Kind::number ? fmt::format("write if({}, a, b)", written(tree)) : "");
  if (value.type.kind == Kind::enumeration || type.kind == Kind::enumeration)
    return fail(tree, fmt::format("`{}` is {}, but {} is wanted here", written(tree), in_words(value),
                                  in_words(place)));
  return mismatch(tree, value, place, "wanted");
}

Term Elaborator::fail(const Ast& at, std::string message, std::string hint) {
  return fail(at.begin, at.end, std::move(message), std::move(hint));
}

Term Elaborator::fail(uint32_t begin, uint32_t end, std::string message, std::string hint) {
  if (++errors_ <= kMostErrors)
    diagnostics_.push_back({Severity::error, {source_, begin, end}, std::move(message), std::move(hint)});
  return {};
}

void Elaborator::warn(const Ast& at, std::string message, std::string hint) {
  diagnostics_.push_back({Severity::warning, span_of(at), std::move(message), std::move(hint)});
}

std::string Elaborator::written_factor(const Ast& ast) const {
  const bool sum = ast.kind == Ast::Kind::binary && (ast.op == Operator::add || ast.op == Operator::subtract);
  const bool has_brackets = sum && ast.begin < ast.arg(0).begin;
  return sum && !has_brackets ? fmt::format("({})", written(ast)) : written(ast);
}

// A piece of the text for a message: on one line, and short.
std::string Elaborator::written(const Ast& ast) const {
  constexpr size_t kLongest = 60;
  std::string out;
  for (const char c : std::string_view(source_->text).substr(ast.begin, ast.end - ast.begin)) {
    const bool space = c == ' ' || c == '\n' || c == '\t' || c == '\r';
    if (!space) out += c;
    if (space && !out.empty() && out.back() != ' ') out += ' ';
  }
  if (out.size() <= kLongest) return out;
  size_t cut = kLongest;
  while (cut > 0 && (static_cast<unsigned char>(out[cut]) & 0xC0) == 0x80) --cut;  // not within a character
  return out.substr(0, cut) + "…";
}

Node Elaborator::node(Op op, Type type, std::vector<NodeId> args) const {
  Node node;
  node.op = op;
  node.type = type;
  for (const NodeId arg : args)
    if (!node.table.valid()) node.table = graph_[arg].table;
  node.args = std::move(args);
  return node;
}

NodeId Elaborator::add(Node node, const Ast& ast) {
  std::vector<double> constants;
  bool of_conditions = false;
  for (const NodeId arg : node.args) {
    const auto& operand = graph_[arg];
    if (operand.op != Op::constant) return graph_.add(std::move(node), span_of(ast));
    if (constants.empty()) of_conditions = operand.type.kind == Kind::boolean;
    constants.push_back(operand.number[0]);
  }
  const auto value = fold(node, constants, of_conditions);
  return value ? constant(*value, node.type, ast) : graph_.add(std::move(node), span_of(ast));
}

NodeId Elaborator::constant(double value, Type type, const Ast& ast) {
  Node node;
  node.op = Op::constant;
  node.type = type;
  node.number = {value};
  return graph_.add(std::move(node), span_of(ast));
}

std::optional<double> Elaborator::constant_of(const Term& value) const {
  if (value.is != Term::Is::number || graph_[value.node].op != Op::constant) return std::nullopt;
  return graph_[value.node].number[0];
}

Term Elaborator::result(const Ast& ast, Op op, Type type, const std::vector<Term>& args, Unit unit) {
  Term term;
  term.is = Term::Is::number;
  term.ast = &ast;
  term.type = type;
  term.unit = std::move(unit);
  std::vector<NodeId> nodes;
  for (const auto& arg : args) {
    nodes.push_back(arg.node);
    if (arg.set.is_set()) term.set = arg.set;
  }
  term.node = add(node(op, type, std::move(nodes)), ast);
  return term;
}

Term Elaborator::like(const Term& value, NodeId node, const Ast& ast) const {
  Term term;
  term.is = Term::Is::number;
  term.ast = &ast;
  term.node = node;
  term.type = value.type;
  term.unit = value.unit;
  term.set = value.set;
  return term;
}

}  // namespace looptwin::lang
