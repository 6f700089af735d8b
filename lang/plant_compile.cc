// From rates to programs. Outputs are put in for their names, so that what a rate depends on shows; then
// either the exact step or the stages of an explicit one (plant_explicit.h) are written as expressions, and
// the program compiler does the rest.
#include <algorithm>
#include <optional>
#include <set>
#include <unordered_map>

#include "base/check.h"
#include "lang/linear.h"
#include "lang/plant_code.h"
#include "lang/plant_discretise.h"
#include "lang/plant_explicit.h"
#include "lang/plant_linear.h"

namespace looptwin::lang {
namespace {

class PlantCompiler {
 public:
  PlantCompiler(Schema& schema, Graph& graph, const PlantSource& source)
      : schema_(schema), graph_(graph), source_(source), algebra_(graph), inlined_(graph) {
    code_.table = source.table;
    code_.step = source.step;
    code_.states = source.states.size();
  }

  Result<PlantCode> run() {
    LT_CHECK(source_.step.ns > 0, "a plant without a step");
    const NodeId step = algebra_.constant(source_.step.seconds());
    for (size_t i = 0; i < graph_.size(); ++i) {
      const Node& node = graph_[NodeId(i)];
      if (node.op == Op::step && node.number.empty()) inlined_.set(NodeId(i), step);
    }
    for (size_t i = 0; i < source_.states.size(); ++i)
      if (source_.states[i].limited()) inlined_.set(read_state(i), clipped(i, read_state(i)));
    inline_outputs();
    for (size_t i = 0; i < source_.states.size(); ++i) {
      const PlantSource::State& state = source_.states[i];
      if (const auto loop = resolve_columns_of(state.rate)) return *loop;
      rates_.push_back(algebra_.rate_within(inlined_(state.rate), read_state(i), state.low, state.high));
    }
    for (const PlantSource::Event& event : source_.events) {
      if (const auto loop = resolve_columns_of(event.when)) return *loop;
      refuse_memory(inlined_(event.when));
      for (const Root& reset : event.resets) {
        if (const auto loop = resolve_columns_of(reset.node)) return *loop;
        refuse_memory(inlined_(reset.node));
      }
    }
    if (!refused_.empty()) return tl::unexpected(std::move(refused_));
    for (const NodeId rate : rates_) refuse_memory(rate);
    for (const Root& output : outputs_) refuse_memory(output.node);
    if (!refused_.empty()) return tl::unexpected(std::move(refused_));

    std::optional<Obstacle> obstacle;
    std::optional<LinearSystem> linear;
    const Integrator usual = source_.events.empty() ? Integrator::exact : Integrator::runge_kutta4;
    const Integrator wanted = source_.integrator.value_or(usual);
    if (wanted == Integrator::exact && !source_.events.empty())
      return failure(graph_.span(source_.events.front().when),
                     "events need steps of any length: not the exact one", "integrator: runge_kutta4");
    if (source_.integrator == Integrator::exact)
      for (const PlantSource::State& state : source_.states)
        if (state.limited())
          return failure(graph_.span(state.rate),
                         "the state '" + state.name + "' has limits, which no exact step knows",
                         "integrator: runge_kutta4, or no limits");
    if (wanted == Integrator::exact) linear = linear_system(obstacle);
    if (!linear && source_.integrator == Integrator::exact) return refuse_exact(*obstacle);
    code_.integrator = linear                        ? Integrator::exact
                       : wanted == Integrator::exact ? Integrator::runge_kutta4
                                                     : wanted;
    const std::vector<Root> next = linear ? exact_step(*linear) : explicit_roots();
    write_events();
    compile_programs(next);
    return std::move(code_);
  }

 private:
  // --- Outputs in place of their names ---

  void inline_outputs() {
    for (const Root& output : source_.outputs) {
      if (resolve(output.column)) return;
    }
    for (const Root& output : source_.outputs) outputs_.push_back({inlined_(output.node), output.column});
  }

