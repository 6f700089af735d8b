#include "testbed/wiring.h"

#include <fmt/format.h>
#include <algorithm>
#include <set>

#include "base/text.h"
#include "testbed/field_at.h"
#include "testbed/notes.h"
#include "testbed/showing.h"
#include "testbed/wiring_conditions.h"
#include "testbed/wiring_expressions.h"
#include "testbed/wiring_ratchets.h"
#include "testbed/wiring_rules.h"

namespace looptwin::testbed {
namespace {

using lang::NodeId;
using lang::Op;

class Wiring : Expressions {
 public:
  Wiring(const Scenario& scenario, const lang::Units& units, lang::Schema& schema, lang::Graph& graph,
         const twin::Registry& registry, bool coverage)
      : Expressions(units, schema, graph, registry), scenario_(scenario), coverage_(coverage) {}

  Result<Wired> wire() {
    add_inputs();
    add_functions();
    add_derived();
    add_machines();
    add_events();
    add_first_outs();
    check_events();
    check_derived();
    check_machines();
    produce_first_outs();
    wire_rules(scenario_, out_.events, *this, rules_);
    for (auto& derived : out_.derived) derived.remembered = is_remembered(derived);
    refuse_ratchets(graph_, producers_, registry_, rules_.claimed, problems_);
    note_rivals(rules_.rules, registry_, problems_);
    check_texts();
    note_refusals(scenario_, problems_);
    note_last_boundary(scenario_, problems_);
    note_periods(scenario_, problems_);
    note_long_windows(graph_, scenario_.duration, problems_);
    note_coarse_conditions(graph_, registry_, scenario_, problems_);
    if (has_errors(problems_)) return tl::make_unexpected(std::move(problems_));
    if (auto planned = plan(); !planned) return tl::make_unexpected(std::move(planned.error()));
    out_.explained = std::move(explained_);
    out_.scopes = std::move(scopes_);
    out_.warnings = std::move(problems_);
    return std::move(out_);
  }

 private:
  // ---- events and alarms

  template <typename Config>
  TableId table_of(const Config& config) {
    if (config.each.empty()) return registry_.site();
    const auto table = registry_.find_model(config.each);
    if (table) return *table;
    std::vector<std::string> names;
    for (const auto& model : registry_.models()) names.push_back(model.config.name);
    error(config.span, fmt::format("'{}' is of each '{}', which is no model", config.name, config.each),
          did_you_mean(config.each, names));
    return registry_.site();
  }

  /// Whether `name` is free among what rules see of the table.
  bool is_free(const std::string& name, TableId table, const Span& span) {
    if (!scopes_.of_table[table.index()].names.contains(name) && name != "id") return true;
    error(span, fmt::format("the name '{}' is taken in '{}'", name, schema_.table(table).name),
          "choose another name for it");
    return false;
  }

  void add_name(const std::string& name, TableId table, ColumnId column) {
    lang::Symbol symbol;
    symbol.type = schema_.column(table, column).type;
    symbol.column = column;
    scopes_.of_table[table.index()].names[name] = symbol;
  }

  /// An input that is one for all is read by its name on every device as well.
  void add_inputs() {
    for (const auto& config : scenario_.inputs) {
      mml::Input input{.config = config, .table = table_of(config)};
      std::vector<TableId> copies;
      bool free = is_free(config.name, input.table, config.span);
      for (size_t m = 0; config.each.empty() && m < registry_.models().size(); ++m) {
        copies.emplace_back(m);
        free = is_free(config.name, copies.back(), config.span) && free;
      }
      if (!free) continue;
      mml::add_columns(schema_, input, copies);
      add_name(config.name, input.table, input.column);
      for (const auto& [table, column] : input.copies) add_name(config.name, table, column);
      out_.inputs.push_back(std::move(input));
    }
  }

