// Tables: curves over one value, and surfaces over two. Their points are constants of the expression.
#include <fmt/format.h>

#include "lang/elaborate.h"
#include "lang/surface.h"

namespace looptwin::lang {
namespace {

constexpr const char* kCurve = "write interp(x, x0, y0, x1, y1)";
constexpr const char* kSurface = "write interp(x, y, [y0, y1], [x0, z00, z01], [x1, z10, z11])";

}  // namespace

Term Elaborator::interpolate(const Ast& ast) {
  std::vector<const Ast*> args;
  const Ast* outside = nullptr;
  for (const auto& argument : ast.args) {
    if (argument.name == "outside" && outside == nullptr) {
      outside = argument.value.get();
    } else if (!argument.name.empty() || argument.value->kind == Ast::Kind::over) {
      return fail(*argument.value, "interp() takes its points by position, and outside= by name", kCurve);
    } else {
      args.push_back(argument.value.get());
    }
  }
  const auto extended = goes_on(outside);
  if (!extended) return {};
  const bool lists = args.size() > 2 && args[2]->kind == Ast::Kind::list;
  return lists ? surface(ast, args, *extended) : curve(ast, args, *extended);
}

// What becomes of a value beyond the table's ends: nothing where the word is none.
std::optional<bool> Elaborator::goes_on(const Ast* outside) {
  if (outside == nullptr) return false;
  const bool word = outside->kind == Ast::Kind::name;
  if (word && (outside->text == "hold" || outside->text == "extend")) return outside->text == "extend";
  fail(*outside, "outside= says what stands beyond the table's ends",
       "write outside=hold (the value at the end) or outside=extend (on the last straight piece)");
  return std::nullopt;
}

Term Elaborator::curve(const Ast& ast, const std::vector<const Ast*>& args, bool extended) {
  if (args.size() < 5 || args.size() % 2 == 0)
    return fail(ast, "interp() takes a value and at least two points of two numbers each", kCurve);
  std::vector<Term> across{value_of(*args[0])};
  std::vector<Term> up;
  for (size_t i = 1; i < args.size(); ++i) (i % 2 ? across : up).push_back(value_of(*args[i]));
  const auto x = across[0];
  if (!alike(ast, across, "points of one table") || !alike(ast, up, "values of one table")) return {};
  if (!x.is_number() || !up[0].is_number())
    return is_amount(x.is_number() ? up[0] : x, "interpolated"), Term();
  const auto points = constants_of(across, 1), values = constants_of(up, 0);
  if (!points || !values || !rising({across.begin() + 1, across.end()}, *points)) return {};
  Node table = node(extended ? Op::extrapolate : Op::interpolate, up[0].type, {x.node});
  for (size_t i = 0; i < points->size(); ++i) {
    table.number.push_back((*points)[i]);
    table.number.push_back((*values)[i]);
  }
  Term term = like(up[0], add(std::move(table), ast), ast);
  term.set = x.set;
  return term;
}

// The first list is the head with y's points, each other one a row: a point of x, then its values.
Term Elaborator::surface(const Ast& ast, const std::vector<const Ast*>& args, bool extended) {
  const size_t columns = args[2]->args.size();
  for (size_t i = 2; i < args.size(); ++i) {
    const size_t wanted = i == 2 ? columns : columns + 1;
    if (args[i]->kind != Ast::Kind::list)
      return fail(*args[i], "a table in two directions has a list for each row", kSurface);
    if (args[i]->args.size() != wanted)
      return fail(*args[i],
                  fmt::format("this row has {} values instead of {}: its point, then one for each of the {} "
                              "points of the first list",
                              args[i]->args.size(), wanted, columns),
                  kSurface);
  }
  if (columns < 2 || args.size() < 5)
    return fail(ast, "a table in two directions has at least two points in each", kSurface);
  std::vector<Term> down{value_of(*args[0])}, across{value_of(*args[1])}, values;
  for (const auto& point : args[2]->args) across.push_back(value_of(*point.value));
  for (size_t i = 3; i < args.size(); ++i)
    for (size_t k = 0; k <= columns; ++k) (k == 0 ? down : values).push_back(value_of(args[i]->arg(k)));
  if (!alike(ast, down, "points of one table") || !alike(ast, across, "points of one table") ||
      !alike(ast, values, "values of one table"))
    return {};
  for (const auto* value : {&down[0], &across[0], &values[0]})
    if (!value->is_number()) return is_amount(*value, "interpolated"), Term();
  const auto x = constants_of(down, 1), y = constants_of(across, 1), z = constants_of(values, 0);
  if (!x || !y || !z || !rising({down.begin() + 1, down.end()}, *x) ||
      !rising({across.begin() + 1, across.end()}, *y))
    return {};
  std::vector<Term> inputs{down[0], across[0]};
  if (!unify(ast, inputs)) return {};
  Node table = node(Op::interpolate2, values[0].type, {inputs[0].node, inputs[1].node});
  table.number = surface_list({*x, *y, *z, extended});
  Term term = like(values[0], add(std::move(table), ast), ast);
  term.set = inputs[0].set;
  return term;
}

std::optional<std::vector<double>> Elaborator::constants_of(const std::vector<Term>& values, size_t first) {
  std::vector<double> constants;
  for (size_t i = first; i < values.size(); ++i) {
    const auto value = constant_of(values[i]);
    if (!value) {
      fail(*values[i].ast, "the points of interp() are constants", "write a number with its unit");
      return std::nullopt;
    }
    constants.push_back(*value);
  }
  return constants;
}

bool Elaborator::rising(const std::vector<Term>& values, const std::vector<double>& points) {
  for (size_t i = 1; i < points.size(); ++i) {
    if (points[i] > points[i - 1]) continue;
    fail(*values[i].ast, fmt::format("`{}` is not above the point before it", written(*values[i].ast)),
         "write the points in rising order");
    return false;
  }
  return true;
}

}  // namespace looptwin::lang