  std::optional<tl::unexpected<Diagnostics>> resolve_columns_of(NodeId expression) {
    for (const NodeId leaf : leaves(expression)) {
      if (auto loop = resolve(graph_[leaf].column)) return loop;
      if (const Root* output = output_of(graph_[leaf].column)) inlined_.set(leaf, inlined_(output->node));
    }
    return std::nullopt;
  }

  /// Prepares an output's own expression, those it depends on first. A circle is refused.
  std::optional<tl::unexpected<Diagnostics>> resolve(ColumnId column) {
    const Root* output = output_of(column);
    if (output == nullptr || resolved_.contains(column)) return std::nullopt;
    const auto open = std::find(open_.begin(), open_.end(), column);
    if (open != open_.end()) {
      std::string circle;
      for (auto it = open; it != open_.end(); ++it) circle += name(*it) + " → ";
      auto error = failure(graph_.span(output->node),
                           "outputs depend on each other in a circle: " + circle + name(column),
                           "a state in between, or one equation solved for the other");
      refused_ = error.value();
      return error;
    }
    open_.push_back(column);
    if (auto loop = resolve_columns_of(output->node)) return loop;
    open_.pop_back();
    resolved_.insert(column);
    return std::nullopt;
  }

  const Root* output_of(ColumnId column) const {
    for (const Root& output : source_.outputs) {
      if (output.column == column) return &output;
    }
    return nullptr;
  }

  /// The reads of this table's columns in an expression, in the order of the graph.
  std::vector<NodeId> leaves(NodeId expression) const {
    std::set<NodeId> seen, found;
    const auto visit = [&](const auto& self, NodeId id) -> void {
      const Node& node = graph_[id];
      if (!seen.insert(id).second || node.op == Op::related) return;
      if (node.op == Op::column) found.insert(id);
      for (const NodeId arg : node.args) self(self, arg);
    };
    visit(visit, expression);
    return {found.begin(), found.end()};
  }

  std::string name(ColumnId column) const { return schema_.column(source_.table, column).name; }

  /// Physics has no memory but its states: a stage of an integrator may be evaluated at any instant.
  void refuse_memory(NodeId id) {
    const Node& node = graph_[id];
    if (!checked_.insert(id).second || node.op == Op::related) return;
    if (is_stateful(node.op) || is_window(node.op) || is_warm(node.op) || is_set(node.op) ||
        node.op == Op::age) {
      const auto error = failure(graph_.span(id), std::string(name_of(node.op)) + " cannot stand in physics",
                                 "a state with its rate, or the function in the controller");
      refused_.insert(refused_.end(), error.value().begin(), error.value().end());
    }
    for (const NodeId arg : node.args) refuse_memory(arg);
  }

  // --- What depends on what ---

  /// Whether a node depends on parameters and constants alone.
  bool is_constant(NodeId id) {
    if (const auto it = constant_.find(id); it != constant_.end()) return it->second;
    const Node& node = graph_[id];
    bool result = node.op == Op::constant || node.op == Op::step || is_parameter(node);
    if (is_elementwise(node.op) && node.op != Op::related) {
      result = std::all_of(node.args.begin(), node.args.end(), [&](NodeId arg) { return is_constant(arg); });
    }
    constant_[id] = result;
    return result;
  }

  bool is_parameter(const Node& node) const {
    return node.op == Op::column && node.table == source_.table &&
           std::find(source_.parameters.begin(), source_.parameters.end(), node.column) !=
               source_.parameters.end();
  }

  std::optional<size_t> state_of(NodeId id) const {
    const Node& node = graph_[id];
    if (node.op != Op::column || node.table != source_.table) return std::nullopt;
    for (size_t i = 0; i < source_.states.size(); ++i) {
      if (source_.states[i].column == node.column) return i;
    }
    return std::nullopt;
  }

  bool depends_on_state(NodeId id) const {
    const std::vector<NodeId> found = leaves(id);
    return std::any_of(found.begin(), found.end(), [&](NodeId leaf) { return state_of(leaf).has_value(); });
  }

  // --- Linear rates ---