  /// Of what is known before anything is evaluated: reported values, inputs, and functions above.
  void add_functions() {
    for (const auto& config : scenario_.functions) {
      mml::WiredFunction function{.config = config, .table = table_of(config), .column = {}, .arguments = {}};
      const auto& names = scopes_.of_table[function.table.index()].names;
      for (const auto& of : config.of) {
        const auto found = names.find(of);
        if (found != names.end() && found->second.is == lang::Symbol::Is::column) {
          function.arguments.push_back(found->second.column);
          continue;
        }
        std::vector<std::string> there;
        for (const auto& [name, symbol] : names)
          if (symbol.is == lang::Symbol::Is::column) there.push_back(name);
        error(config.of_span,
              fmt::format("'{}' has nothing named '{}' that a function could be of", config.each, of),
              did_you_mean(of, there));
      }
      if (!is_free(config.name, function.table, config.span)) continue;
      mml::add_columns(schema_, function);
      add_name(config.name, function.table, function.column);
      out_.functions.push_back(std::move(function));
    }
  }

  void add_derived() {
    for (const auto& config : scenario_.derived) {
      mml::Derived derived{.config = config, .table = table_of(config)};
      for (size_t f = 0; f < scenario_.feeds.size() && !config.publish.empty(); ++f)
        if (scenario_.feeds[f].name == config.publish) derived.feed = static_cast<uint16_t>(f);
      if (!is_free(config.name, derived.table, config.span)) continue;
      mml::add_columns(schema_, derived);
      add_name(config.name, derived.table, derived.column);
      out_.derived.push_back(std::move(derived));
    }
  }

  /// A machine is a derived value whose expression is the machine itself.
  void add_machines() {
    for (const auto& config : scenario_.machines) {
      mml::Derived derived{.table = table_of(config)};
      derived.config = {.name = config.name,
                        .span = config.span,
                        .each = config.each,
                        .words = config.states,
                        .min_good = config.min_good,
                        .every = config.every};
      if (!is_free(config.name, derived.table, config.span)) continue;
      mml::add_columns(schema_, derived);
      add_name(config.name, derived.table, derived.column);
      machines_.push_back({&config, out_.derived.size()});
      out_.derived.push_back(std::move(derived));
    }
  }

  void check_machines() {
    for (const auto& [config, index] : machines_) {
      auto& derived = out_.derived[index];
      lang::Wanted wanted;
      wanted.type = lang::Type::boolean();
      wanted.minimum_good = config->min_good;
      std::vector<NodeId> when;
      for (const auto& transition : config->transitions) {
        const std::string name = fmt::format("machines.{}.transitions.{}.when", config->name, when.size());
        when.push_back(transition.when ? check(name, *transition.when, derived.table, wanted) : NodeId());
        if (transition.when && !when.back().valid()) break;
      }
      if (when.size() != config->transitions.size() || (!when.empty() && has_errors(problems_))) continue;
      const EnumId states = schema_.column(derived.table, derived.column).type.enumeration;
      const NodeId node = lang::machine_node(graph_, *config, states, derived.table, when, ++instances_);
      producers_.push_back({config->name, config->span, derived.table, derived.column, {node}});
      demand(node, derived.table, derived.computed);
    }
  }

  void check_derived() {
    for (auto& derived : out_.derived) {
      const auto& config = derived.config;
      if (!config.words.empty()) continue;
      lang::Wanted wanted;
      wanted.type = schema_.column(derived.table, derived.column).type;
      if (!config.boolean) wanted.bare = config.unit;
      wanted.minimum_good = config.min_good;
      const NodeId node = check("derived." + config.name, config.value, derived.table, wanted);
      if (!node.valid()) continue;
      producers_.push_back({config.name, config.span, derived.table, derived.column, {node}});
      demand(node, derived.table, derived.computed);
    }
  }

  bool is_remembered(const mml::Derived& derived) const {
    for (size_t i = 0; i < graph_.size(); ++i) {
      const lang::Node& node = graph_[NodeId(i)];
      if (node.op != Op::previous) continue;
      const lang::Node& of = graph_[node.args[0]];
      if (of.op == Op::column && of.table == derived.table && of.column == derived.column) return true;
    }
    return false;
  }

  void add_event(const mml::EventConfig& config, bool of_alarm) {
    mml::Event event{.config = config, .table = table_of(config), .of_alarm = of_alarm};
    if (!is_free(config.name, event.table, config.span)) return;
    mml::add_columns(schema_, event);
    add_name(config.name, event.table, event.standing);
    out_.events.push_back(std::move(event));
  }

