#include "testbed/wiring_rules.h"

#include <fmt/format.h>
#include <algorithm>
#include <set>

#include "base/text.h"
#include "lang/readable.h"

namespace looptwin::testbed {
namespace {

using lang::NodeId;

class RuleWiring {
 public:
  RuleWiring(const Scenario& scenario, const std::vector<mml::Event>& events, Expressions& expressions,
             WiredRules& out)
      : scenario_(scenario),
        events_(events),
        expressions_(expressions),
        schema_(expressions.schema()),
        registry_(expressions.registry()),
        out_(out) {}

  void add_rule(const mml::RuleConfig& config) {
    auto rule = std::make_unique<mml::Rule>();
    rule->config = config;
    const auto event = std::find_if(events_.begin(), events_.end(),
                                    [&](const auto& e) { return e.config.name == config.event; });
    if (event == events_.end()) {
      std::vector<std::string> names;
      for (const auto& e : events_) names.push_back(e.config.name);
      return expressions_.error(
          config.event_span,
          fmt::format("rule '{}' waits for the unknown event '{}'", config.name, config.event),
          did_you_mean(config.event, names));
    }
    rule->event = static_cast<size_t>(event - events_.begin());
    minimum_good_ = event->config.min_good;
    const TableId from = event->table;
    const std::string name = "rules." + config.name;
    rule->overrides.reserve(count_overrides(config));
    add_actions(*rule, config, rule->actions, from, name);
    rule->steps.resize(config.steps.size());
    for (size_t s = 0; s < config.steps.size(); ++s)
      add_step(*rule, config.steps[s], rule->steps[s], from, fmt::format("{}.steps.{}", name, s));
    out_.rules.push_back(std::move(rule));
  }

 private:
  /// An expression of the rule that is added, with the min_good of its event.
  NodeId check(const std::string& name, const Span& text, TableId table, lang::Wanted wanted) {
    wanted.minimum_good = minimum_good_;
    return expressions_.check(name, text, table, wanted);
  }
  NodeId check_condition(const std::string& name, const Span& text, TableId table) {
    lang::Wanted wanted;
    wanted.type = lang::Type::boolean();
    return check(name, text, table, wanted);
  }

  static size_t count_overrides(const mml::RuleConfig& config) {
    size_t n = config.overrides.size();
    for (const auto& step : config.steps)
      n += step.actions.overrides.size() + (step.otherwise ? step.otherwise->overrides.size() : 0);
    return n;
  }

  void add_actions(mml::Rule& rule, const mml::ActionsConfig& config, mml::WiredActions& wired, TableId from,
                   const std::string& name) {
    for (const auto& o : config.overrides) add_override(rule, o, wired, from, name);
    wired.sends.reserve(config.sends.size());
    for (const auto& s : config.sends) add_send(s, wired, from, name);
    wired.publishes.reserve(config.publishes.size());
    for (const auto& p : config.publishes) add_publish(p, wired, from, name);
  }

  void add_step(mml::Rule& rule, const mml::StepConfig& config, mml::WiredStep& wired, TableId from,
                const std::string& name) {
    add_actions(rule, config.actions, wired.actions, from, name + ".do");
    if (config.until) {
      const NodeId node = check_condition(name + ".until", *config.until, from);
      expressions_.demand(node, from, wired.until.emplace());
    }
    wired.within = config.within;
    if (!config.otherwise) return;
    wired.stop = config.otherwise->stop;
    add_actions(rule, *config.otherwise, wired.otherwise, from, name + ".else");
  }