  std::optional<LinearSystem> linear_system(std::optional<Obstacle>& obstacle) {
    return lang::linear_system(algebra_, rates_,
                               {.is_constant = [this](NodeId id) { return is_constant(id); },
                                .state_of = [this](NodeId id) { return state_of(id); },
                                .depends_on_state = [this](NodeId id) { return depends_on_state(id); }},
                               obstacle);
  }

  tl::unexpected<Diagnostics> refuse_exact(const Obstacle& obstacle) const {
    const Node& term = graph_[obstacle.term];
    const Span& span = graph_.span(obstacle.term);
    return failure(span.source != nullptr ? span : graph_.span(source_.states[obstacle.state].rate),
                   "the rate of '" + source_.states[obstacle.state].name +
                       "' is not linear in the states with coefficients from parameters alone: its part '" +
                       name_of(term.op) + "' depends on a state and on more than parameters, or not linearly",
                   "integrator: runge_kutta4, or make the coefficient a parameter");
  }

  // --- The exact step ---

  std::vector<Root> exact_step(const LinearSystem& system) {
    const size_t n = code_.states, m = code_.inputs = system.inputs.size();
    std::vector<NodeId> phi(n * n, algebra_.constant(0)), gamma(n * m, algebra_.constant(0));
    if (row_independent(system)) {
      constant_step(system, phi, gamma);
    } else {
      column_step(system, phi, gamma);
    }
    std::vector<Root> next;
    for (size_t i = 0; i < n; ++i) {
      NodeId sum = algebra_.constant(0);
      for (size_t j = 0; j < n; ++j)
        sum = algebra_.add(sum, algebra_.multiply(phi[i * n + j], read_state(j)));
      for (size_t k = 0; k < m; ++k) {
        sum = algebra_.add(sum, algebra_.multiply(gamma[i * m + k], system.inputs[k].value));
      }
      next.push_back({sum, source_.states[i].column});
    }
    return next;
  }

  NodeId read(ColumnId column) {
    return graph_.add({.op = Op::column,
                       .type = schema_.column(source_.table, column).type,
                       .table = source_.table,
                       .column = column});
  }
  NodeId read_state(size_t i) { return read(source_.states[i].column); }
  NodeId clipped(size_t i, NodeId value) {
    return algebra_.clipped(value, source_.states[i].low, source_.states[i].high);
  }

  bool row_independent(const LinearSystem& system) const {
    const auto uniform = [&](const std::vector<NodeId>& nodes) {
      return std::none_of(nodes.begin(), nodes.end(), [&](NodeId id) { return graph_[id].table.valid(); });
    };
    return std::all_of(system.a.begin(), system.a.end(), uniform) &&
           std::all_of(system.inputs.begin(), system.inputs.end(),
                       [&](const LinearInput& input) { return uniform(input.coefficients); });
  }

  /// All rows have the same coefficients: Φ and Γ are constants of the program.
  void constant_step(const LinearSystem& system, std::vector<NodeId>& phi, std::vector<NodeId>& gamma) {
    const size_t n = code_.states, m = code_.inputs;
    std::vector<NodeId> nodes;
    for (const auto& row : system.a) nodes.insert(nodes.end(), row.begin(), row.end());
    for (const LinearInput& input : system.inputs)
      nodes.insert(nodes.end(), input.coefficients.begin(), input.coefficients.end());
    const std::vector<double> values = constants(nodes);
    std::vector<double> p(n * n), g(n * n);
    Discretisation(n).compute(std::span(values).first(n * n), code_.step.seconds(), p, g);
    for (size_t i = 0; i < n; ++i) {
      for (size_t j = 0; j < n; ++j) phi[i * n + j] = algebra_.constant(p[i * n + j]);
      for (size_t k = 0; k < m; ++k) {
        double sum = 0;
        for (size_t j = 0; j < n; ++j) sum += g[i * n + j] * values[n * n + k * n + j];
        gamma[i * m + k] = algebra_.constant(sum);
      }
    }
  }

