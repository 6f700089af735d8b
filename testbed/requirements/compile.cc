// Checks requirements: names, types, units, windows; and plans what is computed for them.
#include <fmt/format.h>
#include <algorithm>
#include <set>

#include "base/check.h"
#include "base/text.h"
#include "lang/checker.h"
#include "lang/comparisons.h"
#include "testbed/field_at.h"
#include "testbed/one_line.h"
#include "testbed/requirements/compiled.h"
#include "testbed/requirements/formula_builder.h"
#include "testbed/requirements/pulses.h"

namespace looptwin::testbed {
namespace {

using lang::Ast;
using lang::NodeId;
using lang::Op;

constexpr uint32_t kFirstInstance =
    2'000'000;  // apart from the numbers that rules, plants and controllers use

class RequirementCompiler {
 public:
  RequirementCompiler(const Scenario& scenario, const lang::Units& units, lang::Schema& schema,
                      lang::Graph& graph, const twin::Registry& registry, const Wired& wired,
                      const sim::Fleet* fleet)
      : scenario_(scenario),
        units_(units),
        schema_(schema),
        graph_(graph),
        registry_(registry),
        wired_(wired),
        scopes_(wired.scopes),
        checker_(units, schema, graph, problems_) {
    scopes_.truth_allowed = true;
    for (size_t m = 0; m < registry.models().size(); ++m) {
      const auto& model = registry.models()[m];
      for (const ColumnId parameter : model.parameters) parameters_.insert({TableId(m), parameter});
      if (fleet != nullptr) add_truth(*fleet, model);
    }
  }

  Result<CompiledRequirements> run() {
    for (const auto& table : schema_.tables) out_.first_column.push_back(table.columns.size());
    out_.requirements.reserve(scenario_.requirements.size());
    for (const auto& config : scenario_.requirements) add(config);
    if (has_errors(problems_)) return tl::make_unexpected(std::move(problems_));
    for (size_t g = 0; g < out_.groups.size(); ++g) plan(g);
    if (has_errors(problems_)) return tl::make_unexpected(std::move(problems_));
    out_.warnings = std::move(problems_);
    return std::move(out_);
  }

 private:
  /// What a requirement's expressions read.
  struct Reads {
    std::set<TableId> truths;
    std::set<TableId> known;  ///< to the loop
    bool decisions = false;
  };
  struct Wish {
    size_t group = 0;
    NodeId node;
    TableId table;
    Operand* operand = nullptr;
  };

  void error(const Span& span, std::string message, std::string hint = {}) {
    problems_.push_back({Severity::error, span, std::move(message), std::move(hint)});
  }

  void add_truth(const sim::Fleet& fleet, const twin::Model& model) {
    auto& names = scopes_.of_table[model.table.index()].names;
    for (size_t f = 0; f < model.fields.size(); ++f) {
      const ColumnId column = fleet.truth(model.table, f);
      if (!column.valid()) continue;
      names[model.config.telemetry[f].name].truth = column;
      truths_.insert({model.table, column});
    }
    for (const auto& [name, symbol] : fleet.true_names(model.table)) {
      truths_.insert({model.table, symbol.column});
      auto& known = names[name];
      if (known.truth.valid() || (known.is != lang::Symbol::Is::column)) continue;
      if (!known.column.valid()) {
        known.type = symbol.type;
        known.note = fmt::format("it is not reported: write truth({})", name);
      }
      if (known.type == symbol.type) known.truth = symbol.column;
    }
  }

  void add(const RequirementConfig& config) {
    auto& requirement = out_.requirements.emplace_back();
    requirement.config = config;
    requirement.table = registry_.site();
    if (!config.each.empty()) requirement.table = *registry_.find_model(config.each);
    current_ = &requirement;
    reads_ = {};
    wishes_of_current_ = wishes_.size();
    nodes_.clear();
    FormulaBuilder builder(units_, problems_,
                           [this](const Ast& ast, bool negated) { return add_atom(ast, negated); });
    requirement.formula = config.eventually
                              ? builder.build_eventually(*config.eventually)
                              : builder.build(config.formula(), config.always ? AskedAt::every_instant
                                                                              : AskedAt::first_instant);
    if (config.where) add_where(*config.where);
    if (requirement.formula.nodes.empty() || has_errors(problems_)) return;
    for (size_t a = 0; a < requirement.atoms.size(); ++a) wish(requirement.atoms[a], nodes_[a]);
    join_group(requirement);
    note_windows(requirement);
  }

  // ---- atoms

