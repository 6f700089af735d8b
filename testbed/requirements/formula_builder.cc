#include "testbed/requirements/formula_builder.h"

#include <fmt/format.h>
#include <algorithm>
#include <optional>

#include "base/text.h"
#include "lang/parser.h"
#include "testbed/requirements/pulses.h"

namespace looptwin::testbed {
namespace {

using lang::Ast;
using lang::Operator;

std::optional<Temporal> temporal_of(std::string_view function) {
  for (const Temporal op : {Temporal::always, Temporal::eventually, Temporal::until, Temporal::historically,
                            Temporal::once, Temporal::since})
    if (function == name_of(op)) return op;
  return std::nullopt;
}

/// What other notations call our operators.
std::string_view ours_of(std::string_view function) {
  static constexpr std::pair<std::string_view, std::string_view> kOthers[] = {{"G", "always"},
                                                                              {"globally", "always"},
                                                                              {"box", "always"},
                                                                              {"F", "eventually"},
                                                                              {"finally", "eventually"},
                                                                              {"diamond", "eventually"},
                                                                              {"U", "until"},
                                                                              {"H", "historically"},
                                                                              {"O", "once"},
                                                                              {"P", "once"},
                                                                              {"S", "since"},
                                                                              {"alw", "always"},
                                                                              {"ev", "eventually"},
                                                                              {"implication", "implies"}};
  for (const auto& [theirs, ours] : kOthers)
    if (theirs == function) return ours;
  return {};
}

/// Whether a call stands only where a formula does.
bool is_ours(const Ast& ast) {
  return ast.kind == Ast::Kind::call &&
         (temporal_of(ast.text) || ast.text == "implies" || find_pulse(ast.text) != nullptr);
}

}  // namespace

Formula FormulaBuilder::build(const Span& text, AskedAt asked) {
  Formula formula;
  formula.asked = asked;
  if (!add(text, formula)) return {};
  formula.prepare();
  return formula;
}

Formula FormulaBuilder::build_eventually(const Span& text) {
  Formula formula;
  formula.asked = AskedAt::first_instant;
  if (!add(text, formula)) return {};
  formula.add({.op = Temporal::eventually, .left = formula.root()});
  formula.prepare();
  return formula;
}

bool FormulaBuilder::add(const Span& text, Formula& formula) {
  const auto tree = lang::parse(text, units_);
  if (!tree) {
    problems_.insert(problems_.end(), tree.error().begin(), tree.error().end());
    return false;
  }
  source_ = text.source;
  formula_ = &formula;
  sound_ = true;
  node(**tree, false);
  return sound_;
}

uint32_t FormulaBuilder::fail(uint32_t begin, uint32_t end, std::string message, std::string hint) {
  problems_.push_back({Severity::error, {source_, begin, end}, std::move(message), std::move(hint)});
  sound_ = false;
  return 0;
}

uint32_t FormulaBuilder::node(const Ast& ast, bool negated) {
  if (ast.kind == Ast::Kind::unary && ast.op == Operator::logical_not) {
    const auto of = node(ast.arg(0), !negated);
    return formula_->add({.op = Temporal::negation, .left = of});
  }
  if (ast.kind == Ast::Kind::binary && (ast.op == Operator::logical_and || ast.op == Operator::logical_or)) {
    const auto left = node(ast.arg(0), negated);
    const auto right = node(ast.arg(1), negated);
    const auto op = ast.op == Operator::logical_and ? Temporal::both : Temporal::either;
    return formula_->add({.op = op, .left = left, .right = right});
  }
  if (ast.kind == Ast::Kind::call) {
    const auto end = ast.begin + static_cast<uint32_t>(ast.text.size());
    if (ast.text == "implies") return implication(ast, negated);
    if (const auto op = temporal_of(ast.text)) return temporal(ast, *op, negated);
    if (const auto ours = ours_of(ast.text); !ours.empty())
      return fail(ast.begin, end, fmt::format("'{}' is not an operator", ast.text),
                  fmt::format("write {}(…)", ours));
  }
  if (!is_ours(ast) && refuse_inner(ast)) return 0;
  const uint32_t atom = add_atom_(ast, negated);
  formula_->atoms = std::max(formula_->atoms, atom + 1);
  return formula_->add({.left = atom});
}

/// Within an atom no formula stands.
bool FormulaBuilder::refuse_inner(const Ast& ast) {
  for (const auto& argument : ast.args) {
    if (!argument.value) continue;
    const Ast& inner = *argument.value;
    if (is_ours(inner)) {
      fail(inner.begin, inner.end,
           fmt::format("{}() stands only where a condition of its own does", inner.text),
           "take the formula apart with &&, ||, ! and implies(a, b)");
      return true;
    }
    if (refuse_inner(inner)) return true;
  }
  return false;
}

uint32_t FormulaBuilder::implication(const Ast& ast, bool negated) {
  if (ast.args.size() != 2 || !ast.args[0].name.empty() || !ast.args[1].name.empty())
    return fail(ast.begin, ast.end, "implies() takes two conditions",
                "write implies(condition, what follows)");
  const auto left = node(ast.arg(0), !negated);
  const auto right = node(ast.arg(1), negated);
  const auto not_left = formula_->add({.op = Temporal::negation, .left = left});
  return formula_->add({.op = Temporal::either, .left = not_left, .right = right});
}

uint32_t FormulaBuilder::temporal(const Ast& ast, Temporal op, bool negated) {
  const bool two = is_binary(op);
  const std::string usage = two ? fmt::format("write {}(a, b, within=10 s)", name_of(op))
                                : fmt::format("write {}(a, within=10 s)", name_of(op));
  std::vector<const Ast*> of;
  Formula::Node made{.op = op};
  for (const auto& argument : ast.args) {
    if (argument.name.empty()) {
      of.push_back(argument.value.get());
      continue;
    }
    if (argument.name != "from" && argument.name != "within")
      return fail(argument.name_begin, argument.name_begin + static_cast<uint32_t>(argument.name.size()),
                  fmt::format("{}() has no '{}'", name_of(op), argument.name), usage);
    const auto end = window_end(argument);
    if (!end) return 0;
    (argument.name == "from" ? made.from : made.within) = *end;
  }
  if (of.size() != (two ? 2u : 1u)) {
    const bool bare_time = of.size() == (two ? 3u : 2u) && of.back()->kind == Ast::Kind::number;
    return fail(ast.begin, ast.end,
                bare_time
                    ? fmt::format("{}() is not told what its time means", name_of(op))
                    : fmt::format("{}() takes {}", name_of(op), two ? "two conditions" : "one condition"),
                usage);
  }
  if (made.from > made.within)
    return fail(ast.begin, ast.end,
                fmt::format("{}() ends before it begins: from= is after within=", name_of(op)),
                "both count from the same instant: write from=5 s, within=20 s");
  made.left = node(*of[0], negated);
  if (two) made.right = node(*of[1], negated);
  return formula_->add(made);
}

std::optional<Duration> FormulaBuilder::window_end(const lang::Argument& argument) {
  const Ast& value = *argument.value;
  if (value.kind != Ast::Kind::number) {
    fail(value.begin, value.end,
         fmt::format("{}= is a time that is written down, not computed", argument.name),
         fmt::format("write {}=10 s", argument.name));
    return std::nullopt;
  }
  auto time = units_.duration({source_, value.begin, value.end});
  if (time) return *time;
  problems_.insert(problems_.end(), time.error().begin(), time.error().end());
  sound_ = false;
  return std::nullopt;
}

}  // namespace looptwin::testbed
