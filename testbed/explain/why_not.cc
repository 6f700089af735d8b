#include "testbed/explain/why_not.h"

#include <fmt/format.h>
#include <algorithm>
#include <cmath>
#include <set>

#include "base/text.h"
#include "mml/alarms.h"
#include "mml/evaluator.h"
#include "mml/events.h"
#include "mml/feeds/feeds.h"
#include "mml/rule.h"
#include "mml/rules.h"
#include "testbed/wiring.h"
#include "twin/registry.h"

namespace looptwin::testbed {
namespace {

using lang::NodeId;
using lang::Op;

bool wants_more(Op op) { return op == Op::greater || op == Op::greater_equal; }

/// A little beyond what is just enough.
double beyond(double value, double side) { return value + side * std::max(1e-9, 1e-3 * std::fabs(value)); }

/// A number that is written within an expression, and which it must be for the whole to be `needed`, where
/// the whole is `is` now: the number itself, a factor, or what is added or taken away.
struct Written {
  NodeId literal;
  double value;
};
std::optional<Written> written_within(const lang::Graph& graph, NodeId id, double is, double needed) {
  const lang::Node& node = graph[id];
  const auto constant = [&](NodeId n) {
    return graph[n].op == Op::constant && graph.span(n).source != nullptr;
  };
  const auto of = [&](NodeId n) { return graph[n].number[0]; };
  if (constant(id)) return Written{id, needed};
  if (node.op == Op::negate) return written_within(graph, node.args[0], -is, -needed);
  if (node.op == Op::multiply && is != 0)
    for (const NodeId n : node.args)
      if (constant(n)) return Written{n, of(n) * needed / is};
  if (node.op == Op::add)
    for (const NodeId n : node.args)
      if (constant(n)) return Written{n, of(n) + needed - is};
  if (node.op == Op::subtract && constant(node.args[1]))
    return Written{node.args[1], of(node.args[1]) - (needed - is)};
  if (node.op == Op::subtract && constant(node.args[0]))
    return Written{node.args[0], of(node.args[0]) + needed - is};
  return std::nullopt;
}

/// The parameter that an expression is, with its path.
std::optional<std::pair<std::string, lang::Unit>> parameter_of(Assembly& a, NodeId id) {
  const lang::Node& node = a.graph()[id];
  if (node.op == Op::related) return parameter_of(a, node.args[0]);
  if (node.op != Op::column || !node.table.valid() || node.table.index() >= a.registry().models().size())
    return std::nullopt;
  const auto& model = a.registry().model(node.table);
  for (size_t p = 0; p < model.parameters.size(); ++p)
    if (model.parameters[p] == node.column)
      return std::pair(
          fmt::format("models.{}.parameters.{}.default", model.config.name, model.config.parameters[p].name),
          model.config.parameters[p].unit);
  return std::nullopt;
}

/// A number as it may be written in rules, with all digits that matter.
std::string written(double si, const lang::Unit& unit) {
  const double value = unit.text.empty() ? si : unit.from_si(si);
  return unit.text.empty() ? fmt::format("{:.9g}", value) : fmt::format("{:.9g} {}", value, unit.text);
}

class Changer {
 public:
  Changer(const Conditions& conditions, Assembly& assembly) : conditions_(conditions), a_(assembly) {}

  std::optional<std::vector<ValueChange>> turn(const Condition& c, bool to) const {
    if (c.holds == (to ? 1.0 : 0.0)) return std::vector<ValueChange>{};
    switch (c.is) {
      case Condition::Is::negation:
        return turn(c.parts[0], !to);
      case Condition::Is::held:
      case Condition::Is::named:
        return turn(c.parts[0], to);
      case Condition::Is::all:
        return to ? together(c, to) : cheapest(c, to);
      case Condition::Is::any:
        return to ? cheapest(c, to) : together(c, to);
      case Condition::Is::comparison:
        if (auto change = of_comparison(c, to)) return std::vector{*change};
        return std::nullopt;
      case Condition::Is::fact:
        if (auto change = of_report(c, to)) return std::vector{*change};
        break;
    }
    return std::nullopt;
  }

 private:
  static double cost(const std::vector<ValueChange>& changes) {
    double sum = 0;
    for (const auto& change : changes) sum += change.relative;
    return sum + 1e-3 * static_cast<double>(changes.size());
  }