  uint32_t add_atom(const Ast& ast, bool negated) {
    const Span text{current_->config.formula().source, ast.begin, ast.end};
    auto& atom = current_->atoms.emplace_back();
    atom.text = in_one_line(text);
    atom.negated = negated;
    const auto number = static_cast<uint32_t>(current_->atoms.size() - 1);
    auto& nodes = nodes_.emplace_back();
    if (ast.kind == Ast::Kind::call && find_pulse(ast.text) != nullptr) {
      add_pulse(ast, atom);
      reads_.decisions = true;
      return number;
    }
    lang::Wanted wanted;
    wanted.type = lang::Type::boolean();
    wanted.minimum_good = current_->config.min_good;
    wanted.instance = ++instances_;
    const NodeId node = checker_.check(text, scopes_, current_->table, wanted);
    if (!node.valid()) return number;
    collect(node);
    nodes = {node};
    if (is_comparison(graph_[node].op) && ast.kind == Ast::Kind::binary && lang::is_comparison(ast.op) &&
        graph_[graph_[node].args[0]].type.kind == lang::Kind::number)
      compare(ast, atom, node, nodes, wanted);
    return number;
  }

  /// A comparison's margin is in the unit of the literal that stands in it, else of the field.
  void compare(const Ast& ast, Atom& atom, NodeId node, std::vector<NodeId>& nodes, lang::Wanted wanted) {
    const lang::Node comparison = graph_[node];
    atom.is = Atom::Is::comparison;
    atom.op = comparison.op;
    nodes = comparison.args;
    const SourcePtr& source = current_->config.formula().source;
    const Span sides[] = {{source, ast.arg(0).begin, ast.arg(0).end},
                          {source, ast.arg(1).begin, ast.arg(1).end}};
    atom.left.text = in_one_line(sides[0]);
    atom.right.text = in_one_line(sides[1]);
    const lang::Type type = graph_[nodes[0]].type;
    wanted.type.reset();
    atom.unit = {lang::unit_text(type.dimension), type, 1, 0};
    bool found = false;
    for (const size_t side : {1, 0}) {  // literals first
      if (found || ast.arg(side).kind != Ast::Kind::number || ast.arg(side).is_bare_number()) continue;
      atom.unit = ast.arg(side).quantity.unit;
      found = true;
    }
    for (const size_t side : {0, 1}) {
      if (found) break;
      Diagnostics said_before;
      const auto checked = lang::Checker(units_, schema_, graph_, said_before)
                               .check_with_unit(sides[side], scopes_, current_->table, wanted);
      if (!checked.node.valid() || checked.unit.text.empty() || checked.unit.type != type) continue;
      atom.unit = checked.unit;
      found = true;
    }
    if (!found && type.point && type.dimension == lang::kTemperature) atom.unit = {"degC", type, 1, 273.15};
    const auto name = [](const std::string& unit) { return unit == "1" ? std::string() : unit; };
    atom.margin_unit = name(lang::difference_unit(atom.unit).text);
    atom.unit.text = name(atom.unit.text);
  }

  /// issued(stop), issued(inlets.close), raised(overload): the name, and through which relation.
  void add_pulse(const Ast& ast, Atom& atom) {
    const auto& function = *find_pulse(ast.text);
    atom.is = Atom::Is::pulse;
    const SourcePtr& source = current_->config.formula().source;
    const Ast* name = ast.args.size() == 1 && ast.args[0].name.empty() ? ast.args[0].value.get() : nullptr;
    const bool path =
        name != nullptr && name->kind == Ast::Kind::member && name->arg(0).kind == Ast::Kind::name;
    if (name == nullptr || (name->kind != Ast::Kind::name && !path))
      return error({source, ast.begin, ast.end}, fmt::format("{}() takes one name", ast.text),
                   function.of_event ? fmt::format("write {}(event)", ast.text)
                                     : fmt::format("write {0}(command) or {0}(setpoint)", ast.text));
    atom.pulse.table = current_->table;
    if (path && !relate(*name, atom.pulse)) return;
    const Span at{source, name->end - static_cast<uint32_t>(name->text.size()), name->end};
    if (function.of_event)
      find_event(function, std::string(name->text), at, atom.pulse);
    else
      find_quantity(function, std::string(name->text), at, atom.pulse);
  }

