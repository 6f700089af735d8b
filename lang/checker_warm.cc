// Looking far back: ago(), trends over weeks, a value against its trend.
#include <fmt/format.h>
#include <algorithm>

#include "lang/elaborate.h"
#include "lang/warm.h"

namespace looptwin::lang {
namespace {

struct TrendFunction {
  std::string_view name;
  Op op;
};
constexpr TrendFunction kTrends[] = {
    {"percentile", Op::trend_percentile}, {"avg", Op::trend_mean},    {"mean", Op::trend_mean},
    {"min", Op::trend_minimum},           {"max", Op::trend_maximum}, {"stddev", Op::trend_deviation},
};
constexpr Duration kBuckets[] = {minutes(1), minutes(15), hours(1)};
constexpr double kUsualMinimumGood = 0.5;

}  // namespace

Term Elaborator::ago(const Ast& ast) {
  Bound bound;
  if (!bind(ast, {"x", "time", "calendar", "every"}, 2, bound) || !state_allowed(ast, true, false)) return {};
  const auto x = value_of(*bound["x"]);
  const auto span = constant_duration(*bound["time"], "ago()", false);
  const auto civil = constant_condition(bound["calendar"], "calendar");
  if (!x.ok() || !span || !civil || !not_over_set(ast, x)) return {};
  if (x.is == Term::Is::word) return fail(*x.ast, "a text does not change", "write ago(x, 1 d) of a name");
  if (*civil && span->ns % days(1).ns != 0)
    return fail(*bound["time"],
                fmt::format("by the calendar one goes back whole days, not {}", to_string(*span)),
                "write whole days, as 7 d, or leave out calendar=true");
  Duration every = default_step(*span);
  if (const Ast* text = bound["every"]) {
    const auto given = constant_duration(*text, "every=", false);
    if (!given) return {};
    every = *given;
    if (every > *span)
      return fail(
          *text,
          fmt::format("what is kept every {} is not there for {} ago", to_string(every), to_string(*span)),
          fmt::format("write {} at most", to_string(*span)));
  }
  if (*span / every > kMostWarmSlots)
    return fail(*bound[bound["every"] ? "every" : "time"],
                fmt::format("{} kept every {} are {} values a device, more than {}", to_string(*span),
                            to_string(every), *span / every, kMostWarmSlots),
                fmt::format("write a longer every=, as every={} h", *span / hours(kMostWarmSlots) + 1));
  Node ago = node(Op::ago, x.type);
  ago.span = *span;
  ago.number = {static_cast<double>(every.ns), *civil ? 1.0 : 0.0, 0, 0};
  return delayed(ast, ago, x);
}

/// `of` as it was, as `ago` says.
Term Elaborator::delayed(const Ast& ast, const Node& ago, const Term& of) {
  Node node = this->node(Op::ago, of.type, {of.node});
  node.table = table_;
  node.span = ago.span;
  node.number = ago.number;
  return like(of, add(std::move(node), ast), ast);
}

Term Elaborator::trend(const Ast& ast) {
  const auto* found = std::ranges::find(kTrends, ast.text, &TrendFunction::name);
  if (found != std::end(kTrends)) return trend_over(ast, found->op, found->op == Op::trend_percentile);
  return fail(ast.args[1].name_begin, ast.args[1].value->end,
              fmt::format("{}() has no argument '{}'", ast.text, ast.args[1].name),
              fmt::format("write {}", usage_of(ast.text)));
}

Term Elaborator::trend_index(const Ast& ast) {
  const auto trend = trend_over(ast, Op::trend_mean, false);
  if (!trend.ok()) return trend;
  const auto x = value_of(ast.arg(0).arg(0));
  if (!x.ok() || !is_amount(x, "given to trend_index()")) return {};
  return result(ast, Op::divide, Type::number(), {x, trend});
}

Term Elaborator::trend_over(const Ast& ast, Op op, bool with_share) {
  if (ast.args.empty() || !ast.args[0].name.empty() || ast.arg(0).kind != Ast::Kind::over)
    return fail(ast, fmt::format("{}() takes one value and its window", ast.text),
                fmt::format("write {}", usage_of(ast.text)));
  Bound bound;
  if (with_share ? !bind(ast, {"share", "same_hour", "bucket", "min_good"}, 1, bound, 1)
                 : !bind(ast, {"same_hour", "bucket", "min_good"}, 0, bound, 1))
    return {};
  if (!state_allowed(ast, true, false)) return {};
  const Ast& over = ast.arg(0);
  const auto x = value_of(over.arg(0));
  const auto span = constant_duration(over.arg(1), "a window", false);
  const auto same_hour = constant_condition(bound["same_hour"], "same_hour");
  const auto minimum_good = constant_share(bound["min_good"], "min_good", kUsualMinimumGood);
  const auto share = with_share ? constant_share(bound["share"], "share", 0) : std::optional<double>(0);
  if (!x.ok() || !span || !same_hour || !minimum_good || !share || !not_over_set(ast, x)) return {};
  if (!x.is_number())
    return fail(*x.ast,
                fmt::format("{}() takes numbers, but `{}` is {}", ast.text, written(*x.ast), in_words(x)));
  const auto bucket = bucket_of(ast, bound["bucket"], *span, over.arg(1));
  if (!bucket) return {};
  if (*same_hour && *span < days(1))
    return fail(over.arg(1), fmt::format("within {} no hour comes twice", to_string(*span)),
                "write whole days, as 28 d, or leave out same_hour=true");
  Term term = like(x, {}, ast);
  if (op == Op::trend_deviation) {
    term.type.point = false;
    term.unit = difference_unit(x.unit);
  }
  Node trend = node(op, term.type, {x.node});
  trend.table = table_;
  trend.span = *span;
  trend.number = {static_cast<double>(bucket->ns), *same_hour ? 1.0 : 0.0, *minimum_good, *share};
  term.node = add(std::move(trend), ast);
  return term;
}

std::optional<Duration> Elaborator::bucket_of(const Ast& ast, const Ast* bucket, Duration span,
                                              const Ast& window) {
  Duration length = default_bucket(span);
  if (bucket) {
    const auto given = constant_duration(*bucket, "bucket=", false);
    if (!given) return std::nullopt;
    length = *given;
    if (std::ranges::find(kBuckets, length) == std::end(kBuckets)) {
      fail(*bucket, fmt::format("there are no buckets of {}", to_string(length)),
           "write 1 min, 15 min or 1 h");
      return std::nullopt;
    }
  }
  if (span.ns % length.ns != 0) {
    fail(window, fmt::format("{} is no whole number of buckets of {}", to_string(span), to_string(length)),
         fmt::format("write a multiple of {}", to_string(length)));
    return std::nullopt;
  }
  if (span / length > kMostWarmSlots) {
    fail(window,
         fmt::format("{}() over {} has {} buckets of {}, more than {}", ast.text, to_string(span),
                     span / length, to_string(length), kMostWarmSlots),
         span / hours(1) <= kMostWarmSlots ? "write a longer bucket=, as bucket=1 h"
                                           : "write a shorter window");
    return std::nullopt;
  }
  return length;
}

std::optional<bool> Elaborator::constant_condition(const Ast* ast, std::string_view name) {
  if (!ast) return false;
  if (ast->kind == Ast::Kind::boolean) return ast->value != 0;
  fail(*ast, fmt::format("{}= is true or false", name), fmt::format("write {}=true, or leave it out", name));
  return std::nullopt;
}

std::optional<double> Elaborator::constant_share(const Ast* ast, std::string_view name, double absent) {
  if (!ast) return absent;
  const auto value = value_of(*ast);
  if (!value.ok()) return std::nullopt;
  const auto number = value.is_number() && value.type == Type::number() ? constant_of(value) : std::nullopt;
  if (number && *number >= 0 && *number <= 1) return number;
  fail(*ast, fmt::format("{}= is a fixed share from 0 % to 100 %, `{}` is none", name, written(*ast)),
       ast->is_bare_number() ? fmt::format("write {} %", written(*ast)) : std::string("write 95 %"));
  return std::nullopt;
}

}  // namespace looptwin::lang