  /// Φ and Γ are columns; which of their entries are zero for every row follows from which states act on
  /// which.
  void column_step(const LinearSystem& system, std::vector<NodeId>& phi, std::vector<NodeId>& gamma) {
    const size_t n = code_.states, m = code_.inputs;
    std::vector<std::vector<bool>> reaches(n, std::vector<bool>(n));
    for (size_t i = 0; i < n; ++i) {
      for (size_t j = 0; j < n; ++j) reaches[i][j] = i == j || !algebra_.is_constant(system.a[i][j], 0);
    }
    for (size_t k = 0; k < n; ++k) {
      for (size_t i = 0; i < n; ++i) {
        for (size_t j = 0; j < n; ++j) reaches[i][j] = reaches[i][j] || (reaches[i][k] && reaches[k][j]);
      }
    }
    for (size_t i = 0; i < n; ++i) {
      const std::string& state = source_.states[i].name;
      for (size_t j = 0; j < n; ++j) {
        if (!reaches[i][j]) continue;
        code_.phi.push_back({i, j});
        phi[i * n + j] = coefficient_column(code_.phi.back(), ".phi." + state + "." + source_.states[j].name,
                                            system.a[i][j]);
      }
      for (size_t k = 0; k < m; ++k) {
        bool any = false;
        for (size_t j = 0; j < n; ++j)
          any = any || (reaches[i][j] && !algebra_.is_constant(system.inputs[k].coefficients[j], 0));
        if (!any) continue;
        code_.gamma.push_back({i, k});
        gamma[i * m + k] = coefficient_column(code_.gamma.back(), ".gamma." + state + "." + std::to_string(k),
                                              system.inputs[k].coefficients[i]);
      }
    }
  }

  NodeId coefficient_column(StepColumn& place, const std::string& name, NodeId continuous) {
    place.column = schema_.add_column(source_.table, {.name = name, .type = Type::number()});
    place.given = !algebra_.is_constant(continuous, 0);
    if (place.given) prepared_.push_back({continuous, place.column});
    return read(place.column);
  }

  std::vector<double> constants(const std::vector<NodeId>& nodes) const {
    struct None : UniformProgram::Feeds {
      double value(FeedId, Time) override { LT_CHECK(false, "a feed is no constant"); }
      double forecast(Op, FeedId, Time, double, double) override { LT_CHECK(false, "a feed is no constant"); }
      double civil(Op, Time) override { LT_CHECK(false, "the time is no constant"); }
    } none;
    std::vector<double> values(nodes.size());
    UniformProgram(graph_, nodes).run(kStart, none, values);
    return values;
  }

  // --- Explicit steps, and events ---

  std::vector<Root> explicit_roots() {
    std::vector<NodeId> states;
    for (size_t i = 0; i < code_.states; ++i) states.push_back(read_state(i));
    const bool whole = source_.events.empty();
    if (!whole) declare_event_columns();
    const auto values = explicit_step(graph_, code_.integrator, states, rates_, code_.step.seconds(),
                                      whole ? NodeId() : read(code_.events->left));
    std::vector<Root> next;
    for (size_t i = 0; i < code_.states; ++i)
      next.push_back({clipped(i, values[i]), whole ? source_.states[i].column : code_.events->trial[i]});
    return next;
  }

  ColumnId hidden(const std::string& name, Storage storage) {
    const Type type = storage == Storage::boolean ? Type::boolean() : Type::number();
    return schema_.add_column(source_.table, {.name = name, .type = type, .storage = storage});
  }

  void declare_event_columns() {
    EventCode& events = code_.events.emplace();
    events.step = code_.step;
    events.left = hidden(".left", Storage::f64);
    events.hidden = {events.left};
    for (const PlantSource::State& state : source_.states) {
      events.state.push_back(state.column);
      events.trial.push_back(schema_.add_column(
          source_.table,
          {.name = ".trial." + state.name, .type = schema_.column(source_.table, state.column).type}));
    }
    for (const PlantSource::Event& event : source_.events) {
      events.open.push_back(hidden(".open." + event.name, Storage::boolean));
      events.margin.push_back(hidden(".margin." + event.name, Storage::f64));
      events.was.push_back(hidden(".was." + event.name, Storage::boolean));
    }
    events.hidden.insert(events.hidden.end(), events.trial.begin(), events.trial.end());
    for (const auto* more : {&events.open, &events.margin})
      events.hidden.insert(events.hidden.end(), more->begin(), more->end());
  }

