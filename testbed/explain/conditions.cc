#include "testbed/explain/conditions.h"

#include <fmt/format.h>
#include <algorithm>
#include <cmath>
#include <limits>

#include "base/maths.h"
#include "lang/comparisons.h"
#include "lang/fold.h"
#include "lang/readable.h"
#include "testbed/one_line.h"

namespace looptwin::testbed {
namespace {

using lang::NodeId;
using lang::Op;

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

const char* words_of(Op op) {
  switch (op) {
    case Op::less:
      return "below";
    case Op::less_equal:
      return "at or below";
    case Op::greater:
      return "above";
    case Op::greater_equal:
      return "at or above";
    case Op::equal:
      return "equal to";
    default:
      return "other than";
  }
}

}  // namespace

std::string shown_value(double si, const lang::Unit& unit) {
  if (unit.type.kind == lang::Kind::boolean) return si == 1 ? "true" : si == 0 ? "false" : "unknown";
  if (std::isnan(si)) return "unknown";
  const double value = unit.text.empty() ? si : unit.from_si(si);
  return fmt::format("{:.6g}{}", std::fabs(value) < 1e-9 ? 0.0 : value, lang::behind_number(unit));
}

double Condition::distance() const {
  if (is != Is::comparison) return kUnknown;
  return std::fabs(left - right);
}

std::string Condition::said() const {
  static constexpr const char* kSigns[] = {"<", "<=", ">", ">=", "==", "!="};
  const char* is_it = holds == 1 ? "holds" : holds == 0 ? "does not hold" : "is unknown";
  if (is != Is::comparison) return fmt::format("{}: {}", text, is_it);
  // What a deadband clears by was written nowhere as a whole.
  const auto compared = fmt::format(
      "{} {} {}", left_text, kSigns[static_cast<size_t>(op) - static_cast<size_t>(Op::less)], right_text);
  const auto a = shown_value(left, unit), b = shown_value(right, unit);
  if (holds != 0 && holds != 1) return fmt::format("{}: unknown ({} against {})", compared, a, b);
  if (std::isnan(distance()) && unit.type.kind == lang::Kind::number)
    return fmt::format("{}: {} (what it was then is not kept)", compared, is_it);
  lang::Unit difference = lang::difference_unit(unit);
  const auto by = op == Op::equal || op == Op::not_equal || unit.type.kind != lang::Kind::number
                      ? std::string()
                      : ", by " + shown_value(distance(), difference);
  return fmt::format("{}: {} is {}{} {}{}", compared, a, holds == 1 ? "" : "not ", words_of(op), b, by);
}

namespace {

double shown(double si, const lang::Unit& unit) { return unit.text.empty() ? si : lang::readable(si, unit); }

void tell(const Condition& condition, size_t depth, Explanation& to) {
  const char* mark = condition.holds == 1 ? "yes" : condition.holds == 0 ? "no " : "?  ";
  std::string said = condition.said();
  if (condition.is == Condition::Is::all) said = "all of:";
  if (condition.is == Condition::Is::any) said = "any of:";
  Said one{"condition", fmt::format("{}  {}{}", mark, std::string(2 * depth, ' '), said), depth};
  const bool known = condition.holds == 0 || condition.holds == 1;
  one.facts.emplace_back("holds", known ? Said::Value(condition.holds == 1) : Said::Value(kUnknown));
  one.facts.emplace_back("expression", condition.text);
  if (condition.is == Condition::Is::comparison && condition.unit.type.kind == lang::Kind::number) {
    one.facts.emplace_back("left", shown(condition.left, condition.unit));
    one.facts.emplace_back("right", shown(condition.right, condition.unit));
    one.facts.emplace_back("unit", condition.unit.text);
    one.facts.emplace_back("by", shown(condition.distance(), lang::difference_unit(condition.unit)));
  }
  to.push_back(std::move(one));
  for (const auto& part : condition.parts) tell(part, depth + 1, to);
}

}  // namespace

Explanation Condition::told() const {
  Explanation told;
  tell(*this, 0, told);
  return told;
}

std::vector<std::string> Condition::lines() const { return lines_of(told()); }

Conditions::Conditions(const Parts& parts) : p_(parts) {
  for (const auto& stratum : p_.plan.strata) {
    for (const auto& set : stratum.sets) columns_[{set.node, set.owner}] = set.out;
    for (const auto& window : stratum.windows) columns_[{window.node, window.table}] = window.out;
    for (const auto& warm : stratum.warm) columns_[{warm.node, warm.table}] = warm.out;
  }
  for (const auto& window : p_.plan.sampled) columns_[{window.node, window.table}] = window.out;
  for (const auto& demand : p_.plan.demands)
    if (demand.column.valid()) columns_.try_emplace({demand.node, demand.table}, demand.column);
}

std::optional<double> Conditions::stored(NodeId node, twin::DeviceRef device) const {
  const auto found = columns_.find({node, device.table});
  if (found == columns_.end()) return std::nullopt;
  return twin::load(p_.tables.column(device.table, found->second),
                    p_.schema.column(device.table, found->second).storage, device.row.index());
}

double Conditions::value(NodeId id, twin::DeviceRef device, Time now) const {
  const lang::Node& node = p_.graph[id];
  const bool condition = node.type.kind == lang::Kind::boolean;
  const double unknown = condition ? 0.5 : kUnknown;
  if (const auto found = stored(id, device)) return *found;
  switch (node.op) {
    case Op::constant:
      return node.number[0];
    case Op::column:
      return twin::load(p_.tables.column(device.table, node.column),
                        p_.schema.column(device.table, node.column).storage, device.row.index());
    case Op::feed:
      return p_.feeds.value(node.feed, now);
    case Op::now:
      return now.seconds();
    case Op::civil_time:
    case Op::civil_weekday:
    case Op::civil_day_of_year:
      return p_.feeds.civil(node.op, now);
    case Op::forecast:
      return p_.feeds.forecast(node.op, node.feed, now, node.number[0], node.number[0]);
    case Op::forecast_maximum:
    case Op::forecast_minimum:
    case Op::forecast_mean:
      return p_.feeds.forecast(node.op, node.feed, now, node.number[0], node.number[1]);
    case Op::related: {
      const auto& relation = p_.schema.table(device.table).relations[node.relation.index()];
      const auto row = p_.tables.values<uint32_t>(device.table, relation.rows)[device.row.index()];
      return row == std::numeric_limits<uint32_t>::max() ? unknown
                                                         : value(node.args[0], {relation.to, Row(row)}, now);
    }
    case Op::previous: {
      const lang::Node& of = p_.graph[node.args[0]];
      for (const auto& remembered : p_.plan.remembered)
        if (of.op == Op::column && remembered.table == device.table && remembered.now == of.column)
          return twin::load(p_.tables.column(device.table, remembered.before),
                            p_.schema.column(device.table, remembered.before).storage, device.row.index());
      return unknown;
    }
    case Op::age: {
      const auto sampled = p_.tables.values<int64_t>(device.table, node.column)[device.row.index()];
      return (now - (sampled == kNever.ns ? kStart : Time{sampled})).seconds();
    }
    default:
      break;
  }
  std::vector<double> arguments;
  for (const NodeId argument : node.args) arguments.push_back(value(argument, device, now));
  const bool of_conditions = !node.args.empty() && p_.graph[node.args[0]].type.kind == lang::Kind::boolean;
  return lang::fold(node, arguments, of_conditions).value_or(unknown);
}

lang::Unit Conditions::unit_of(NodeId id) const {
  const lang::Node& node = p_.graph[id];
  lang::Unit none;
  none.type = node.type;
  if (node.type.kind != lang::Kind::number) return none;
  if (node.op == Op::column && node.table.valid()) return p_.schema.column(node.table, node.column).unit;
  if (node.op == Op::feed || (node.op >= Op::forecast && node.op <= Op::forecast_mean))
    return p_.schema.feeds[node.feed.index()].unit;
  if (node.op == Op::constant) {
    const auto read =
        p_.graph.span(id).source ? p_.units.quantity(p_.graph.span(id)) : Result<lang::Quantity>();
    return read && read->value == node.number[0] ? read->unit : none;
  }
  if (node.op == Op::age || node.op == Op::time_true) {
    none.text = "s";
    return none;
  }
  for (const NodeId argument : node.args) {
    if (p_.graph[argument].type.dimension != node.type.dimension ||
        p_.graph[argument].type.kind != lang::Kind::number)
      continue;
    auto unit = unit_of(argument);
    if (unit.text.empty()) continue;
    return unit.type.point && !node.type.point ? lang::difference_unit(unit) : unit;
  }
  if (!node.type.dimension.none()) none.text = lang::unit_text(node.type.dimension);
  return none;
}

std::string Conditions::text_of(NodeId id) const {
  const lang::Node& node = p_.graph[id];
  // All conditions of constants alone are one of two nodes, whatever was written.
  if (node.op == Op::constant && node.type.kind == lang::Kind::boolean && node.number[0] != 0.5)
    return node.number[0] == 1 ? "true" : "false";
  const Span& span = p_.graph.span(id);
  if (!span.source) return lang::name_of(node.op);
  return in_one_line(span);
}

Condition Conditions::read(NodeId id, twin::DeviceRef device, Time now) const {
  const lang::Node& node = p_.graph[id];
  Condition condition{.node = id, .device = device, .text = text_of(id), .holds = value(id, device, now)};
  if (is_comparison(node.op)) {
    condition.is = Condition::Is::comparison;
    condition.op = node.op;
    condition.left = value(node.args[0], device, now);
    condition.right = value(node.args[1], device, now);
    condition.left_text = text_of(node.args[0]);
    condition.right_text = text_of(node.args[1]);
    condition.unit = unit_of(node.args[0]);
    if (condition.unit.text.empty()) condition.unit = unit_of(node.args[1]);
    return condition;
  }
  switch (node.op) {
    case Op::logical_and:
    case Op::logical_or:
      condition.is = node.op == Op::logical_and ? Condition::Is::all : Condition::Is::any;
      for (const NodeId argument : node.args) {
        auto part = read(argument, device, now);
        // a && b && c are three of one kind, however they were grouped.
        if (part.is == condition.is)
          std::move(part.parts.begin(), part.parts.end(), std::back_inserter(condition.parts));
        else
          condition.parts.push_back(std::move(part));
      }
      break;
    case Op::logical_not:
      condition.is = Condition::Is::negation;
      condition.parts.push_back(read(node.args[0], device, now));
      break;
    case Op::held:
      condition.is = Condition::Is::held;
      condition.parts.push_back(read(node.args[0], device, now));
      break;
    case Op::column:
      if (const auto behind = p_.definitions.find({device.table, node.column});
          behind != p_.definitions.end()) {
        condition.is = Condition::Is::named;
        condition.parts.push_back(read(behind->second, device, now));
      }
      break;
    case Op::related: {
      const auto& relation = p_.schema.table(device.table).relations[node.relation.index()];
      const auto row = p_.tables.values<uint32_t>(device.table, relation.rows)[device.row.index()];
      if (row == std::numeric_limits<uint32_t>::max()) break;
      auto part = read(node.args[0], {relation.to, Row(row)}, now);
      part.text = condition.text;
      return part;
    }
    default:
      break;
  }
  return condition;
}

}  // namespace looptwin::testbed