  std::optional<mml::WiredTarget> target(const std::string& name, const Span& span, TableId from) {
    if (name == "self" || name.empty()) return mml::WiredTarget{from, from, {}, {}, {}};
    const auto& relations = schema_.table(from).relations;
    const auto found =
        std::find_if(relations.begin(), relations.end(), [&](const auto& r) { return r.name == name; });
    if (found == relations.end()) {
      std::vector<std::string> names = {"self"};
      for (const auto& r : relations) names.push_back(r.name);
      expressions_.error(span, fmt::format("'{}' has no relation '{}'", schema_.table(from).name, name),
                         fmt::format("write one of: {}", joined(names)));
      return std::nullopt;
    }
    mml::WiredTarget target{
        from, found->to, RelationId(static_cast<size_t>(found - relations.begin())), {}, {}};
    if (!found->many) target.one = found->rows;
    return target;
  }

  void where(mml::WiredTarget& target, const std::optional<Span>& text, const std::string& name) {
    if (!text) return;
    const NodeId node = check_condition(name + ".where", *text, target.table);
    target.where.emplace();
    expressions_.demand(node, target.table, *target.where);
  }

  /// The fields whose samples must be newer than the acknowledgement for `node` to say anything about its
  /// effect.
  void collect_sampled(NodeId id, TableId table, std::set<ColumnId>& sampled) {
    const lang::Node& node = expressions_.graph()[id];
    if (node.op == lang::Op::column && node.table == table && table.index() < registry_.models().size())
      for (const auto& field : registry_.model(table).fields)
        if (field.value == node.column) sampled.insert(field.sampled);
    for (const NodeId arg : node.args) collect_sampled(arg, table, sampled);
  }

  int32_t verification(const std::optional<mml::VerifyConfig>& config, TableId table,
                       const std::string& name) {
    if (!config) return -1;
    const NodeId node = check_condition(name + ".verify.that", config->that, table);
    if (!node.valid()) return -1;
    std::set<ColumnId> sampled;
    collect_sampled(node, table, sampled);
    out_.verifications.push_back(std::make_unique<mml::Verification>(
        mml::Verification{{}, {sampled.begin(), sampled.end()}, config->within}));
    expressions_.demand(node, table, out_.verifications.back()->that);
    return static_cast<int32_t>(out_.verifications.size()) - 1;
  }

  void add_override(mml::Rule& rule, const mml::OverrideConfig& config, mml::WiredActions& actions,
                    TableId from, const std::string& name) {
    auto found = target(config.target, config.span, from);
    if (!found) return;
    if (found->one)
      return expressions_.error(
          config.span,
          fmt::format("the one '{}' may be that of many devices of '{}': whose claim on it holds is not said",
                      config.target, schema_.table(from).name),
          fmt::format("write an event on each '{0}', and a rule that overrides self",
                      schema_.table(found->table).name));
    if (found->table == registry_.site())
      return expressions_.error(config.span, "the site has no setpoints",
                                "name a set of devices as `target:`");
    actions.overrides.push_back(static_cast<uint16_t>(rule.overrides.size()));
    auto& wired = rule.overrides.emplace_back();
    wired.config = config;
    wired.target = *found;
    where(wired.target, config.where, name + ".override");
    wired.verification = verification(config.verify, found->table, name + ".override");
    const auto& model = registry_.model(found->table);
    wired.set.reserve(config.set.size());
    for (const auto& set : config.set) {
      const auto& setpoints = model.config.setpoints;
      const auto setpoint = std::find_if(setpoints.begin(), setpoints.end(),
                                         [&](const auto& s) { return s.name == set.setpoint; });
      if (setpoint == setpoints.end()) {
        std::vector<std::string> names;
        for (const auto& s : setpoints) names.push_back(s.name);
        expressions_.error(set.name_span,
                           fmt::format("'{}' has no setpoint '{}'", model.config.name, set.setpoint),
                           did_you_mean(set.setpoint, names));
        continue;
      }
      auto& item = wired.set.emplace_back();
      item.setpoint = static_cast<uint16_t>(setpoint - setpoints.begin());
      const lang::Type type = schema_.column(found->table, model.setpoints[item.setpoint].desired).type;
      lang::Wanted wanted;
      wanted.type = type;
      wanted.bare = setpoint->unit;
      const NodeId value = check(name + ".set." + set.setpoint, set.value, found->table, wanted);
      check_range(*setpoint, set, value);
      mml::add_columns(schema_, config_name(rule, wired), found->table, type, item);
      expressions_.demand(value, found->table, item.value);
      out_.claimed.push_back({set.value, found->table, item.setpoint, value});
    }
  }