  /// Conditions and resets read the trial where the scenario says the state.
  void write_events() {
    if (!code_.events) return;
    Replacement tried(graph_);
    for (size_t i = 0; i < code_.states; ++i) tried.set(read_state(i), read(code_.events->trial[i]));
    for (size_t k = 0; k < source_.events.size(); ++k) {
      conditions_.push_back({tried(inlined_(source_.events[k].when)), code_.events->open[k]});
      margins_.push_back({margin_of(algebra_, conditions_.back().node), code_.events->margin[k]});
      auto& resets = resets_.emplace_back();
      for (const Root& reset : source_.events[k].resets)
        for (size_t i = 0; i < code_.states; ++i)
          if (source_.states[i].column == reset.column)
            resets.push_back({clipped(i, tried(inlined_(reset.node))), code_.events->trial[i]});
    }
  }

  void compile_events() {
    if (!code_.events) return;
    EventCode& events = *code_.events;
    events.conditions =
        Program::compile(schema_, graph_, source_.table, conditions_, hoisted_, code_.advance.uniforms());
    events.margins =
        Program::compile(schema_, graph_, source_.table, margins_, hoisted_, events.conditions.uniforms());
    for (const auto& resets : resets_) {
      const Program& last = events.resets.empty() ? events.margins : events.resets.back();
      events.resets.push_back(
          Program::compile(schema_, graph_, source_.table, resets, hoisted_, last.uniforms()));
    }
  }

  // --- Programs ---

  /// Everything that depends on parameters alone, and is more than a parameter, is computed once a row by
  /// `prepare`.
  void hoist(NodeId id, std::set<NodeId>& seen) {
    if (!seen.insert(id).second) return;
    const Node node = graph_[id];
    if (node.args.empty() || node.op == Op::related) return;
    if (!is_constant(id) || !node.table.valid()) {
      for (const NodeId arg : node.args) hoist(arg, seen);
      return;
    }
    Column column{.name = ".hoisted." + std::to_string(code_.hoisted.size()), .type = node.type};
    if (node.type.kind == Kind::boolean) column.storage = Storage::boolean;
    if (node.type.kind == Kind::enumeration) column.storage = Storage::code;
    hoisted_.push_back({id, schema_.add_column(source_.table, std::move(column))});
    code_.hoisted.push_back(hoisted_.back().column);
  }

  void compile_programs(const std::vector<Root>& next) {
    std::set<NodeId> seen;
    for (const auto* roots :
         std::initializer_list<const std::vector<Root>*>{&outputs_, &next, &conditions_, &margins_})
      for (const Root& root : *roots) hoist(root.node, seen);
    for (const auto& resets : resets_)
      for (const Root& root : resets) hoist(root.node, seen);
    prepared_.insert(prepared_.end(), hoisted_.begin(), hoisted_.end());
    code_.prepare = Program::compile(schema_, graph_, source_.table, prepared_, {});
    code_.prepare_uniforms = constants(code_.prepare.uniforms());
    code_.outputs = Program::compile(schema_, graph_, source_.table, outputs_, hoisted_);
    code_.advance =
        Program::compile(schema_, graph_, source_.table, next, hoisted_, code_.outputs.uniforms());
    compile_events();
  }

  Schema& schema_;
  Graph& graph_;
  const PlantSource& source_;
  Algebra algebra_;
  Replacement inlined_;
  std::vector<NodeId> rates_;
  std::vector<Root> outputs_, prepared_, hoisted_, conditions_, margins_;
  std::vector<std::vector<Root>> resets_;
  std::set<ColumnId> resolved_;
  std::vector<ColumnId> open_;
  std::set<NodeId> checked_;
  std::unordered_map<NodeId, bool> constant_;
  Diagnostics refused_;
  PlantCode code_;
};

}  // namespace

Result<PlantCode> compile_plant(Schema& schema, Graph& graph, const PlantSource& source) {
  return PlantCompiler(schema, graph, source).run();
}

}  // namespace looptwin::lang