  bool relate(const Ast& path, Pulse& pulse) {
    const auto& relations = schema_.table(current_->table).relations;
    const auto& wanted = path.arg(0).text;
    const auto found =
        std::find_if(relations.begin(), relations.end(), [&](const auto& r) { return r.name == wanted; });
    if (found != relations.end()) {
      pulse.relation = RelationId(static_cast<size_t>(found - relations.begin()));
      pulse.table = found->to;
      return true;
    }
    std::vector<std::string> names;
    for (const auto& r : relations) names.push_back(r.name);
    error({current_->config.formula().source, path.arg(0).begin, path.arg(0).end},
          fmt::format("'{}' has no relation '{}'", schema_.table(current_->table).name, wanted),
          names.empty() ? "" : fmt::format("write one of: {}", joined(names)));
    return false;
  }

  void find_quantity(const PulseFunction& function, const std::string& name, const Span& at, Pulse& pulse) {
    pulse.kind = function.kind;
    if (pulse.table == registry_.site())
      return error(at, "the site has neither commands nor setpoints",
                   "write each: with a model, or a model's name before it, as issued(home.stop)");
    const auto& model = registry_.model(pulse.table).config;
    std::vector<std::string> names;
    for (size_t c = 0; c < model.commands.size() && !function.of_setpoint_only; ++c) {
      names.push_back(model.commands[c].name);
      if (names.back() == name) pulse.quantity = static_cast<uint16_t>(c | mml::kImperative);
      if (names.back() == name) return;
    }
    for (size_t s = 0; s < model.setpoints.size(); ++s) {
      names.push_back(model.setpoints[s].name);
      pulse.quantity = static_cast<uint16_t>(s);
      if (names.back() == name) return;
    }
    const auto near = did_you_mean(name, names);
    error(at,
          fmt::format("'{}' has no {} '{}'", model.name,
                      function.of_setpoint_only ? "setpoint" : "command or setpoint", name),
          !near.empty() || names.empty() ? near : fmt::format("it has {}", joined(names)));
  }

  void find_event(const PulseFunction& function, const std::string& name, const Span& at, Pulse& pulse) {
    std::vector<std::string> names;
    for (size_t a = 0; a < wired_.alarms.size(); ++a) {
      const auto& alarm = wired_.alarms[a];
      if (alarm.table != pulse.table) continue;
      names.push_back(alarm.config.event.name);
      pulse.kind = function.of_alarm;
      pulse.subject = static_cast<uint16_t>(a);
      if (names.back() == name) return;
    }
    for (size_t e = 0; e < wired_.events.size(); ++e) {
      const auto& event = wired_.events[e];
      if (event.table != pulse.table || event.of_alarm) continue;
      names.push_back(event.config.name);
      pulse.kind = function.kind;
      pulse.subject = static_cast<uint16_t>(e);
      if (names.back() == name) return;
    }
    const auto near = did_you_mean(name, names);
    error(at, fmt::format("'{}' has no event or alarm '{}'", schema_.table(pulse.table).name, name),
          !near.empty() || names.empty() ? near : fmt::format("it has {}", joined(names)));
  }

  // ---- what is read, and when

  void collect(NodeId id) {
    const lang::Node& node = graph_[id];
    if (node.op == Op::column) {
      if (truths_.contains({node.table, node.column}))
        reads_.truths.insert(node.table);
      else if (!parameters_.contains({node.table, node.column}))
        reads_.known.insert(node.table);
    }
    for (const NodeId arg : node.args) collect(arg);
  }

  void add_where(const Span& text) {
    lang::Wanted wanted;
    wanted.type = lang::Type::boolean();
    wanted.instance = ++instances_;
    const NodeId node = checker_.check(text, scopes_, current_->table, wanted);
    if (!node.valid()) return;
    const Reads before = reads_;
    reads_ = {};
    collect(node);
    if (!reads_.known.empty() || !reads_.truths.empty())
      error(text, "where: chooses devices before the run begins, by their parameters",
            "what comes and goes belongs into the formula: implies(condition, …)");
    reads_ = before;
    current_->where.emplace().text = in_one_line(text);
    wish_operand(*current_->where, node);
  }

  void wish(Atom& atom, const std::vector<NodeId>& nodes) {
    if (!nodes.empty()) wish_operand(atom.left, nodes[0]);
    if (nodes.size() > 1) wish_operand(atom.right, nodes[1]);
  }

  void wish_operand(Operand& operand, NodeId node) {
    if (graph_[node].op == Op::constant)
      operand.constant = graph_[node].number[0];
    else
      wishes_.push_back({0, node, current_->table, &operand});
  }