  std::optional<std::vector<ValueChange>> together(const Condition& c, bool to) const {
    std::vector<ValueChange> all;
    for (const auto& part : c.parts) {
      auto one = turn(part, to);
      if (!one) return std::nullopt;
      std::move(one->begin(), one->end(), std::back_inserter(all));
    }
    return all;
  }

  std::optional<std::vector<ValueChange>> cheapest(const Condition& c, bool to) const {
    std::optional<std::vector<ValueChange>> best;
    for (const auto& part : c.parts)
      if (auto one = turn(part, to); one && (!best || cost(*one) < cost(*best))) best = std::move(one);
    return best;
  }

  /// A condition that a device reports as it is.
  std::optional<ValueChange> of_report(const Condition& c, bool to) const {
    const lang::Node* node = &a_.graph()[c.node];
    if (node->op != Op::column || !c.device.table.valid() ||
        c.device.table.index() >= a_.registry().models().size())
      return std::nullopt;
    const auto& model = a_.registry().model(c.device.table);
    for (size_t f = 0; f < model.fields.size(); ++f) {
      if (model.fields[f].value != node->column || !model.config.telemetry[f].boolean) continue;
      ValueChange change;
      change.by = to ? "true" : "false";
      change.what = fmt::format("{} {} (it is {})", c.text, change.by,
                                c.holds == 0.5 ? "unknown"
                                : to           ? "false"
                                               : "true");
      change.reported = fmt::format("{}.{}", a_.registry().id(c.device), model.config.telemetry[f].name);
      change.relative = 1;
      return change;
    }
    return std::nullopt;
  }

  std::optional<ValueChange> of_comparison(const Condition& c, bool to) const {
    if (std::isnan(c.left) || std::isnan(c.right) || c.op == Op::equal || c.op == Op::not_equal ||
        c.unit.type.kind != lang::Kind::number)
      return std::nullopt;
    const auto& node = a_.graph()[c.node];
    if (node.args.size() != 2) return std::nullopt;
    // The side that is written as a number or a parameter moves; the other one is what was measured.
    for (const bool right : {true, false}) {
      const double is = right ? c.right : c.left, against = right ? c.left : c.right;
      const bool lower = (wants_more(c.op) == to) == right;
      const double needed = beyond(against, lower ? -1 : 1);
      if (auto change =
              moved(node.args[right ? 1 : 0], right ? c.right_text : c.left_text, is, needed, lower, c))
        return change;
    }
    return std::nullopt;
  }

  std::optional<ValueChange> moved(NodeId side, const std::string& text, double is, double needed, bool lower,
                                   const Condition& c) const {
    ValueChange change;
    change.what = fmt::format("{} {} {} (it is {})", text, lower ? "at most" : "at least",
                              shown_value(needed, c.unit), shown_value(is, c.unit));
    change.relative = std::fabs(needed - is) / std::max({std::fabs(is), std::fabs(needed), 1e-9});
    if (const auto found = written_within(a_.graph(), side, is, needed)) {
      change.literal = a_.graph().span(found->literal);
      change.by = written(found->value, conditions_.unit_of(found->literal));
      return change;
    }
    if (const auto parameter = parameter_of(a_, side)) {
      change.path = parameter->first;
      change.by = written(needed, parameter->second);
      return change;
    }
    return std::nullopt;
  }

