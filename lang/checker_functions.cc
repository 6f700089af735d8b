// Functions of values: choice, extremes, rounding, roots and powers, logarithms, angles, tables.
#include <fmt/format.h>
#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "lang/elaborate.h"

namespace looptwin::lang {

/// Every function, with the words that messages show for it.
struct FunctionTable {
  using Check = Term (Elaborator::*)(const Ast&);
  struct Entry {
    std::string_view name;
    Check check;
    std::string_view usage;
  };
  static constexpr Entry kEntries[] = {
      {"if", &Elaborator::choose, "if(condition, then, else)"},
      {"known", &Elaborator::known, "known(x)"},
      {"clamp", &Elaborator::clamp, "clamp(x, low, high)"},
      {"abs", &Elaborator::absolute_value, "abs(x)"},
      {"sign", &Elaborator::rounding, "sign(x)"},
      {"floor", &Elaborator::rounding, "floor(x)"},
      {"ceil", &Elaborator::rounding, "ceil(x)"},
      {"round", &Elaborator::rounding, "round(x)"},
      {"mod", &Elaborator::modulo, "mod(a, b)"},
      {"sqrt", &Elaborator::root, "sqrt(x)"},
      {"cbrt", &Elaborator::root, "cbrt(x)"},
      {"pow", &Elaborator::power, "pow(x, exponent)"},
      {"exp", &Elaborator::of_ratio, "exp(x)"},
      {"log", &Elaborator::of_ratio, "log(x)"},
      {"ln", &Elaborator::of_ratio, "ln(x)"},
      {"log10", &Elaborator::of_ratio, "log10(x)"},
      {"sin", &Elaborator::of_ratio, "sin(angle)"},
      {"cos", &Elaborator::of_ratio, "cos(angle)"},
      {"tan", &Elaborator::of_ratio, "tan(angle)"},
      {"asin", &Elaborator::of_ratio, "asin(x)"},
      {"acos", &Elaborator::of_ratio, "acos(x)"},
      {"atan", &Elaborator::of_ratio, "atan(x)"},
      {"tanh", &Elaborator::of_ratio, "tanh(x)"},
      {"atan2", &Elaborator::arc_tangent2, "atan2(y, x)"},
      {"interp", &Elaborator::interpolate,
       "interp(x, x0, y0, x1, y1, …) or interp(x, y, [y0, y1, …], [x0, z00, z01, …], …)"},
      {"kelvin", &Elaborator::scale_to_amount, "kelvin(temperature)"},
      {"absolute", &Elaborator::scale_to_amount, "absolute(pressure)"},
      {"desired", &Elaborator::reading, "desired(setpoint)"},
      {"default", &Elaborator::reading, "default(setpoint)"},
      {"truth", &Elaborator::reading, "truth(x)"},
      {"quality", &Elaborator::quality, "quality(x)"},
      {"good", &Elaborator::good, "good(x)"},
      {"now", &Elaborator::instant, "now()"},
      {"time_of_day", &Elaborator::instant, "time_of_day()"},
      {"weekday", &Elaborator::instant, "weekday()"},
      {"day_of_year", &Elaborator::instant, "day_of_year()"},
      {"sum", &Elaborator::aggregate, "sum(homes.power) or sum(a, b)"},
      {"avg", &Elaborator::aggregate, "avg(x over 5 min), avg(homes.power) or avg(a, b)"},
      {"mean", &Elaborator::aggregate, "mean(homes.power)"},
      {"min", &Elaborator::aggregate, "min(x over 5 min), min(homes.power) or min(a, b)"},
      {"max", &Elaborator::aggregate, "max(x over 5 min), max(homes.power) or max(a, b)"},
      {"count", &Elaborator::aggregate, "count(homes), count(homes, condition) or count(x over 5 min)"},
      {"share", &Elaborator::aggregate, "share(homes, condition)"},
      {"all", &Elaborator::aggregate, "all(homes, condition)"},
      {"any", &Elaborator::aggregate, "any(homes, condition)"},
      {"voted", &Elaborator::voted, "voted(2, sensors, condition)"},
      {"slope", &Elaborator::window, "slope(x over 5 min)"},
      {"delta", &Elaborator::window, "delta(x over 5 min)"},
      {"stddev", &Elaborator::window, "stddev(x over 5 min)"},
      {"rises", &Elaborator::window, "rises(condition over 5 min)"},
      {"time_true", &Elaborator::window, "time_true(condition over 5 min)"},
      {"held", &Elaborator::held, "held(condition, 10 s)"},
      {"age", &Elaborator::age, "age(x)"},
      {"previous", &Elaborator::previous, "previous(x)"},
      {"ago", &Elaborator::ago, "ago(x, 1 d)"},
      {"percentile", &Elaborator::trend, "percentile(x over 28 d, 95 %)"},
      {"trend_index", &Elaborator::trend_index, "trend_index(x over 28 d, same_hour=true)"},
      {"forecast", &Elaborator::forecast, "forecast(weather.temperature, 2 h)"},
      {"forecast_max", &Elaborator::forecast, "forecast_max(weather.temperature, 0 h, 4 h)"},
      {"forecast_min", &Elaborator::forecast, "forecast_min(weather.temperature, 0 h, 4 h)"},
      {"forecast_mean", &Elaborator::forecast, "forecast_mean(weather.temperature, 0 h, 4 h)"},
      {"hysteresis", &Elaborator::hysteresis, "hysteresis(x, on=a, off=b)"},
      {"pid", &Elaborator::pid, "pid(sp=a, pv=b, kp=c, ti=5 min, low=d, high=e)"},
      {"ramp", &Elaborator::ramp, "ramp(target, rate)"},
      {"delay", &Elaborator::delay, "delay(x, 10 s)"},
      {"latch", &Elaborator::latch, "latch(set, reset)"},
      {"stiction", &Elaborator::stiction, "stiction(x, band=1 %, jump=0.5 %)"},
  };
  static const Entry* find(std::string_view name) {
    const auto it = std::ranges::find(kEntries, name, &Entry::name);
    return it == std::end(kEntries) ? nullptr : &*it;
  }
};

namespace {

// Names that other languages have for what ours calls otherwise.
struct Foreign {
  std::string_view name;
  std::string_view hint;
};
constexpr Foreign kForeign[] = {
    {"average", "write avg"},
    {"iif", "write if(condition, then, else)"},
    {"isnan", "write !known(x)"},
    {"len", "write count(set)"},
    {"size", "write count(set)"},
    {"hour", "write time_of_day(), which compares with 16 h"},
    {"time", "write time_of_day() or now()"},
    {"std", "write stddev(x over 5 min)"},
    {"derivative", "write slope(x over 5 min)"},
    {"rate", "write slope(x over 5 min)"},
    {"sqr", "write pow(x, 2)"},
    {"square", "write pow(x, 2)"},
    {"not", "write !x"},
    {"exists", "write any(set, condition)"},
    {"forall", "write all(set, condition)"},
    {"limit", "write clamp(x, low, high)"},
    {"PID", "write pid(…)"},
    {"quantile", "write percentile(x over 28 d, 95 %)"},
    {"median", "write percentile(x over 28 d, 50 %)"},
    {"lag", "write ago(x, 1 d)"},
    {"lookup", "write interp(x, x0, y0, x1, y1)"},
    {"implies", "write !a || b"},
    {"always", "it is for requirements; a condition that lasts is held(condition, 10 s)"},
    {"eventually", "it is for requirements, which see the future"},
    {"until", "it is for requirements, which see the future"},
    {"historically", "it is for requirements; a condition that lasts is held(condition, 10 s)"},
    {"once", "it is for requirements; write time_true(condition over 10 s) > 0 s"},
    {"since", "it is for requirements; write latch(set, reset) in a controller"},
};

}  // namespace

std::string_view usage_of(std::string_view function) {
  const auto* entry = FunctionTable::find(function);
  return entry ? entry->usage : std::string_view();
}

Term Elaborator::call(const Ast& ast) {
  if (const auto* entry = FunctionTable::find(ast.text)) return (this->*entry->check)(ast);
  const auto end = ast.begin + static_cast<uint32_t>(ast.text.size());
  const auto message = fmt::format("'{}' is not a function", ast.text);
  for (const auto& foreign : kForeign)
    if (foreign.name == ast.text) return fail(ast.begin, end, message, std::string(foreign.hint));
  if (scope_of(table_).names.contains(std::string(ast.text)))
    return fail(ast.begin, end, message, fmt::format("it is a name: write {} * (…) for a product", ast.text));
  std::vector<std::string> names;
  for (const auto& entry : FunctionTable::kEntries) names.emplace_back(entry.name);
  const auto near = nearest(ast.text, names);
  return fail(ast.begin, end, message,
              near.empty() ? "docs/language.md lists the functions"
                           : fmt::format("did you mean {}?", usage_of(near)));
}

// Gives each argument its parameter, by position or by name.
bool Elaborator::bind(const Ast& ast, std::initializer_list<std::string_view> names, size_t required,
                      Bound& bound, size_t first) {
  const std::vector<std::string> known(names.begin(), names.end());
  const auto usage = usage_of(ast.text);
  for (size_t i = 0; first + i < ast.args.size(); ++i) {
    const auto& argument = ast.args[first + i];
    if (argument.value->kind == Ast::Kind::over) {
      fail(*argument.value, fmt::format("{}() has no window", ast.text), fmt::format("write {}", usage));
      return false;
    }
    const auto name = !argument.name.empty() ? argument.name
                      : i < names.size()     ? names.begin()[i]
                                             : std::string_view();
    const auto it = std::ranges::find(names, name);
    if (it == names.end()) {
      const auto begin = argument.name.empty() ? argument.value->begin : argument.name_begin;
      const auto near = name.empty() ? std::string() : nearest(name, known);
      fail(begin, argument.value->end,
           name.empty() ? fmt::format("{}() takes at most {} arguments", ast.text, first + names.size())
                        : fmt::format("{}() has no argument '{}'", ast.text, name),
           near.empty() ? fmt::format("write {}", usage) : fmt::format("did you mean {}=?", near));
      return false;
    }
    if (!bound.emplace(*it, argument.value.get()).second) {
      fail(*argument.value, fmt::format("{}= is given twice", *it), "take one out");
      return false;
    }
  }
  size_t index = 0;
  for (const auto name : names) {
    if (index++ >= required || bound.contains(name)) continue;
    fail(ast, fmt::format("{}() needs {}", ast.text, name), fmt::format("write {}", usage));
    return false;
  }
  for (const auto name : names) bound.emplace(name, nullptr);
  return true;
}

Term Elaborator::choose(const Ast& ast) {
  Bound bound;
  if (!bind(ast, {"condition", "then", "else"}, 3, bound)) return {};
  const auto c = value_of(*bound["condition"]);
  std::vector<Term> values{value_of(*bound["then"]), value_of(*bound["else"])};
  if (!c.ok() || !condition(c, "if()") || !values[0].ok() || !values[1].ok()) return {};
  if (values[0].is == Term::Is::word && values[1].is == Term::Is::word && wanted_.type &&
      wanted_.type->kind == Kind::enumeration)
    for (auto& value : values) value = word_of(value, wanted_.type->enumeration);
  if (!alike(ast, values, "chosen between")) return {};
  const auto type = values[0].type;
  const auto unit = values[0].unit.text.empty() ? values[1].unit : values[0].unit;
  std::vector<Term> all{c, values[0], values[1]};
  if (!unify(ast, all)) return {};
  return result(ast, Op::choose, type, all, unit);
}

Term Elaborator::known(const Ast& ast) {
  Bound bound;
  if (!bind(ast, {"x"}, 1, bound)) return {};
  const auto x = value_of(*bound["x"]);
  if (!x.ok()) return x;
  if (x.is == Term::Is::word) return fail(*x.ast, "a text is always known", "write known(x) of a name");
  return result(ast, Op::known, Type::boolean(), {x});
}

Term Elaborator::scalar_extreme(const Ast& ast, Op op) {
  std::vector<Term> values;
  for (const auto& argument : ast.args) values.push_back(value_of(*argument.value));
  if (!alike(ast, values, "compared")) return {};
  if (!values[0].is_number()) return is_amount(values[0], "ordered"), Term();
  Term extreme = values[0];
  for (size_t i = 1; i < values.size(); ++i) {
    const auto unit = extreme.unit.text.empty() ? values[i].unit : extreme.unit;
    extreme = result(ast, op, values[0].type, {extreme, values[i]}, unit);
  }
  return extreme;
}

Term Elaborator::scalar_sum(const Ast& ast, bool mean) {
  std::vector<Term> values;
  for (const auto& argument : ast.args) values.push_back(value_of(*argument.value));
  if (!alike(ast, values, mean ? "averaged" : "added")) return {};
  if (!values[0].is_number() || (!mean && values[0].type.point)) return is_amount(values[0], "added"), Term();
  Term sum = values[0];
  for (size_t i = 1; i < values.size(); ++i) {
    const auto unit = sum.unit.text.empty() ? values[i].unit : sum.unit;
    sum = result(ast, Op::add, values[0].type, {sum, values[i]}, unit);
  }
  if (!mean) return sum;
  const auto unit = sum.unit;
  Term number;
  number.is = Term::Is::number;
  number.node = constant(static_cast<double>(values.size()), Type::number(), ast);
  return result(ast, Op::divide, values[0].type, {sum, number}, unit);
}

Term Elaborator::clamp(const Ast& ast) {
  Bound bound;
  if (!bind(ast, {"x", "low", "high"}, 3, bound)) return {};
  std::vector<Term> values{value_of(*bound["x"]), value_of(*bound["low"]), value_of(*bound["high"])};
  if (!alike(ast, values, "compared")) return {};
  if (!values[0].is_number()) return is_amount(values[0], "clamped"), Term();
  const auto low = constant_of(values[1]), high = constant_of(values[2]);
  if (low && high && *low > *high)
    return fail(ast,
                fmt::format("low `{}` is above high `{}`", written(*values[1].ast), written(*values[2].ast)),
                "write clamp(x, low, high)");
  return result(ast, Op::clamp, values[0].type, values, values[0].unit);
}

Term Elaborator::absolute_value(const Ast& ast) {
  Bound bound;
  if (!bind(ast, {"x"}, 1, bound)) return {};
  const auto x = value_of(*bound["x"]);
  if (!x.ok() || !is_amount(x, "given to abs()")) return {};
  return result(ast, Op::absolute, x.type, {x}, x.unit);
}

Term Elaborator::rounding(const Ast& ast) {
  Bound bound;
  if (!bind(ast, {"x"}, 1, bound)) return {};
  const auto x = value_of(*bound["x"]);
  if (!x.ok()) return x;
  if (ast.text == "sign")
    return is_amount(x, "given to sign()") ? result(ast, Op::sign, Type::number(), {x}) : Term();
  if (!is_ratio(x, ast.text)) return {};
  return result(ast,
                ast.text == "floor"  ? Op::floor
                : ast.text == "ceil" ? Op::ceil
                                     : Op::round,
                Type::number(), {x});
}

Term Elaborator::modulo(const Ast& ast) {
  Bound bound;
  if (!bind(ast, {"a", "b"}, 2, bound)) return {};
  std::vector<Term> values{value_of(*bound["a"]), value_of(*bound["b"])};
  if (!alike(ast, values, "divided")) return {};
  if (!is_amount(values[0], "divided")) return {};
  if (constant_of(values[1]) == 0.0) return fail(ast, "mod() by zero", "write what to divide by");
  return result(ast, Op::modulo, values[0].type, values, values[0].unit);
}

Term Elaborator::root(const Ast& ast) {
  Bound bound;
  if (!bind(ast, {"x"}, 1, bound)) return {};
  const auto x = value_of(*bound["x"]);
  if (!x.ok() || !is_amount(x, fmt::format("given to {}()", ast.text))) return {};
  const int order = ast.text == "sqrt" ? 2 : 3;
  Type type = Type::number();
  for (size_t i = 0; i < type.dimension.power.size(); ++i) {
    const int power = x.type.dimension.power[i];
    if (power % order != 0)
      return fail(ast, fmt::format("{}() of {} has no unit", ast.text, in_words(x)),
                  fmt::format("take the root of a ratio, or of a unit to a power of {}", order));
    type.dimension.power[i] = static_cast<int8_t>(power / order);
  }
  return result(ast, order == 2 ? Op::square_root : Op::cube_root, type, {x});
}

Term Elaborator::power(const Ast& ast) {
  Bound bound;
  if (!bind(ast, {"x", "exponent"}, 2, bound)) return {};
  std::vector<Term> values{value_of(*bound["x"]), value_of(*bound["exponent"])};
  if (!values[0].ok() || !values[1].ok() || !is_amount(values[0], "given to pow()")) return {};
  if (!is_ratio(values[1], "pow")) return {};
  Type type = Type::number();
  if (!values[0].type.dimension.none()) {
    const auto exponent = constant_of(values[1]);
    if (!exponent)
      return fail(
          *values[1].ast,
          fmt::format("the exponent of {} must be a number, so that the unit is known", in_words(values[0])),
          "write pow(x, 2), or divide x to a ratio first");
    for (size_t i = 0; i < type.dimension.power.size(); ++i) {
      const double power = values[0].type.dimension.power[i] * *exponent;
      const double whole = std::nearbyint(power);
      if (!(std::fabs(power - whole) < 1e-9) || std::fabs(whole) > 100)
        return fail(ast,
                    fmt::format("`{}` has no unit: the powers of {} do not stay whole", written(ast),
                                in_words(values[0])),
                    "divide x to a ratio first, as in pow(x / 1 m, 0.8)");
      type.dimension.power[i] = static_cast<int8_t>(whole);
    }
    if (!in_range(ast, type)) return {};
  }
  if (!unify(ast, values)) return {};
  return result(ast, Op::power, type, values);
}

Term Elaborator::of_ratio(const Ast& ast) {
  static constexpr std::pair<std::string_view, Op> kOps[] = {{"exp", Op::exponential},
                                                             {"log", Op::logarithm},
                                                             {"ln", Op::logarithm},
                                                             {"log10", Op::logarithm10},
                                                             {"sin", Op::sine},
                                                             {"cos", Op::cosine},
                                                             {"tan", Op::tangent},
                                                             {"asin", Op::arc_sine},
                                                             {"acos", Op::arc_cosine},
                                                             {"atan", Op::arc_tangent},
                                                             {"tanh", Op::hyperbolic_tangent}};
  Bound bound;
  if (!bind(ast, {"x"}, 1, bound)) return {};
  const auto x = value_of(*bound["x"]);
  if (!x.ok() || !is_ratio(x, ast.text)) return {};
  const auto* found = std::ranges::find(kOps, ast.text, &std::pair<std::string_view, Op>::first);
  return result(ast, found->second, Type::number(), {x});
}

Term Elaborator::arc_tangent2(const Ast& ast) {
  Bound bound;
  if (!bind(ast, {"y", "x"}, 2, bound)) return {};
  std::vector<Term> values{value_of(*bound["y"]), value_of(*bound["x"])};
  if (!alike(ast, values, "set into a triangle")) return {};
  if (!is_amount(values[0], "given to atan2()")) return {};
  return result(ast, Op::arc_tangent2, Type::number(), values);
}

// A point's SI value is its absolute quantity already: 20 degC is 293.15 K, 4 barg is 5.01 bar. Only the type
// changes.
Term Elaborator::scale_to_amount(const Ast& ast) {
  const bool temperature = ast.text == "kelvin";
  Bound bound;
  if (!bind(ast, {temperature ? "temperature" : "pressure"}, 1, bound)) return {};
  const auto x = value_of(ast.arg(0));
  if (!x.ok()) return x;
  const Dimension dimension = temperature ? kTemperature : Dimension{{-1, 1, -2}};
  if (!x.is_number() || x.type != Type::point_of(dimension))
    return fail(
        *x.ast,
        fmt::format("{}() takes a {}, but `{}` is {}", ast.text,
                    temperature ? "temperature such as 20 degC" : "gauge pressure such as 4 barg",
                    written(*x.ast), in_words(x)),
        x.is_number() && x.type.dimension == dimension ? fmt::format("write {}", written(*x.ast)) : "");
  Term term = like(x, x.node, ast);
  term.type.point = false;
  term.unit = temperature ? Unit{"K", term.type, 1, 0} : difference_unit(x.unit);
  return term;
}

Term Elaborator::reading(const Ast& ast) {
  Bound bound;
  if (!bind(ast, {"x"}, 1, bound)) return {};
  const Ast& of = *bound["x"];
  const auto how = ast.text == "desired"   ? Reading::desired
                   : ast.text == "default" ? Reading::fallback
                                           : Reading::truth;
  // truth(homes.power) and truth(homes.power * 2) alike would be wanted; only names have a truth.
  auto term = misplaced(of, read(of, how));
  if (!term.ok()) return term;
  term.ast = &ast;
  return term;
}

Term Elaborator::quality(const Ast& ast) {
  Bound bound;
  if (!bind(ast, {"x"}, 1, bound)) return {};
  const Ast& of = *bound["x"];
  auto term = misplaced(of, read(of, Reading::quality));
  if (!term.ok()) return term;
  if (!term.symbol)
    return fail(of, fmt::format("`{}` is no telemetry field: it has no quality", written(of)),
                "quality() takes a telemetry field");
  term.ast = &ast;
  term.symbol = nullptr;  // what follows is about the quality, not about the field's samples
  return term;
}

// The twin knows a field's value where its quality is usable and nowhere else, so that the quality itself
// need not be read; and a device that is related to none has nothing good.
Term Elaborator::good(const Ast& ast) {
  Bound bound;
  if (!bind(ast, {"x"}, 1, bound)) return {};
  const Ast& of = *bound["x"];
  const bool path = of.kind == Ast::Kind::name || of.kind == Ast::Kind::member;
  if (!path)
    return fail(of, "good() takes a name, not an expression",
                fmt::format("write good(x) around each name, or known({})", written(of)));
  const auto x = value_of(of);
  if (!x.ok()) return x;
  if (!x.symbol || !x.symbol->quality.valid())
    return fail(of, fmt::format("`{}` is no telemetry field: it has no quality", written(of)),
                fmt::format("write known({})", written(of)));
  return result(ast, Op::known, Type::boolean(), {x});
}

Term Elaborator::instant(const Ast& ast) {
  Bound bound;
  if (!bind(ast, {}, 0, bound)) return {};
  Term term;
  term.is = Term::Is::number;
  term.ast = &ast;
  term.type = ast.text == "now"           ? Type::point_of(kTimeDimension)
              : ast.text == "time_of_day" ? Type::number(kTimeDimension)
                                          : Type::number();
  if (ast.text == "time_of_day") term.unit = Unit{"h", term.type, 3600, 0};
  const Op op = ast.text == "now"           ? Op::now
                : ast.text == "time_of_day" ? Op::civil_time
                : ast.text == "weekday"     ? Op::civil_weekday
                                            : Op::civil_day_of_year;
  term.node = add(node(op, term.type), ast);
  return term;
}

}  // namespace looptwin::lang
