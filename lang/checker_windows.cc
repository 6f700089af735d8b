// Over time: windows, how long a condition has held, ages, previous values, forecasts.
#include <fmt/format.h>
#include <algorithm>

#include "lang/condition_windows.h"
#include "lang/elaborate.h"
#include "lang/number.h"

namespace looptwin::lang {
namespace {

struct WindowFunction {
  std::string_view name;
  Op op;
};
constexpr WindowFunction kWindows[] = {
    {"avg", Op::window_mean},         {"mean", Op::window_mean},   {"min", Op::window_minimum},
    {"max", Op::window_maximum},      {"slope", Op::window_slope}, {"delta", Op::window_delta},
    {"stddev", Op::window_deviation}, {"count", Op::window_count}, {"rises", Op::rises},
    {"time_true", Op::time_true},
};

}  // namespace

Term Elaborator::window(const Ast& ast) {
  const auto* found = std::ranges::find(kWindows, ast.text, &WindowFunction::name);
  if (found == std::end(kWindows))
    return fail(ast, fmt::format("{}() has no window", ast.text),
                fmt::format("write {}", usage_of(ast.text)));
  const bool over = !ast.args.empty() && ast.args[0].name.empty() && ast.arg(0).kind == Ast::Kind::over;
  if (over && ast.args.size() == 1) return window_over(ast, ast.arg(0));
  if (over && !ast.args[1].name.empty()) return trend(ast);
  if (ast.args.size() == 2 && ast.arg(0).kind != Ast::Kind::over && ast.arg(1).kind != Ast::Kind::over)
    return fail(ast, fmt::format("the window of {}() follows the word 'over'", ast.text),
                fmt::format("write {}({} over {})", ast.text, written(ast.arg(0)), written(ast.arg(1))));
  return fail(ast, fmt::format("{}() takes one value and its window", ast.text),
              fmt::format("write {}", usage_of(ast.text)));
}

Term Elaborator::window_over(const Ast& ast, const Ast& over) {
  const Op op = std::ranges::find(kWindows, ast.text, &WindowFunction::name)->op;
  if (!state_allowed(ast, true, false)) return {};
  const auto x = value_of(over.arg(0));
  const auto span = constant_duration(over.arg(1), "a window", false);
  if (!x.ok() || !span || !not_over_set(ast, x)) return {};
  Term term = like(x, {}, ast);
  if (op == Op::rises || op == Op::time_true) {
    if (!condition(x, fmt::format("{}()", ast.text))) return {};
    term.type = op == Op::rises ? Type::number() : Type::number(kTimeDimension);
    term.unit = op == Op::rises ? Unit{} : Unit{"s", term.type, 1, 0};
  } else if (op == Op::window_count) {
    if (x.is == Term::Is::word) return is_amount(x, "counted"), Term();
    term.type = Type::number();
    term.unit = {};
  } else if (!x.is_number()) {
    return fail(
        *x.ast, fmt::format("{}() takes numbers, but `{}` is {}", ast.text, written(*x.ast), in_words(x)),
        x.is_condition()
            ? fmt::format("write time_true({0} over {1}) / ({1})", written(*x.ast), written(over.arg(1)))
            : "");
  } else if (op == Op::window_delta || op == Op::window_deviation) {
    term.type.point = false;
    term.unit = difference_unit(x.unit);
  } else if (op == Op::window_slope) {
    term.type = Type::number(x.type.dimension / kTimeDimension);
    term.unit = {};
    if (!in_range(ast, term.type)) return {};
  }
  const bool several = op == Op::window_slope || op == Op::window_delta || op == Op::window_deviation;
  if (x.symbol && x.symbol->sampled_field && *span < x.symbol->period * (several ? 2 : 1))
    warn(over.arg(1),
         fmt::format("`{}` is sampled every {}: a window of {} is often {}", written(*x.ast),
                     to_string(x.symbol->period), to_string(*span), several ? "unknown" : "empty"),
         fmt::format("write at least {}", to_string(x.symbol->period * 2)));
  // A window over what was is what the window was: one meaning, and samples instead of boundaries.
  const Node past = graph_[x.node];  // a copy: the graph grows below
  const bool of_past = past.op == Op::ago && !is_stateful(op);
  Node window = node(op, term.type, {of_past ? past.args[0] : x.node});
  window.table = table_;
  window.span = *span;
  if (is_stateful(op) && x.symbol && x.symbol->sampled_field && past.op == Op::column &&
      span->ns <= x.symbol->period.ns * kMostConditionSamples)
    put_over_samples(window);
  term.node = is_stateful(op) ? with_state(std::move(window), ast) : add(std::move(window), ast);
  return of_past ? delayed(ast, past, term) : term;
}

Term Elaborator::held(const Ast& ast) {
  Bound bound;
  if (!bind(ast, {"condition", "time"}, 2, bound) || !state_allowed(ast, true, true)) return {};
  const auto c = value_of(*bound["condition"]);
  const auto span = constant_duration(*bound["time"], "held()", false);
  if (!c.ok() || !span || !condition(c, "held()") || !not_over_set(ast, c)) return {};
  Node held = node(Op::held, Type::boolean(), {c.node});
  held.table = table_;
  held.span = *span;
  Term term = like(c, with_state(std::move(held), ast), ast);
  return term;
}

Term Elaborator::previous(const Ast& ast) {
  Bound bound;
  if (!bind(ast, {"x"}, 1, bound) || !state_allowed(ast, true, true)) return {};
  const auto x = value_of(*bound["x"]);
  if (!x.ok() || !not_over_set(ast, x)) return {};
  if (x.is == Term::Is::word) return fail(*x.ast, "a text does not change", "write previous(x) of a name");
  Node previous = node(Op::previous, x.type, {x.node});
  previous.table = table_;
  return like(x, with_state(std::move(previous), ast), ast);
}

Term Elaborator::age(const Ast& ast) {
  Bound bound;
  if (!bind(ast, {"x"}, 1, bound)) return {};
  auto term = misplaced(*bound["x"], read(*bound["x"], Reading::sampled));
  if (!term.ok()) return term;
  if (term.unit.text != "s" || term.type != Type::number(kTimeDimension))
    return fail(*bound["x"], fmt::format("`{}` is never sampled: it has no age", written(*bound["x"])),
                "age() takes a telemetry field");
  term.ast = &ast;
  term.symbol = nullptr;
  return term;
}

Term Elaborator::forecast(const Ast& ast) {
  const bool at = ast.text == "forecast";
  Bound bound;
  if (!(at ? bind(ast, {"x", "lead"}, 2, bound) : bind(ast, {"x", "from", "to"}, 3, bound))) return {};
  const auto x = value_of(*bound["x"]);
  if (!x.ok()) return x;
  const Node feed = x.is == Term::Is::number ? graph_[x.node] : Node{};  // a copy: the graph grows below
  if (feed.op != Op::feed)
    return fail(*x.ast, fmt::format("`{}` is not a feed's signal: nobody forecasts it", written(*x.ast)),
                fmt::format("write {}", usage_of(ast.text)));
  if (!schema_.feeds[feed.feed.index()].forecast)
    return fail(*x.ast, fmt::format("the feed of `{}` has no forecast", written(*x.ast)),
                "declare forecast: under the feed");
  const auto from = constant_duration(*bound[at ? "lead" : "from"], "a lead", true);
  const auto to = at ? from : constant_duration(*bound["to"], "a lead", true);
  if (!from || !to) return {};
  if (!at && !(*from < *to))
    return fail(*bound["to"],
                fmt::format("the window from {} to {} is empty", to_string(*from), to_string(*to)),
                fmt::format("write {}", usage_of(ast.text)));
  Node node = this->node(at                           ? Op::forecast
                         : ast.text == "forecast_max" ? Op::forecast_maximum
                         : ast.text == "forecast_min" ? Op::forecast_minimum
                                                      : Op::forecast_mean,
                         x.type);
  node.feed = feed.feed;
  node.number = {from->seconds()};
  if (!at) node.number.push_back(to->seconds());
  return like(x, add(std::move(node), ast), ast);
}

std::optional<Duration> Elaborator::constant_duration(const Ast& ast, std::string_view what,
                                                      bool zero_allowed) {
  const auto value = value_of(ast);
  if (!value.ok()) return std::nullopt;
  if (ast.is_bare_number()) {
    fail(ast, fmt::format("{} needs a unit of time", what),
         fmt::format("write {0} s or {0} min", written(ast)));
    return std::nullopt;
  }
  if (!value.is_number() || value.type != Type::number(kTimeDimension)) {
    fail(ast, fmt::format("{} needs a span of time, but `{}` is {}", what, written(ast), in_words(value)),
         "write a time, as 5 min");
    return std::nullopt;
  }
  const auto seconds = constant_of(value);
  if (!seconds) {
    fail(ast, fmt::format("{} needs a fixed time, known before the run; `{}` is not", what, written(ast)),
         "write a time, as 5 min");
    return std::nullopt;
  }
  if (!(*seconds > 0) && !(zero_allowed && *seconds == 0)) {
    fail(ast, fmt::format("{} of {} s is empty", what, *seconds), "write a time above zero, as 5 min");
    return std::nullopt;
  }
  auto duration = whole_duration(*seconds, span_of(ast));
  if (duration) return *duration;
  fail(ast, duration.error()[0].message, duration.error()[0].hint);
  return std::nullopt;
}

// `windows`, `controllers`: in which of the two kinds of places the function may stand.
bool Elaborator::state_allowed(const Ast& ast, bool windows, bool controllers) {
  if ((windows && scopes_.windows_allowed) || (controllers && scopes_.controller_functions)) return true;
  fail(ast,
       fmt::format("{}() looks back in time: that is for rules, events and alarms{}", ast.text,
                   controllers ? " and controllers" : ""),
       scopes_.controller_functions ? "in a controller write held, previous, ramp, delay, latch or hysteresis"
                                    : "in physics make it a state of its own");
  return false;
}

bool Elaborator::not_over_set(const Ast& ast, const Term& value) {
  if (!value.set.is_set()) return true;
  const auto text = written(*value.ast);
  // A path of names can be shown as it has to be written.
  const auto dot = text.rfind('.');
  const bool plain = value.ast->kind == Ast::Kind::member && dot != std::string::npos;
  const auto set = plain ? text.substr(0, dot) : "homes";
  const auto rest = plain ? text.substr(dot + 1) : "x";
  const bool over = !ast.args.empty() && ast.arg(0).kind == Ast::Kind::over;
  // The call on one value, with all that it was given.
  const auto on = [&](const std::string& one) {
    std::string call = fmt::format("{}({}", ast.text, one);
    if (over) call += fmt::format(" over {}", written(ast.arg(0).arg(1)));
    for (size_t i = 1; i < ast.args.size(); ++i)
      call +=
          fmt::format(", {}{}{}", ast.args[i].name, ast.args[i].name.empty() ? "" : "=", written(ast.arg(i)));
    return call + ")";
  };
  const bool first =
      !ast.args.empty() && ast.args[0].name.empty() && (over ? &ast.arg(0).arg(0) : &ast.arg(0)) == value.ast;
  const std::string of_one = first ? on(rest) : fmt::format("{}(…{}…)", ast.text, rest);
  const bool counts = ast.text == "rises" || ast.text == "time_true" || ast.text == "age";
  const auto how = value.is_condition() && !counts ? "all" : value.type.point ? "avg" : "sum";
  std::string call = fmt::format("{}({}, {})", how, set, of_one);
  if (first && over && !value.is_condition()) call += " or " + on(fmt::format("{}({}.{})", how, set, rest));
  fail(ast, fmt::format("{}() is about one value, but `{}` has one for each member of a set", ast.text, text),
       fmt::format("write {}", call));
  return false;
}

NodeId Elaborator::with_state(Node node, const Ast& ast) {
  node.instance = wanted_.instance;
  return graph_.add(std::move(node), span_of(ast));
}

}  // namespace looptwin::lang