  void add_events() {
    for (const auto& config : scenario_.events) add_event(config, false);
    for (const auto& config : scenario_.alarms) add_alarm(config);
    for (auto& alarm : out_.alarms) {
      if (!alarm.config.flood) continue;
      for (const auto& member : alarm.config.flood->of)
        for (size_t a = 0; a < out_.alarms.size(); ++a)
          if (out_.alarms[a].config.event.name == member) alarm.members.push_back(a);
    }
  }

  /// Groups by name, in the order of their first members.
  void add_first_outs() {
    auto& groups = out_.first_outs;
    for (size_t e = 0; e < out_.events.size(); ++e) {
      auto& event = out_.events[e];
      const auto& name = event.config.first_out;
      if (name.empty()) continue;
      event.first_out = 0;
      while (event.first_out < groups.size() && groups[event.first_out].name != name) ++event.first_out;
      if (event.first_out == groups.size())
        groups.push_back({name, event.config.span, event.table, {}, {}, {}});
      groups[event.first_out].members.push_back(e);
    }
    for (auto& group : groups) {
      if (!is_free(group.name, group.table, group.span)) continue;
      mml::add_columns(schema_, group, out_.events);
      add_name(group.name, group.table, group.column);
      for (auto& alarm : out_.alarms) mml::join(schema_, alarm, group);
    }
  }

  void produce_first_outs() {
    for (const auto& group : out_.first_outs) {
      std::vector<NodeId> needs;
      for (const size_t member : group.members) {
        const auto& event = out_.events[member];
        needs.push_back(graph_.add(
            {.op = Op::column, .type = lang::Type::boolean(), .table = event.table, .column = event.standing},
            event.config.span));
      }
      producers_.push_back({group.name, group.span, group.table, group.column, std::move(needs), true});
    }
  }

  void add_alarm(const mml::AlarmConfig& config) {
    mml::Alarm alarm{.config = config, .table = registry_.site()};
    if (config.flood) {
      // No event: its members raise it.
    } else if (config.of.empty()) {
      const size_t before = out_.events.size();
      add_event(config.event, true);
      if (out_.events.size() == before) return;
      alarm.event = before;
    } else {
      const auto event = std::find_if(out_.events.begin(), out_.events.end(),
                                      [&](const auto& e) { return e.config.name == config.of; });
      if (event == out_.events.end())
        return error(config.event.span,
                     fmt::format("alarm '{}' is about the unknown event '{}'", config.event.name, config.of));
      alarm.event = static_cast<size_t>(event - out_.events.begin());
    }
    if (alarm.event != mml::kNoEvent) alarm.table = out_.events[alarm.event].table;
    if (config.suppressed_while) add_suppression(alarm);
    mml::add_columns(schema_, alarm);
    out_.alarms.push_back(std::move(alarm));
  }

  /// An event of its own, whose name nobody can write.
  void add_suppression(mml::Alarm& alarm) {
    mml::EventConfig config;
    config.name = alarm.config.event.name + ".suppressed_while";
    config.span = alarm.config.event.span;
    config.each = alarm.event == mml::kNoEvent ? std::string() : out_.events[alarm.event].config.each;
    config.raise = *alarm.config.suppressed_while;
    config.unknown = mml::OnUnknown::clear;
    config.min_good = min_good_of(alarm);
    mml::Event event{.config = config, .table = alarm.table, .of_alarm = true};
    mml::add_columns(schema_, event);
    alarm.suppression = out_.events.size();
    out_.events.push_back(std::move(event));
  }

  double min_good_of(const mml::Alarm& alarm) const {
    return alarm.event == mml::kNoEvent ? alarm.config.event.min_good
                                        : out_.events[alarm.event].config.min_good;
  }

  /// The operator's texts, with the values that stand in them.
  void check_texts() {
    for (auto& alarm : out_.alarms) {
      const auto& config = alarm.config;
      const double minimum_good = min_good_of(alarm);
      const auto wire_text = [&](const char* key, const mml::Prose& prose, mml::Text& text) {
        const auto pieces = split_prose(prose, problems_);
        text.resize(pieces.size());
        for (size_t i = 0; i < pieces.size(); ++i) {
          text[i].text = pieces[i].text;
          if (!pieces[i].value) continue;
          const std::string name = fmt::format("alarms.{}.{}", config.event.name, key);
          show(name, *pieces[i].value, alarm.table, minimum_good, text[i].value.emplace());
        }
      };
      wire_text("cause", config.cause, alarm.cause);
      wire_text("consequence", config.consequence, alarm.consequence);
      wire_text("action", config.action, alarm.action);
    }
  }

