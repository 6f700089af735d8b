// Controllers' functions: two-position control, PID, ramps, delays, latches, stiction. Their state is
// described in stateful.h.
#include <fmt/format.h>
#include <cmath>
#include <limits>

#include "base/text.h"
#include "lang/elaborate.h"

namespace looptwin::lang {
namespace {

const Unit kSeconds{"s", Type::number(kTimeDimension), 1, 0};
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

}  // namespace

bool Elaborator::in_controller(const Ast& ast) {
  if (scopes_.controller_functions) return true;
  fail(ast, fmt::format("{}() belongs in a controller", ast.text),
       ast.text == "latch"   ? "of an event write latch: true"
       : ast.text == "delay" ? "in a rule write on_delay:, or held(condition, 10 s)"
                             : "write it under controller: of the model");
  return false;
}

// The argument, of this type; a constant where it was left out.
Term Elaborator::expect(const Ast* ast, const Type& type, std::string_view what, const Unit& unit,
                        double absent) {
  Term place;
  place.is = Term::Is::number;
  place.type = type;
  place.unit = unit;
  if (!ast) {
    Node node;
    node.op = Op::constant;
    node.type = type;
    node.number = {absent};
    place.node = graph_.add(std::move(node));
    return place;
  }
  auto value = value_of(*ast);
  if (!value.ok()) return value;
  if (value.is == Term::Is::number && value.type == type) return value;
  if (type.kind == Kind::boolean) return condition(value, what), Term();
  if (!value.is_number()) return is_amount(value, fmt::format("given as {}", what)), Term();
  if (value.type.dimension == type.dimension || ast->is_bare_number())
    return mismatch(*ast, value, place, "used here");
  const auto wanted = unit.text.empty() || unit.text == "1" ? unit_text(type.dimension) : unit.text;
  return fail(*ast,
              fmt::format("{} is wanted in {}, but `{}` is {}", what, wanted, written(*ast), in_words(value)),
              fmt::format("write a value in {}", wanted));
}

Term Elaborator::hysteresis(const Ast& ast) {
  Bound bound;
  if (!bind(ast, {"x", "on", "off", "min_on", "min_off"}, 3, bound) || !in_controller(ast)) return {};
  std::vector<Term> levels{value_of(*bound["x"]), value_of(*bound["on"]), value_of(*bound["off"])};
  if (!alike(ast, levels, "compared")) return {};
  if (!levels[0].is_number()) return is_amount(levels[0], "compared with on= and off="), Term();
  const auto on = constant_of(levels[1]), off = constant_of(levels[2]);
  if (on && off && *on == *off)
    return fail(ast, "on= and off= are equal: the output would chatter",
                "leave a gap between them, as on=0.25 K, off=-0.25 K");
  const auto least_on = expect(bound["min_on"], kSeconds.type, "min_on=", kSeconds, 0);
  const auto least_off = expect(bound["min_off"], kSeconds.type, "min_off=", kSeconds, 0);
  if (!least_on.ok() || !least_off.ok()) return {};
  for (const auto* least : {&least_on, &least_off})
    if (const auto time = constant_of(*least); time && !(*time >= 0))
      return fail(*least->ast, "a least time cannot be negative", "write 0 s or more");
  std::vector<NodeId> nodes;
  for (const auto& term : {levels[0], levels[1], levels[2], least_on, least_off}) {
    if (!not_over_set(ast, term)) return {};
    nodes.push_back(term.node);
  }
  Node node = this->node(Op::hysteresis, Type::boolean(), std::move(nodes));
  node.table = table_;
  Term term;
  term.is = Term::Is::number;
  term.ast = &ast;
  term.type = Type::boolean();
  term.node = with_state(std::move(node), ast);
  return term;
}

Term Elaborator::pid(const Ast& ast) {
  Bound bound;
  if (!bind(ast, {"sp", "pv", "kp", "ti", "td", "ff", "low", "high", "track", "mode", "action"}, 3, bound))
    return {};
  if (!in_controller(ast)) return {};
  std::vector<Term> control{value_of(*bound["sp"]), value_of(*bound["pv"])};
  if (!alike(ast, control, "compared")) return {};
  if (!control[0].is_number()) return is_amount(control[0], "controlled"), Term();
  // What the output is, is said by the first of low, high, track and ff; without any it is a ratio.
  Term output;
  output.type = Type::number();
  for (const auto name : {"low", "high", "track", "ff"}) {
    if (!bound[name]) continue;
    output = value_of(*bound[name]);
    if (!output.ok()) return {};
    if (!output.is_number()) return is_amount(output, fmt::format("given as {}=", name)), Term();
    break;
  }
  const Type out = output.type;
  if (out.point && !bound["ff"])
    return fail(ast, fmt::format("the output is {}: pid() needs the point it starts from", in_words(output)),
                "write ff=, as ff=20 degC");
  const auto gain = Type::number(out.dimension / control[1].type.dimension);
  const auto kp = expect(bound["kp"], gain, "kp= (output per process value)", {}, 1);
  const auto ti = expect(bound["ti"], kSeconds.type, "ti=", kSeconds, kInfinity);
  const auto td = expect(bound["td"], kSeconds.type, "td=", kSeconds, 0);
  const auto ff = expect(bound["ff"], out, "ff=", output.unit, 0);
  const auto low = expect(bound["low"], out, "low=", output.unit, -kInfinity);
  const auto high = expect(bound["high"], out, "high=", output.unit, kInfinity);
  const auto track = expect(bound["track"], out, "track=", output.unit, kUnknown);
  const auto manual = expect(bound["mode"], Type::boolean(), "mode= (true while by hand)", {}, 0);
  std::vector<Term> all{control[0], control[1], kp, ti, td, ff, low, high, track, manual};
  for (const auto& term : all)
    if (!term.ok() || !not_over_set(ast, term)) return {};
  if (const auto time = constant_of(ti); time && !(*time > 0))
    return fail(*ti.ast, "ti= must be above zero", "leave ti out for no integral action");
  if (const auto time = constant_of(td); time && !(*time >= 0))
    return fail(*td.ast, "td= cannot be negative", "leave td out for no derivative action");
  const auto from = constant_of(low), to = constant_of(high);
  if (from && to && !(*from < *to)) return fail(ast, "low= is not below high=", "write low=0 kW, high=5 kW");
  const Ast* action = bound["action"];
  const bool word = action && (action->kind == Ast::Kind::name || action->kind == Ast::Kind::text);
  if (action && (!word || (action->text != "direct" && action->text != "reverse")))
    return fail(
        *action, "action= says which way the output moves",
        "write action=reverse (heating: more output when the value is too low) or action=direct (cooling)");
  if (word && action->text == "direct") all[2].node = add(node(Op::negate, gain, {kp.node}), ast);
  std::vector<NodeId> nodes;
  for (const auto& term : all) nodes.push_back(term.node);
  Node node = this->node(Op::pid, out, std::move(nodes));
  node.table = table_;
  node.span = scopes_.step.value_or(Duration{});
  Term term = like(output, with_state(std::move(node), ast), ast);
  return term;
}

Term Elaborator::ramp(const Ast& ast) {
  Bound bound;
  if (!bind(ast, {"target", "up", "down"}, 2, bound) || !in_controller(ast)) return {};
  const auto target = value_of(*bound["target"]);
  if (!target.ok()) return target;
  if (!target.is_number()) return is_amount(target, "approached slowly"), Term();
  const auto rate = Type::number(target.type.dimension / kTimeDimension);
  const auto per = difference_unit(target.unit);
  const Unit unit{per.text.empty() || per.text == "1" ? "" : per.text + "/min", rate, per.scale / 60, 0};
  const auto up = expect(bound["up"], rate, "the rate of ramp()", unit, 0);
  const auto down = bound["down"] ? expect(bound["down"], rate, "down=", unit, 0) : up;
  if (!up.ok() || !down.ok()) return {};
  for (const auto* term : {&target, &up, &down})
    if (!not_over_set(ast, *term)) return {};
  for (const auto* term : {&up, &down})
    if (const auto r = constant_of(*term); r && !(*r > 0))
      return fail(*term->ast, "a rate must be above zero",
                  "write both as positive, as up=2 K/min, down=1 K/min");
  Node node = this->node(Op::ramp, target.type, {target.node, up.node, down.node});
  node.table = table_;
  node.span = scopes_.step.value_or(Duration{});
  return like(target, with_state(std::move(node), ast), ast);
}

Term Elaborator::delay(const Ast& ast) {
  Bound bound;
  if (!bind(ast, {"x", "time"}, 2, bound) || !in_controller(ast)) return {};
  const auto x = value_of(*bound["x"]);
  const auto span = constant_duration(*bound["time"], "delay()", false);
  if (!x.ok() || !span || !not_over_set(ast, x)) return {};
  if (x.is == Term::Is::word) return fail(*x.ast, "a text does not change", "write delay(x, 10 s) of a name");
  Node node = this->node(Op::delay, x.type, {x.node});
  if (const auto step = scopes_.step; step && step->ns > 0) {
    const auto periods = *span / *step;
    if (*step * periods != *span)
      return fail(
          *bound["time"],
          fmt::format("{} is not a multiple of the period {}", to_string(*span), to_string(*step)),
          fmt::format("write {}",
                      to_string(*step * std::max<int64_t>(1, (*span + Duration{step->ns / 2}) / *step))));
    constexpr int64_t kLongest = 4096;  // values that a row keeps
    if (periods > kLongest)
      return fail(*bound["time"], fmt::format("a delay of {} periods is kept for every device", periods),
                  fmt::format("at most {} are: use a shorter delay or a longer period", kLongest));
    node.number = {static_cast<double>(periods)};
  }
  node.table = table_;
  node.span = *span;
  return like(x, with_state(std::move(node), ast), ast);
}

Term Elaborator::latch(const Ast& ast) {
  Bound bound;
  if (!bind(ast, {"set", "reset"}, 2, bound) || !in_controller(ast)) return {};
  const auto set = value_of(*bound["set"]);
  const auto reset = value_of(*bound["reset"]);
  if (!set.ok() || !reset.ok() || !condition(set, "latch()") || !condition(reset, "latch()")) return {};
  if (!not_over_set(ast, set) || !not_over_set(ast, reset)) return {};
  Node node = this->node(Op::latch, Type::boolean(), {set.node, reset.node});
  node.table = table_;
  return like(set, with_state(std::move(node), ast), ast);
}

Term Elaborator::stiction(const Ast& ast) {
  Bound bound;
  if (!bind(ast, {"x", "band", "jump"}, 2, bound) || !in_controller(ast)) return {};
  const auto x = value_of(*bound["x"]);
  if (!x.ok()) return x;
  if (!x.is_number()) return is_amount(x, "moved"), Term();
  const auto difference = Type::number(x.type.dimension);
  const auto unit = difference_unit(x.unit);
  const auto band = expect(bound["band"], difference, "band=", unit, 0);
  const auto jump = bound["jump"] ? expect(bound["jump"], difference, "jump=", unit, 0) : band;
  for (const auto* term : {&x, &band, &jump})
    if (!term->ok() || !not_over_set(ast, *term)) return {};
  const auto widest = constant_of(band), slip = constant_of(jump);
  if (widest && !(*widest > 0))
    return fail(*band.ast, "band= must be above zero",
                "write how far the demand must be away before it moves");
  if (slip && (!(*slip >= 0) || (widest && *slip > *widest)))
    return fail(*jump.ast,
                "jump= is not between zero and band=", "write jump=0 for backlash, or leave it out");
  Node node = this->node(Op::stiction, x.type, {x.node, band.node, jump.node});
  node.table = table_;
  return like(x, with_state(std::move(node), ast), ast);
}

}  // namespace looptwin::lang
