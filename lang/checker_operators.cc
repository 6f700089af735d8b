// Operators: dimensions, points and differences, conditions, words; and bringing operands over one set
// together.
#include <fmt/format.h>
#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "base/text.h"
#include "lang/elaborate.h"

namespace looptwin::lang {
namespace {

Op op_of(Operator op) {
  switch (op) {
    case Operator::logical_or:
      return Op::logical_or;
    case Operator::logical_and:
      return Op::logical_and;
    case Operator::equal:
      return Op::equal;
    case Operator::not_equal:
      return Op::not_equal;
    case Operator::less:
      return Op::less;
    case Operator::less_equal:
      return Op::less_equal;
    case Operator::greater:
      return Op::greater;
    case Operator::greater_equal:
      return Op::greater_equal;
    case Operator::add:
      return Op::add;
    case Operator::subtract:
      return Op::subtract;
    case Operator::multiply:
      return Op::multiply;
    case Operator::divide:
      return Op::divide;
    case Operator::negate:
      return Op::negate;
    case Operator::logical_not:
      return Op::logical_not;
    case Operator::in:
      return Op::equal;
  }
  return Op::equal;
}

// Of ratios in % or degrees a number without unit is ambiguous, but for 0.
bool needs_unit(const Unit& unit) {
  return unit.type == Type::number() && !unit.text.empty() && unit.scale != 1;
}

bool is_literal(const Term& term) { return term.ast && term.ast->kind == Ast::Kind::number; }
bool is_bare(const Term& term) { return term.ast && term.ast->is_bare_number(); }

std::string number_text(double value) { return fmt::format("{:.6g}", value == 0 ? 0.0 : value); }

// What a literal point is as a difference: 3 degC → "3 K"; 5 degF → "5 degR (2.778 K)".
std::string as_difference(const Term& literal) {
  const auto& unit = literal.ast->quantity.unit;
  const auto difference = difference_unit(unit);
  auto text = fmt::format("{} {}", number_text(literal.ast->number), difference.text);
  if (difference.text == "degR") text += fmt::format(" ({:.4g} K)", literal.ast->number * difference.scale);
  return text;
}

}  // namespace

std::string Elaborator::number_in(double si, const Unit& unit) const {
  if (unit.text.empty() || unit.text == "1") return number_text(si);
  return fmt::format("{} {}", number_text(unit.from_si(si)), unit.text);
}

std::string Elaborator::in_words(const Term& value) const {
  if (value.is == Term::Is::word) return "a text";
  switch (value.type.kind) {
    case Kind::boolean:
      return "a condition";
    case Kind::text:
      return "a text";
    case Kind::enumeration: {
      const auto& words = schema_.enumerations[value.type.enumeration.index()].words;
      std::string out = "one of ";
      for (size_t i = 0; i < words.size() && i < 6; ++i) out += (i ? ", " : "") + words[i];
      return words.size() > 6 ? out + ", …" : out;
    }
    case Kind::number:
      break;
  }
  const auto& dimension = value.type.dimension;
  const auto unit =
      value.unit.text.empty() || value.unit.text == "1" ? unit_text(dimension) : value.unit.text;
  if (value.type.point) {
    if (dimension == kTimeDimension) return "an instant";
    return value.unit.type.point ? fmt::format("a point in {}", unit) : fmt::format("a point (in {})", unit);
  }
  if (dimension.none()) return unit == "1" ? "a number without unit" : fmt::format("a ratio in {}", unit);
  if (dimension == kTemperature) return fmt::format("a difference in {}", unit);
  return fmt::format("a value in {}", unit);
}

// A bare number beside a value with a unit: the same number with that unit.
std::string Elaborator::bare_hint(const Term& bare, const Term& other) const {
  auto unit =
      other.unit.text.empty() || other.unit.text == "1" ? unit_text(other.type.dimension) : other.unit.text;
  if (other.type.point && other.type.dimension == kTemperature && !other.unit.type.point) unit = "degC";
  return fmt::format("write {} {}", number_text(bare.ast->number), unit);
}

bool Elaborator::in_range(const Ast& ast, const Type& type) {
  const auto& power = type.dimension.power;
  if (std::all_of(power.begin(), power.end(), [](int p) { return std::abs(p) <= 20; })) return true;
  fail(ast, "the unit of this expression has powers beyond 20", "is a product or a power too much?");
  return false;
}

// Values of different type where one type is needed: says which and, where it is known, what to write. `b`
// may be the place itself, without a text.
Term Elaborator::mismatch(const Ast& ast, const Term& a, const Term& b, std::string_view doing) {
  const auto named = [&](const Term& t) {
    return t.ast ? fmt::format("`{}` is {}", written(*t.ast), in_words(t))
                 : fmt::format("{} is wanted here", in_words(t));
  };
  const auto both = b.ast ? fmt::format("{}, {}: they cannot be {}", named(a), named(b), doing)
                          : fmt::format("{}, but {}", named(a), named(b));
  if (a.type.kind != Kind::number || b.type.kind != Kind::number) {
    const bool any_condition = a.type.kind == Kind::boolean || b.type.kind == Kind::boolean;
    return fail(ast, both, any_condition ? "a condition becomes a number by if(c, 1, 0)" : "");
  }
  const bool same_dimension = a.type.dimension == b.type.dimension;
  for (const auto& [bare, other] : {std::pair(&a, &b), std::pair(&b, &a)})
    if (is_bare(*bare) && !same_dimension)
      return fail(*bare->ast, fmt::format("a unit is missing: {}", named(*other)), bare_hint(*bare, *other));
  if (same_dimension) {
    for (const auto& [literal, other] : {std::pair(&a, &b), std::pair(&b, &a)}) {
      if (!is_literal(*literal)) continue;
      const auto text = written(*literal->ast);
      if (literal->type.point)
        return fail(*literal->ast, fmt::format("`{}` is a point on a scale, but {}", text, named(*other)),
                    fmt::format("write {}", as_difference(*literal)));
      if (other->unit.type.point)
        return fail(*literal->ast, fmt::format("`{}` is a difference, but {}", text, named(*other)),
                    fmt::format("write {}", number_in(literal->ast->quantity.value, other->unit)));
    }
    const auto& point = a.type.point ? a : b;
    std::string hint = "take the difference of two points first";
    if (point.ast && point.type.dimension != kTimeDimension)
      hint += fmt::format(", or write {}({})", point.type.dimension == kTemperature ? "kelvin" : "absolute",
                          written(*point.ast));
    return fail(ast, both, hint);
  }
  std::string hint;
  if (b.type.dimension * kTimeDimension == a.type.dimension ||
      a.type.dimension * kTimeDimension == b.type.dimension)
    hint = "one is the rate of the other: multiply or divide by a time";
  return fail(ast, both, hint);
}

bool Elaborator::condition(const Term& value, std::string_view who) {
  if (value.is_condition()) return true;
  const auto hint = value.is_number() ? fmt::format("compare it, as in {} > {}", written(*value.ast),
                                                    number_in(0, value.unit))
                    : value.is == Term::Is::word || value.type.kind == Kind::enumeration
                        ? fmt::format("compare it, as in {} == \"…\"", written(*value.ast))
                        : "";
  fail(*value.ast,
       fmt::format("{} needs a condition, but `{}` is {}", who, written(*value.ast), in_words(value)), hint);
  return false;
}

bool Elaborator::is_amount(const Term& value, std::string_view doing) {
  if (!value.is_number()) {
    fail(*value.ast, fmt::format("`{}` is {}: it cannot be {}", written(*value.ast), in_words(value), doing),
         value.is_condition() ? fmt::format("write if({}, 1, 0)", written(*value.ast)) : "");
    return false;
  }
  if (!value.type.point) return true;
  const auto text = written(*value.ast);
  std::string hint = "take a difference of two points first";
  if (is_literal(value)) {
    hint = fmt::format("write {} for a difference", as_difference(value));
  } else if (value.type.dimension != kTimeDimension) {
    hint = fmt::format("take a difference first, or write {}({})",
                       value.type.dimension == kTemperature ? "kelvin" : "absolute", text);
  }
  fail(*value.ast, fmt::format("`{}` is a point on a scale: it cannot be {}", text, doing), hint);
  return false;
}

bool Elaborator::is_ratio(const Term& value, std::string_view who) {
  if (!is_amount(value, fmt::format("given to {}()", who))) return false;
  if (value.type.dimension.none()) return true;
  fail(*value.ast,
       fmt::format("{}() takes a ratio, but `{}` is {}", who, written(*value.ast), in_words(value)),
       fmt::format(
           "divide it, as in {} / {}", written_factor(*value.ast),
           number_in(1, value.unit.text.empty() ? Unit{unit_text(value.type.dimension), value.type, 1, 0}
                                                : Unit{value.unit.text, value.type, 1, 0})));
  return false;
}

// Brings the values to the rows of one table: all to the members of a set where one is over a set.
bool Elaborator::unify(const Ast& ast, std::vector<Term>& values) {
  const auto first = std::ranges::find_if(values, [](const Term& v) { return v.set.is_set(); });
  if (first == values.end()) return true;
  const Term over = *first;
  for (auto& value : values) {
    if (value.set.is_set()) {
      if (value.set == over.set) continue;
      fail(ast, fmt::format("`{}` and `{}` are over different sets", written(*over.ast), written(*value.ast)),
           fmt::format("aggregate each, as in sum({}) and sum({})", written(*over.ast), written(*value.ast)));
      return false;
    }
    if (!graph_[value.node].table.valid()) continue;
    // A value of the row itself, seen from each member through the inverse relation.
    RelationId inverse;
    TableId member;
    if (over.set.to_one.empty()) {
      const auto& relation = schema_.table(table_).relations[over.set.many.index()];
      inverse = relation.inverse;
      member = relation.to;
    }
    if (!inverse.valid() || schema_.table(member).relations[inverse.index()].many) {
      fail(ast,
           fmt::format("`{}` is not known to the members of `{}`", written(*value.ast), written(*over.ast)),
           "aggregate the set first");
      return false;
    }
    Node related = node(Op::related, value.type, {value.node});
    related.table = member;
    related.relation = inverse;
    value.node = add(std::move(related), ast);
    value.set = over.set;
  }
  return true;
}

Term Elaborator::word_of(const Term& word, EnumId enumeration) {
  const auto& words = schema_.enumerations[enumeration.index()].words;
  const auto it = std::ranges::find(words, word.word);
  if (it == words.end()) {
    const auto near = nearest(word.word, words);
    Term one;
    one.is = Term::Is::number;
    one.type = Type::enumeration_of(enumeration);
    return fail(*word.ast, fmt::format("\"{}\" is not {}", word.word, in_words(one)),
                near.empty() ? "write one of these words" : fmt::format("did you mean \"{}\"?", near));
  }
  Term term = word;
  term.is = Term::Is::number;
  term.type = Type::enumeration_of(enumeration);
  term.node = constant(static_cast<double>(it - words.begin()), term.type, *word.ast);
  return term;
}

// Texts become codes of the enumeration that stands beside them.
bool Elaborator::resolve_words(const Ast& ast, std::vector<Term>& values) {
  const auto coded =
      std::ranges::find_if(values, [](const Term& v) { return v.type.kind == Kind::enumeration; });
  for (auto& value : values) {
    if (value.is != Term::Is::word) continue;
    if (coded == values.end()) {
      const auto other = std::ranges::find_if(values, [](const Term& v) { return v.is != Term::Is::word; });
      fail(ast,
           other == values.end()
               ? "two texts are compared: the result is known now"
               : fmt::format("`{}` is {}, not one of declared words", written(*other->ast), in_words(*other)),
           other == values.end() || !other->is_number()
               ? "compare a parameter that is declared with enum: [a, b]"
               : "write a number with its unit, without quotes");
      return false;
    }
    value = word_of(value, coded->type.enumeration);
    if (!value.ok()) return false;
  }
  return true;
}

bool Elaborator::alike(const Ast& ast, std::vector<Term>& values, std::string_view doing) {
  if (std::ranges::any_of(values, [](const Term& v) { return !v.ok(); })) return false;
  if (!resolve_words(ast, values)) return false;
  for (size_t i = 1; i < values.size(); ++i) {
    if (values[i].type == values[0].type) continue;
    mismatch(ast, values[0], values[i], doing);
    return false;
  }
  return ratios_clear(values) && unify(ast, values);
}

// A bare number beside a ratio that is written in a unit: `soc > 50` might mean 50 % or 50.
bool Elaborator::ratios_clear(const std::vector<Term>& values) {
  for (const auto& bare : values) {
    if (!is_bare(bare) || bare.ast->number == 0) continue;
    for (const auto& other : values) {
      if (!needs_unit(other.unit)) continue;
      const auto number = bare.ast->number;
      fail(
          *bare.ast, fmt::format("a unit is missing: `{}` is {}", written(*other.ast), in_words(other)),
          fmt::format("write {}, or {} if the ratio {} is meant", number_text(number) + " " + other.unit.text,
                      number_in(number, other.unit), number_text(number)));
      return false;
    }
  }
  return true;
}

Term Elaborator::unary(const Ast& ast) {
  const auto operand = value_of(ast.arg(0));
  if (!operand.ok()) return operand;
  if (ast.op == Operator::logical_not) {
    if (operand.is_number())
      return fail(
          ast.arg(0),
          fmt::format("'!' needs a condition, but `{}` is {}", written(ast.arg(0)), in_words(operand)),
          fmt::format("compare it in brackets, as in !({} > {})", written(ast.arg(0)),
                      number_in(0, operand.unit)));
    if (!condition(operand, "'!'")) return {};
    return result(ast, Op::logical_not, Type::boolean(), {operand});
  }
  if (!is_amount(operand, "negated")) return {};
  return result(ast, Op::negate, operand.type, {operand}, operand.unit);
}

Term Elaborator::binary(const Ast& ast) {
  if (ast.op == Operator::in) return in_list(ast);
  const auto a = value_of(ast.arg(0));
  const auto b = value_of(ast.arg(1));
  if (!a.ok() || !b.ok()) return {};
  switch (ast.op) {
    case Operator::add:
    case Operator::subtract:
      return add_or_subtract(ast, a, b);
    case Operator::multiply:
    case Operator::divide:
      return multiply_or_divide(ast, a, b);
    case Operator::logical_and:
    case Operator::logical_or:
      return logic(ast, a, b);
    default:
      return compare(ast, a, b);
  }
}

// point − point = difference, point ± difference = point, difference + point = point; all else must be equal
// types.
Term Elaborator::add_or_subtract(const Ast& ast, const Term& a, const Term& b) {
  const bool adding = ast.op == Operator::add;
  const auto doing = adding ? "added" : "subtracted";
  for (const auto* value : {&a, &b})
    if (!value->is_number()) return is_amount(*value, doing), Term();
  if (a.type.dimension != b.type.dimension) return mismatch(ast, a, b, doing);
  if (a.type.point && b.type.point && adding) {
    const auto* literal = is_literal(b) ? &b : is_literal(a) ? &a : nullptr;
    return fail(
        literal ? *literal->ast : ast,
        fmt::format("`{}` and `{}` are both points on a scale: they cannot be added", written(*a.ast),
                    written(*b.ast)),
        literal ? fmt::format("write {}", as_difference(*literal)) : "add a difference, or write avg(a, b)");
  }
  if (!a.type.point && b.type.point && !adding) {
    return fail(
        ast,
        fmt::format("`{}` is a point on a scale: it cannot be taken from {}", written(*b.ast), in_words(a)),
        is_literal(b) ? fmt::format("write {}", as_difference(b))
                      : "take a difference from a point, or a point from a point");
  }
  Type type = a.type;
  type.point = a.type.point != b.type.point;
  const auto& owner = a.unit.text.empty() || (adding && b.type.point) ? b : a;
  Unit unit = owner.unit;
  if (!type.point) unit = difference_unit(unit);
  if (type.point && !unit.type.point) unit = {};
  std::vector<Term> values{a, b};
  if (!ratios_clear(values) || !unify(ast, values)) return {};
  return result(ast, op_of(ast.op), type, values, std::move(unit));
}

Term Elaborator::multiply_or_divide(const Ast& ast, const Term& a, const Term& b) {
  const bool multiplying = ast.op == Operator::multiply;
  for (const auto* value : {&a, &b})
    if (!is_amount(*value, multiplying ? "multiplied" : "divided")) return {};
  if (!multiplying && constant_of(b) == 0.0)
    return fail(ast, fmt::format("`{}` divides by zero", written(ast)),
                "the result would be unknown or infinite");
  const auto type =
      Type::number(multiplying ? a.type.dimension * b.type.dimension : a.type.dimension / b.type.dimension);
  if (!in_range(ast, type)) return {};
  Unit unit;
  if (b.type.dimension.none()) unit = a.unit;
  if (multiplying && a.type.dimension.none()) unit = b.unit;
  if (type.dimension.none()) unit = {};
  std::vector<Term> values{a, b};
  if (!unify(ast, values)) return {};
  return result(ast, op_of(ast.op), type, values, std::move(unit));
}

Term Elaborator::compare(const Ast& ast, const Term& a, const Term& b) {
  std::vector<Term> values{a, b};
  if (!alike(ast, values, "compared")) return {};
  const bool ordering = ast.op != Operator::equal && ast.op != Operator::not_equal;
  if (ordering && values[0].type.kind != Kind::number)
    return fail(ast, fmt::format("`{}` is {}: it has no order", written(*a.ast), in_words(values[0])),
                values[0].type.kind == Kind::enumeration ? "write ==, != or in [\"a\", \"b\"]"
                                                         : "write ==, !=, && or ||");
  if (values[0].type.kind == Kind::text)
    return fail(ast, "free texts are not compared", "declare the words with enum: [a, b]");
  return result(ast, op_of(ast.op), Type::boolean(), values);
}

Term Elaborator::in_list(const Ast& ast) {
  const auto value = value_of(ast.arg(0));
  const Ast& list = ast.arg(1);
  if (list.kind != Ast::Kind::list)
    return fail(list, "'in' takes a list", fmt::format("write {} in [a, b]", written(ast.arg(0))));
  if (list.args.empty())
    return fail(list, "the list is empty: nothing is in it", "write its values, as [\"a\", \"b\"]");
  if (!value.ok()) return {};
  Term any;
  for (size_t i = 0; i < list.args.size(); ++i) {
    const auto element = value_of(list.arg(i));
    std::vector<Term> values{value, element};
    if (!alike(list.arg(i), values, "compared")) return {};
    const auto equal = result(ast, Op::equal, Type::boolean(), values);
    any = i == 0 ? equal : result(ast, Op::logical_or, Type::boolean(), {any, equal});
  }
  return any;
}

Term Elaborator::logic(const Ast& ast, const Term& a, const Term& b) {
  const auto who = fmt::format("'{}'", text_of(ast.op));
  const bool first = condition(a, who);
  if (!condition(b, who) || !first) return {};
  std::vector<Term> values{a, b};
  if (!unify(ast, values)) return {};
  return result(ast, op_of(ast.op), Type::boolean(), values);
}

}  // namespace looptwin::lang