  void join_group(Requirement& requirement) {
    const bool of_truth = reads_.known.empty() && !reads_.decisions;
    const Duration every = requirement.config.every;
    auto group = std::find_if(out_.groups.begin(), out_.groups.end(),
                              [&](const auto& g) { return g.every == every && g.of_truth == of_truth; });
    if (group == out_.groups.end()) {
      out_.groups.push_back({every, of_truth, {}, {}, {}});
      group = out_.groups.end() - 1;
    }
    requirement.group = static_cast<size_t>(group - out_.groups.begin());
    for (size_t w = wishes_of_current_; w < wishes_.size(); ++w) wishes_[w].group = requirement.group;
    add(reads_.truths, group->truths);
    add(reads_.known, group->known);
  }

  static void add(const std::set<TableId>& tables, std::vector<TableId>& to) {
    for (const TableId table : tables)
      if (std::find(to.begin(), to.end(), table) == to.end()) to.push_back(table);
  }

  void plan(size_t g) {
    std::vector<lang::Demand> demands;
    std::vector<Operand*> operands;
    for (const auto& wish : wishes_) {
      if (wish.group != g) continue;
      demands.push_back({wish.node, wish.table, {}});
      operands.push_back(wish.operand);
    }
    auto planned = lang::build_plan(
        schema_, graph_, std::move(demands), {},
        [&](TableId table, ColumnId column) { return field_at(registry_, table, column).has_value(); });
    if (!planned) {
      problems_.insert(problems_.end(), planned.error().begin(), planned.error().end());
      return;
    }
    for (size_t d = 0; d < operands.size(); ++d) operands[d]->column = planned->demands[d].column;
    for (const auto& w : planned->sampled)
      out_.windows.push_back({w.table, *field_at(registry_, w.table, w.from), w.op, w.span, w.out});
    for (const auto& stratum : planned->strata)
      for (const auto& warm : stratum.warm)
        error(graph_.span(warm.node), "requirements do not look back into the warm history",
              "declare it under derived:, and write its name");
    out_.groups[g].plan = std::move(*planned);
  }

  // ---- what to say of windows

  void note_windows(const Requirement& requirement) {
    const Duration period = std::max(requirement.config.every, scenario_.cycle);
    const auto warn = [&](std::string message, std::string hint) {
      problems_.push_back(
          {Severity::warning, requirement.config.formula(), std::move(message), std::move(hint)});
    };
    bool whole_run = false;
    for (const auto& node : requirement.formula.nodes) {
      if (!is_future(node.op) && !is_past(node.op)) continue;
      const Time last = node.within == kUnlimited ? kNever : floor_to(kStart + node.within, period);
      if (last < kStart + node.from)
        warn(fmt::format("no boundary lies between {} and {} of another: {}() looks at nothing",
                         to_string(node.from), to_string(node.within), name_of(node.op)),
             fmt::format("boundaries are {} apart: widen the window, or shorten the cycle",
                         to_string(period)));
      whole_run = whole_run || (is_future(node.op) && !node.at_first && node.within == kUnlimited);
    }
    if (whole_run)
      warn("a window without end at every instant of the run: all of them are kept until its end",
           "write within=");
    else if (requirement.formula.horizon() != kUnlimited &&
             requirement.formula.horizon() > scenario_.duration)
      warn(fmt::format("it takes {} to be decided, and the run lasts {}",
                       to_string(requirement.formula.horizon()), to_string(scenario_.duration)),
           "make its windows shorter, or the run longer");
  }

  const Scenario& scenario_;
  const lang::Units& units_;
  lang::Schema& schema_;
  lang::Graph& graph_;
  const twin::Registry& registry_;
  const Wired& wired_;
  lang::Scopes scopes_;
  Diagnostics problems_;
  lang::Checker checker_;
  CompiledRequirements out_;
  std::set<std::pair<TableId, ColumnId>> truths_, parameters_;
  std::vector<Wish> wishes_;
  // Of the requirement at hand.
  Requirement* current_ = nullptr;
  size_t wishes_of_current_ = 0;
  Reads reads_;
  std::vector<std::vector<NodeId>> nodes_;  ///< [atom]
  uint32_t instances_ = kFirstInstance;
};

}  // namespace

Result<CompiledRequirements> compile_requirements(const Scenario& scenario, const lang::Units& units,
                                                  lang::Schema& schema, lang::Graph& graph,
                                                  const twin::Registry& registry, const Wired& wired,
                                                  const sim::Fleet* fleet) {
  return RequirementCompiler(scenario, units, schema, graph, registry, wired, fleet).run();
}

}  // namespace looptwin::testbed