  /// `x > limit` with a deadband clears at `x <= limit - deadband`: on the return only (OPC UA Part 9).
  NodeId returned(NodeId raise, const mml::EventConfig& config) {
    const lang::Node node = graph_[raise];
    const bool rising = node.op == Op::greater || node.op == Op::greater_equal;
    const bool falling = node.op == Op::less || node.op == Op::less_equal;
    if (!rising && !falling) {
      const bool of_sides = node.op == Op::equal || node.op == Op::not_equal;
      error(*config.deadband,
            fmt::format("a deadband needs `raise` of '{}' to be one comparison{}", config.name,
                        of_sides ? " with a limit: == and != have no side to return to" : ""),
            "write `raise: x > limit`, or give the return in `clear:` yourself");
      return raise;
    }
    lang::Type difference = graph_[node.args[0]].type;
    difference.point = false;
    lang::Wanted wanted;
    wanted.type = difference;
    const NodeId band = checker_.check(*config.deadband, scopes_, TableId(), wanted);
    if (!band.valid()) return raise;
    if (graph_[band].op == Op::constant && graph_[band].number[0] < 0)
      error(*config.deadband,
            fmt::format("the deadband of '{}' is negative: it would clear while it still rises", config.name),
            "write how far beyond the limit the value returns, as a value above 0");
    lang::Node limit{.op = rising ? Op::subtract : Op::add,
                     .type = graph_[node.args[1]].type,
                     .table = graph_[node.args[1]].table,
                     .args = {node.args[1], band}};
    if (graph_[node.args[1]].op == Op::constant && graph_[band].op == Op::constant)
      limit = {.op = Op::constant,
               .type = limit.type,
               .number = {
                   as_written(graph_, schema_, node.args[0],
                              graph_[node.args[1]].number[0] + (rising ? -1 : 1) * graph_[band].number[0])}};
    const NodeId shifted = graph_.add(std::move(limit), *config.deadband);
    const Op back = node.op == Op::greater         ? Op::less_equal
                    : node.op == Op::greater_equal ? Op::less
                    : node.op == Op::less          ? Op::greater_equal
                                                   : Op::greater;
    return graph_.add({.op = back, .type = node.type, .table = node.table, .args = {node.args[0], shifted}},
                      *config.deadband);
  }

  void check_events() {
    for (auto& event : out_.events) {
      const auto& config = event.config;
      const std::string name = (event.of_alarm ? "alarms." : "events.") + config.name;
      lang::Wanted wanted;
      wanted.type = lang::Type::boolean();
      wanted.minimum_good = config.min_good;
      const NodeId raise = check(name + ".raise", config.raise, event.table, wanted);
      if (!raise.valid()) continue;
      NodeId clear;
      if (config.clear && config.deadband) {
        error(*config.deadband, fmt::format("'{}' has both a deadband and `clear:`", config.name),
              "keep the one that you mean");
      } else if (config.clear) {
        clear = check(name + ".clear", *config.clear, event.table, wanted);
      } else if (config.deadband) {
        clear = returned(raise, config);
      } else {
        clear = graph_.add({.op = Op::logical_not,
                            .type = lang::Type::boolean(),
                            .table = graph_[raise].table,
                            .args = {raise}},
                           config.raise);
      }
      if (!clear.valid()) continue;
      event.raises = raise;
      event.clears = clear;
      demand(raise, event.table, event.raise);
      if (const NodeId compared = first_compared(graph_, raise); compared.valid())
        demand(compared, event.table, event.evidence);
      demand(clear, event.table, event.clear);
      std::vector<NodeId> needs{raise, clear};
      if (config.reset) {
        const NodeId reset = demand_condition(name + ".reset", *config.reset, event, event.reset, needs);
        if (reset.valid() && graph_[reset].op == Op::constant)
          error(*config.reset, fmt::format("what resets '{}' never changes", config.name),
                "write a condition that comes and goes, as an operator's button");
      }
      if (config.bypassed_while)
        demand_condition(name + ".bypassed_while", *config.bypassed_while, event, event.bypass, needs);
      producers_.push_back({config.name, config.span, event.table, event.standing, std::move(needs)});
    }
  }

