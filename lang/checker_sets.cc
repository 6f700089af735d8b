// Aggregates: over a set (sum(homes.power), count(homes, power > 3 kW)), or over values by commas (min(a,
// b)).
#include <fmt/format.h>
#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "lang/elaborate.h"

namespace looptwin::lang {
namespace {

struct Aggregate {
  std::string_view name;
  Op op;
  bool of_conditions;
};
constexpr Aggregate kAggregates[] = {
    {"sum", Op::set_sum, false},     {"avg", Op::set_mean, false},    {"mean", Op::set_mean, false},
    {"min", Op::set_minimum, false}, {"max", Op::set_maximum, false}, {"count", Op::set_count, true},
    {"share", Op::set_share, true},  {"all", Op::set_all, true},      {"any", Op::set_any, true},
};

const Aggregate& aggregate_of(std::string_view name) {
  const auto* found = std::ranges::find(kAggregates, name, &Aggregate::name);
  LT_CHECK(found != std::end(kAggregates), std::string(name));
  return *found;
}

}  // namespace

Term Elaborator::aggregate(const Ast& ast) {
  const auto& how = aggregate_of(ast.text);
  if (ast.args.empty())
    return fail(ast, fmt::format("{}() of nothing", ast.text), fmt::format("write {}", usage_of(ast.text)));
  if (ast.arg(0).kind == Ast::Kind::over && ast.args[0].name.empty()) return window(ast);
  for (const auto& argument : ast.args)
    if (!argument.name.empty())
      return fail(argument.name_begin, argument.value->end,
                  fmt::format("{}() has no argument '{}'", ast.text, argument.name),
                  fmt::format("write {}", usage_of(ast.text)));
  const auto first = evaluate(ast.arg(0));
  if (!first.ok()) return first;
  if (first.is == Term::Is::reference && first.set.is_set()) {
    if (ast.args.size() == 2) return set_argument(ast, first, ast.arg(1));
    if (ast.args.size() > 2)
      return fail(ast, "a set is followed by one expression about its members",
                  fmt::format("write {}({}, …)", ast.text, written(ast.arg(0))));
    if (how.op != Op::set_count || !first.beyond.empty()) return misplaced(ast.arg(0), first);
    return set_result(ast, first.set, {}, true);
  }
  const auto value = misplaced(ast.arg(0), first);
  if (!value.ok()) return value;
  if (value.set.is_set()) {
    if (ast.args.size() == 1) return set_result(ast, value.set, value, false);
    return fail(
        ast, fmt::format("{}() takes one set or several values, not both", ast.text),
        fmt::format("write {0}({1}) for the set and {0}(a, b) for values", ast.text, written(ast.arg(0))));
  }
  if (how.of_conditions)
    return fail(ast, fmt::format("{}() takes a set, but `{}` is one value", ast.text, written(ast.arg(0))),
                how.op == Op::set_all   ? "write a && b, or all(homes, condition)"
                : how.op == Op::set_any ? "write a || b, or any(homes, condition)"
                                        : fmt::format("write {}", usage_of(ast.text)));
  if (ast.args.size() == 1)
    return fail(ast,
                fmt::format("{}() of one value: `{}` is {}", ast.text, written(ast.arg(0)), in_words(value)),
                how.op == Op::set_sum
                    ? "write sum(homes.power) over a set, or sum(a, b)"
                    : fmt::format("write {0}(x over 5 min), {0}(homes.power) or {0}(a, b)", ast.text));
  const Ast& last = *ast.args.back().value;
  if (ast.args.size() == 2 && last.kind == Ast::Kind::number &&
      last.quantity.unit.type == Type::number(kTimeDimension) && value.type.dimension != kTimeDimension &&
      how.op != Op::set_sum)
    return window(ast);  // which says that the window follows the word 'over'
  if (how.op == Op::set_minimum) return scalar_extreme(ast, Op::minimum);
  if (how.op == Op::set_maximum) return scalar_extreme(ast, Op::maximum);
  return scalar_sum(ast, how.op == Op::set_mean);
}

// f(set, expression): the expression is about a member, with the member's names.
Term Elaborator::set_argument(const Ast& ast, const Term& set, const Ast& inner) {
  if (!set.beyond.empty())
    return fail(
        ast.arg(0), fmt::format("`{}` is not a set of its own", written(ast.arg(0))),
        fmt::format("write {}({}, …) with the names of its members", ast.text, written(ast.arg(0).arg(0))));
  const auto outside = table_;
  table_ = set.at;
  auto element = value_of(inner);
  table_ = outside;
  if (!element.ok()) return element;
  if (element.set.is_set())
    return fail(inner,
                fmt::format("`{}` has a value for each member of a set within the set", written(inner)),
                to_write_of_set(element));
  element.set = set.set;
  return set_result(ast, set.set, element, false);
}

// `sized`: the number of members, without an element.
Term Elaborator::set_result(const Ast& ast, const SetPath& path, const Term& element, bool sized) {
  const auto& how = aggregate_of(ast.text);
  Term term;
  term.is = Term::Is::number;
  term.ast = &ast;
  term.type = Type::number();
  std::vector<NodeId> args;
  if (!sized) {
    if (how.of_conditions && !condition(element, fmt::format("{}()", ast.text))) return {};
    if (!how.of_conditions && !element.is_number())
      return fail(*element.ast,
                  fmt::format("{}() takes numbers, but `{}` is {}", ast.text, written(*element.ast),
                              in_words(element)),
                  element.is_condition() ? "write count(homes, condition) or share(homes, condition)" : "");
    if (how.op == Op::set_sum && element.type.point)
      return fail(*element.ast,
                  fmt::format("`{}` is a point on a scale: points have no sum", written(*element.ast)),
                  fmt::format("write avg({0}), or sum differences", written(*element.ast)));
    if (!graph_[element.node].table.valid())
      return fail(*element.ast,
                  fmt::format("`{}` does not depend on the members of the set", written(*element.ast)),
                  "write it outside, with count(set) for their number");
    if (!how.of_conditions) {
      term.type = element.type;
      term.unit = element.unit;
    } else if (how.op == Op::set_all || how.op == Op::set_any) {
      term.type = Type::boolean();
    }
    args.push_back(element.node);
  }
  Node set = node(sized ? Op::set_size : how.op, term.type, std::move(args));
  TableId owner = table_;
  for (const RelationId id : path.to_one) owner = schema_.table(owner).relations[id.index()].to;
  set.table = owner;
  set.relation = path.many;
  if (!sized) set.number = {wanted_.minimum_good};
  term.node = through(path.to_one, add(std::move(set), ast), ast);
  return term;
}

// Brings a value from the table at the end of to-one relations to the row.
NodeId Elaborator::through(const std::vector<RelationId>& to_one, NodeId value, const Ast& ast) {
  std::vector<TableId> tables{table_};
  for (const RelationId id : to_one) tables.push_back(schema_.table(tables.back()).relations[id.index()].to);
  for (size_t i = to_one.size(); i-- > 0;) {
    Node related = node(Op::related, graph_[value].type, {value});
    related.table = tables[i];
    related.relation = to_one[i];
    value = add(std::move(related), ast);
  }
  return value;
}

// voted(n, set, c): at least n members say so. Unknown members leave it open as long as they could decide it;
// bad=vote counts them as votes, bad=ignore as none. What is counted is those that say so, and those that say
// they do not, whatever their number: so whoever looks at the members sees which are known.
Term Elaborator::voted(const Ast& ast) {
  Bound bound;
  if (!bind(ast, {"n", "set", "condition", "bad"}, 3, bound)) return {};
  const auto n = value_of(*bound["n"]);
  const auto set = evaluate(*bound["set"]);
  if (!n.ok() || !set.ok()) return {};
  const auto needed = constant_of(n);
  if (!needed || n.type != Type::number() || !(*needed >= 1) || *needed != std::floor(*needed))
    return fail(*n.ast, "the number of votes is a whole number from 1", "write voted(2, sensors, condition)");
  if (set.is != Term::Is::reference || !set.set.is_set() || !set.beyond.empty())
    return fail(*bound["set"], fmt::format("`{}` is not a set", written(*bound["set"])),
                "write voted(2, sensors, condition)");
  const Ast* bad = bound["bad"];
  const bool word = bad && bad->kind == Ast::Kind::name;
  if (bad && (!word || (bad->text != "vote" && bad->text != "ignore")))
    return fail(*bad, "bad= says what an unknown member does",
                "write bad=vote or bad=ignore, or leave it out");
  const auto outside = table_;
  table_ = set.at;
  auto c = value_of(*bound["condition"]);
  table_ = outside;
  if (!c.ok() || !condition(c, "voted()")) return {};
  if (!graph_[c.node].table.valid() || c.set.is_set())
    return fail(*c.ast, fmt::format("`{}` is not about one member of the set", written(*c.ast)),
                "write a condition with its members' names");
  TableId owner = table_;
  for (const RelationId id : set.set.to_one) owner = schema_.table(owner).relations[id.index()].to;
  const auto of_members = [&](Op op, std::vector<NodeId> conditions) {
    Node of = node(op, Type::number(), std::move(conditions));
    of.table = owner;
    of.relation = set.set.many;
    if (op == Op::set_count) of.number = {0.0};
    return add(std::move(of), ast);
  };
  const auto enough = [&](bool counting_unknown) {
    NodeId votes;
    if (counting_unknown) {
      const auto against = add(node(Op::logical_not, Type::boolean(), {c.node}), ast);
      votes = add(node(Op::subtract, Type::number(),
                       {of_members(Op::set_size, {}), of_members(Op::set_count, {against})}),
                  ast);
    } else {
      votes = of_members(Op::set_count, {c.node});
    }
    return add(node(Op::greater_equal, Type::boolean(), {votes, constant(*needed, Type::number(), ast)}),
               ast);
  };
  NodeId decided;
  if (word) {
    decided = enough(bad->text == "vote");
  } else {
    const auto open =
        add(node(Op::logical_and, Type::boolean(), {enough(true), constant(0.5, Type::boolean(), ast)}), ast);
    decided = add(node(Op::logical_or, Type::boolean(), {enough(false), open}), ast);
  }
  Term term;
  term.is = Term::Is::number;
  term.ast = &ast;
  term.type = Type::boolean();
  term.node = through(set.set.to_one, decided, ast);
  return term;
}

}  // namespace looptwin::lang