  /// A value that devices would refuse, whenever it is asked.
  void check_range(const twin::SetpointConfig& setpoint, const mml::OverrideConfig::Set& set, NodeId value) {
    if (!value.valid() || !setpoint.range) return;
    const lang::Node& node = expressions_.graph()[value];
    if (node.op != lang::Op::constant) return;
    const auto& [low, high] = *setpoint.range;
    if (low <= node.number[0] && node.number[0] <= high) return;
    expressions_.error(
        set.value, fmt::format("'{}' is set to a value outside its range: devices refuse it", set.setpoint),
        fmt::format("write {:.6g} to {:.6g}{}, or widen the range of '{}'", setpoint.unit.from_si(low),
                    setpoint.unit.from_si(high), lang::behind_number(setpoint.unit), set.setpoint));
  }

  static std::string config_name(const mml::Rule& rule, const mml::WiredOverride& wired) {
    return fmt::format("{}.{}", rule.config.name, &wired - rule.overrides.data());
  }

  void add_send(const mml::SendConfig& config, mml::WiredActions& actions, TableId from,
                const std::string& name) {
    auto found = target(config.target, config.span, from);
    if (!found) return;
    if (found->table == registry_.site())
      return expressions_.error(config.span, "the site takes no commands",
                                "name a set of devices as `target:`");
    const auto& commands = registry_.model(found->table).config.commands;
    const auto command = std::find_if(commands.begin(), commands.end(),
                                      [&](const auto& c) { return c.name == config.command; });
    if (command == commands.end()) {
      std::vector<std::string> names;
      for (const auto& c : commands) names.push_back(c.name);
      return expressions_.error(
          config.span,
          fmt::format("'{}' has no command '{}'", schema_.table(found->table).name, config.command),
          did_you_mean(config.command, names));
    }
    auto& wired = actions.sends.emplace_back();
    wired.target = *found;
    wired.command = static_cast<uint16_t>(command - commands.begin());
    where(wired.target, config.where, name + ".command");
    wired.verification = verification(config.verify, found->table, name + ".command");
  }

  void add_publish(const mml::PublishConfig& config, mml::WiredActions& actions, TableId from,
                   const std::string& name) {
    const auto feed = std::find_if(scenario_.feeds.begin(), scenario_.feeds.end(),
                                   [&](const auto& f) { return f.name == config.feed; });
    if (feed == scenario_.feeds.end() || feed->inbound)
      return expressions_.error(config.span,
                                fmt::format("'{}' is no feed that one can publish to", config.feed),
                                "declare it under feeds:, with `direction: out`");
    auto& wired = actions.publishes.emplace_back();
    wired.feed = static_cast<uint16_t>(feed - scenario_.feeds.begin());
    wired.items.resize(config.body.size());
    for (size_t i = 0; i < config.body.size(); ++i) {
      const auto& [key, value] = config.body[i];
      wired.items[i].key = key;
      expressions_.show(name + ".publish." + key, value, from, minimum_good_, wired.items[i].value);
    }
  }

  const Scenario& scenario_;
  const std::vector<mml::Event>& events_;
  Expressions& expressions_;
  lang::Schema& schema_;
  const twin::Registry& registry_;
  WiredRules& out_;
  double minimum_good_ = 1;  ///< of the event of the rule that is added
};

}  // namespace

void wire_rules(const Scenario& scenario, const std::vector<mml::Event>& events, Expressions& expressions,
                WiredRules& out) {
  RuleWiring wiring(scenario, events, expressions, out);
  for (const auto& config : scenario.rules) wiring.add_rule(config);
}

}  // namespace looptwin::testbed