  /// Another condition that an event follows.
  NodeId demand_condition(const std::string& name, const Span& text, const mml::Event& event, ColumnId& slot,
                          std::vector<NodeId>& needs) {
    lang::Wanted wanted;
    wanted.type = lang::Type::boolean();
    wanted.minimum_good = event.config.min_good;
    const NodeId node = check(name, text, event.table, wanted);
    if (!node.valid()) return node;
    needs.push_back(node);
    demand(node, event.table, slot);
    return node;
  }

  // ---- the plan

  const lang::Producer* producer_of(TableId table, ColumnId column) const {
    const auto found = std::find_if(producers_.begin(), producers_.end(), [&](const lang::Producer& p) {
      return p.table == table && p.column == column;
    });
    return found == producers_.end() ? nullptr : &*found;
  }

  /// The first aggregate over a set of the node's own table, also behind the names of derived values.
  NodeId first_aggregate(NodeId id, std::set<NodeId>& seen) const {
    const lang::Node& node = graph_[id];
    if (!seen.insert(id).second || lang::is_window(node.op) || lang::is_warm(node.op)) return {};
    if (lang::is_set(node.op)) return node.op == Op::set_size ? NodeId() : id;
    if (const auto* behind = node.op == Op::column ? producer_of(node.table, node.column) : nullptr)
      return behind->needs.empty() ? NodeId() : first_aggregate(behind->needs.front(), seen);
    if (node.op == Op::related || node.op == Op::previous) return {};
    for (const NodeId arg : node.args)
      if (const NodeId found = first_aggregate(arg, seen); found.valid()) return found;
    return {};
  }

  /// Where the members stand that decide about an event.
  std::optional<mml::Event::Set> set_of(const mml::Event& event) const {
    const auto* producer = producer_of(event.table, event.standing);
    std::set<NodeId> seen;
    const NodeId wanted = producer ? first_aggregate(producer->needs.front(), seen) : NodeId();
    for (const auto& stratum : out_.plan.strata)
      for (const auto& set : stratum.sets)
        if (wanted.valid() && set.node == wanted && set.owner == event.table)
          return mml::Event::Set{set.relation, set.member, set.from};
    return std::nullopt;
  }

  void demand_covered() {
    auto conditions = covered_conditions(graph_, explained_);
    out_.covered.reserve(conditions.size());  // each keeps its slot
    for (auto& [covered, node] : conditions) {
      auto& kept = out_.covered.emplace_back(std::move(covered));
      demand(node, kept.table, kept.column);
    }
  }

  Result<void> plan() {
    if (coverage_) demand_covered();
    const auto sampled = [&](TableId table, ColumnId column) {
      return field_at(registry_, table, column).has_value();
    };
    auto planned = lang::build_plan(schema_, graph_, demands_, producers_, sampled,
                                    std::bind_front(is_constant, std::cref(registry_)));
    if (!planned) return tl::make_unexpected(std::move(planned.error()));
    out_.plan = std::move(*planned);
    for (size_t d = 0; d < slots_.size(); ++d) *slots_[d] = out_.plan.demands[d].column;
    for (const auto& w : out_.plan.sampled)
      out_.windows.push_back({w.table, *field_at(registry_, w.table, w.from), w.op, w.span, w.out});
    for (auto& event : out_.events) event.over = set_of(event);
    for (auto& rule : rules_.rules) out_.rules.push_back(std::move(*rule));
    for (auto& v : rules_.verifications) out_.verifications.push_back(std::move(*v));
    return {};
  }

  const Scenario& scenario_;
  const bool coverage_;
  Wired out_;
  std::vector<std::pair<const mml::MachineConfig*, size_t>> machines_;  ///< and their places in derived
  std::vector<lang::Producer> producers_;
  WiredRules rules_;
};

}  // namespace

Result<Wired> wire(const Scenario& scenario, const lang::Units& units, lang::Schema& schema,
                   lang::Graph& graph, const twin::Registry& registry, bool coverage) {
  return Wiring(scenario, units, schema, graph, registry, coverage).wire();
}

}  // namespace looptwin::testbed