  const Conditions& conditions_;
  Assembly& a_;
};

Said answer_of(std::string text) { return {"answer", std::move(text), 0}; }

/// Where a condition was further from holding than in any other boundary of its delay.
const Condition& worst(const std::vector<std::pair<Time, Condition>>& seen) {
  const auto rank = [](const Condition& c) { return c.holds == 1 ? 2 : c.holds == 0 ? 0 : 1; };
  size_t found = seen.size() - 1;
  for (size_t i = 0; i < seen.size(); ++i)
    if (rank(seen[i].second) < rank(seen[found].second)) found = i;
  return seen[found].second;
}

/// The worst of both, comparison by comparison: what must hold all the time holds at the worst of times.
void worsen(Condition& c, const Condition& by) {
  if (c.is == Condition::Is::comparison && c.op != Op::equal && c.op != Op::not_equal) {
    const double margin = wants_more(c.op) ? c.left - c.right : c.right - c.left;
    const double other = wants_more(c.op) ? by.left - by.right : by.right - by.left;
    if (other < margin) c.left = by.left, c.right = by.right, c.holds = by.holds;
  }
  for (size_t i = 0; i < c.parts.size() && i < by.parts.size(); ++i) worsen(c.parts[i], by.parts[i]);
}

double truth_of(Condition& c) {
  if (c.parts.empty()) return c.holds;
  double least = 1, most = 0;
  for (auto& part : c.parts) {
    const double holds = truth_of(part);
    least = std::min(least, holds), most = std::max(most, holds);
  }
  if (c.is == Condition::Is::all || c.is == Condition::Is::named) c.holds = least;
  if (c.is == Condition::Is::any) c.holds = most;
  if (c.is == Condition::Is::negation) c.holds = 1 - least;
  return c.holds;
}

}  // namespace

Conditions conditions_of(Assembly& a) {
  Conditions::Parts parts{a.schema(), a.graph(), a.evaluator().plan(), a.units(), a.registry(), a.tables(),
                          a.feeds(),  {}};
  for (const auto& derived : a.wired().derived) {
    if (!derived.config.boolean) continue;
    for (const auto& explained : a.wired().explained)
      if (explained.name == "derived." + derived.config.name)
        parts.definitions[{derived.table, derived.column}] = explained.node;
  }
  for (const auto& event : a.events().all())
    if (event.raises.valid()) parts.definitions[{event.table, event.standing}] = event.raises;
  return Conditions(parts);
}

std::optional<std::vector<ValueChange>> smallest_change(const Condition& condition,
                                                        const Conditions& conditions, Assembly& assembly) {
  return Changer(conditions, assembly).turn(condition, true);
}

WhyNotWatch::WhyNotWatch(Assembly& a)
    : assembly_(&a),
      conditions_(
          {a.schema(), a.graph(), a.evaluator().plan(), a.units(), a.registry(), a.tables(), a.feeds()}) {}

Result<WhyNotWatch> WhyNotWatch::make(Assembly& a, const std::string& name, const std::string& device) {
  WhyNotWatch watch(a);
  std::vector<std::string> names;
  std::optional<size_t> event;
  for (size_t r = 0; r < a.rules().all().size(); ++r) {
    names.push_back(a.rules().all()[r].config.name);
    if (names.back() == name) watch.rule_ = r, event = a.rules().all()[r].event;
  }
  for (size_t e = 0; e < a.events().all().size(); ++e) {
    names.push_back(a.events().all()[e].config.name);
    if (names.back() == name && !event) event = e;
  }
  for (const auto& alarm : a.alarms().all()) {
    names.push_back(alarm.config.event.name);
    if (names.back() == name && !event && alarm.event < a.events().all().size()) event = alarm.event;
  }
  if (!event) return failure(fmt::format("'{}' is no rule, event or alarm", name), did_you_mean(name, names));
  watch.event_ = *event;
  const auto& of = a.events().all()[*event];
  watch.delay_ = of.config.on_delay;
  const size_t rows = a.tables().rows(of.table);
  if (device.empty()) {
    if (rows != 1)
      return failure(fmt::format("'{}' is of each of {} devices", name, rows), "say which: --device ID");
    watch.device_ = {of.table, Row(0)};
    return watch;
  }
  const auto found = a.registry().find(device);
  if (!found) return failure(fmt::format("there is no device '{}'", device));
  if (found->table == of.table) {
    watch.device_ = *found;
    return watch;
  }
  // A target of the rule: its event's device is the one that has it among its targets.
  std::vector<std::string> origins;
  if (watch.rule_) {
    const auto& rule = a.rules().all()[*watch.rule_];
    const auto look = [&](const mml::WiredTarget& target) {
      for (size_t row = 0; target.table == found->table && row < rows; ++row)
        mml::for_each_target(a.registry(), a.tables(), target, static_cast<uint32_t>(row), [&](uint32_t r) {
          if (r != found->row.index()) return;
          watch.target_ = *found;
          watch.device_ = {of.table, Row(row)};
          const std::string id(of.table == a.registry().site() ? "the site" : a.registry().id(watch.device_));
          if (std::find(origins.begin(), origins.end(), id) == origins.end()) origins.push_back(id);
        });
    };
    for (const auto& override : rule.overrides) look(override.target);
    for (const auto& send : rule.actions.sends) look(send.target);
    for (const auto& step : rule.steps)
      for (const auto& send : step.actions.sends) look(send.target);
  }
  if (!watch.target_)
    return failure(fmt::format("'{}' has nothing to do with '{}'", name, device),
                   "name a device of its event, or a target of the rule");
  if (origins.size() > 1)
    return failure(fmt::format("'{}' acts on '{}' for {} devices", name, device, origins.size()),
                   "say for which one: " + joined(origins));
  return watch;
}

void WhyNotWatch::look(Time now) {
  const auto& event = assembly_->events().all()[event_];
  seen_.emplace_back(now, conditions_.read(event.raises, device_, now));
  while (seen_.size() > 1 && seen_.front().first < now - delay_) seen_.erase(seen_.begin());
}

void WhyNotWatch::tell_standing(WhyNot& out) const {
  const auto& event = assembly_->events().all()[event_];
  const Time now = seen_.back().first;
  if (out.stands) {
    out.told.push_back(answer_of("it stands: it rises again only after it has cleared"));
    const auto clear = conditions_.read(event.clears, device_, now);
    add_below(out.told, clear.told(), 1, 2);
    return;
  }
  if (seen_.back().second.holds == 1 && delay_.ns > 0) {
    const auto since =
        std::find_if(seen_.rbegin(), seen_.rend(), [](const auto& s) { return s.second.holds != 1; });
    const Time from = since == seen_.rend() ? seen_.front().first : (since.base())->first;
    out.told.push_back(
        answer_of(fmt::format("it has held since {}, and must for {}", to_string(from), to_string(delay_))));
  }
  if (event.bypass.valid() &&
      assembly_->tables().values<uint8_t>(event.table, event.bypass)[device_.row.index()] == 1)
    out.told.push_back(answer_of("it is bypassed"));
}

/// Of a rule: whether its targets' conditions are met.
void WhyNotWatch::tell_targets(WhyNot& out) const {
  if (!rule_ || !target_) return;
  const auto& rule = assembly_->rules().all()[*rule_];
  for (const auto& explained : assembly_->wired().explained) {
    const bool of_rule =
        explained.name.starts_with("rules." + rule.config.name + ".") && explained.name.ends_with(".where");
    if (!of_rule || explained.table != target_->table) continue;
    const auto where = conditions_.read(explained.node, *target_, seen_.back().first);
    out.told.push_back(answer_of(fmt::format("where, on {}:", assembly_->registry().id(*target_))));
    add_below(out.told, where.told(), 1, 2);
  }
}

WhyNot WhyNotWatch::answer() const {
  const auto& event = assembly_->events().all()[event_];
  WhyNot out{fmt::format("{} {}", event.of_alarm ? "alarm" : "event", event.config.name),
             device_,
             assembly_->events().stands(event_, static_cast<uint32_t>(device_.row.index())),
             {},
             {}};
  if (seen_.empty()) return out;
  add_below(out.told, seen_.back().second.told(), 1, 0);
  tell_standing(out);
  tell_targets(out);
  if (out.stands) return out;
  // What holds all through the delay makes it rise.
  Condition all = worst(seen_);
  for (const auto& [at, condition] : seen_) worsen(all, condition);
  truth_of(all);
  if (auto changes = smallest_change(all, conditions_, *assembly_)) out.changes = std::move(*changes);
  if (!out.changes.empty()) {
    std::vector<std::string> whats;
    for (const auto& change : out.changes) whats.push_back(change.what);
    Said change{"change", "it would have risen with " + joined(whats, " and "), 0};
    for (size_t c = 0; c < out.changes.size(); ++c) {
      const auto& one = out.changes[c];
      const auto& path = !one.path.empty() ? one.path : one.reported;
      change.facts.emplace_back(fmt::format("change_{}", c + 1),
                                path.empty() ? one.what : path + ": " + one.by);
    }
    out.told.push_back(std::move(change));
  }
  return out;
}

}  // namespace looptwin::testbed
