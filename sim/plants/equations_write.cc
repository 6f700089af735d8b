// Writes the equations of kinds out for each element: a column of another element becomes that element's own
// column, a sum over a set the sum of its members, an output what it stands for, a parameter its number.
#include <fmt/format.h>
#include <cmath>
#include <limits>
#include <map>
#include <unordered_map>

#include "base/check.h"
#include "lang/fold.h"
#include "sim/plants/equations_kinds.h"

namespace looptwin::sim {
namespace {

using lang::Node;
using lang::NodeId;
using lang::Op;

// cvode's Newton matrix is dense.
constexpr size_t kMostDenseStates = 2000;
// Values of a program have numbers of 16 bits; some are left for what is worked out in between.
constexpr size_t kMostStates = 20'000;
constexpr size_t kMostValues = 60'000;

class Writer {
 public:
  Writer(const EquationsConfig& config, const EquationKinds& kinds)
      : config_(config), kinds_(kinds), system_(std::make_shared<EquationSystem>()) {}

  Result<std::shared_ptr<const EquationSystem>> run() {
    system_->method = config_.method;
    system_->step = config_.step;
    system_->relative_tolerance = config_.relative_tolerance;
    system_->schema.tables.push_back({"equations", {}, {}});
    system_->time = column("time", lang::Type::point_of(lang::kTimeDimension));
    places_.resize(kinds_.kinds.size());
    for (size_t k = 0; k < kinds_.kinds.size(); ++k) add_places(k);
    for (size_t k = 0; k < kinds_.kinds.size(); ++k)
      for (uint32_t row = 0; row < kinds_.kinds[k].elements.size(); ++row) add_element(k, row);
    for (size_t k = 0; k < kinds_.kinds.size(); ++k)
      for (uint32_t row = 0; row < kinds_.kinds[k].elements.size(); ++row) write_element(k, row);
    if (problems_.empty()) check_size();
    if (!problems_.empty()) return tl::make_unexpected(std::move(problems_));
    return std::shared_ptr<const EquationSystem>(std::move(system_));
  }

 private:
  /// What a column of a kind is, and which of its kind's.
  struct Place {
    enum class Is : uint8_t { parameter, input, state, output } is;
    size_t index;
  };

  void error(const Span& span, std::string message, std::string hint) {
    problems_.push_back({Severity::error, span, std::move(message), std::move(hint)});
  }

  ColumnId column(const std::string& name, const lang::Type& type) {
    return system_->schema.add_column(EquationSystem::kTable, {name, type, {}, lang::Storage::f64});
  }

  void add_places(size_t k) {
    const auto& kind = kinds_.kinds[k];
    const auto add = [&](const auto& quantities, Place::Is is) {
      for (size_t i = 0; i < quantities.size(); ++i) places_[k][quantities[i].column.index()] = {is, i};
    };
    add(kind.parameters, Place::Is::parameter);
    add(kind.inputs, Place::Is::input);
    add(kind.states, Place::Is::state);
    add(kind.outputs, Place::Is::output);
  }

  size_t port(size_t k, uint32_t row, const std::string& quantity, const lang::Unit& unit,
              PortDirection way) {
    system_->ports.push_back({kinds_.kinds[k].label(row), quantity, unit.text, way});
    return system_->ports.size() - 1;
  }

  // ---- columns of an element

  void add_element(size_t k, uint32_t row) {
    const auto& kind = kinds_.kinds[k];
    first_input_[{k, row}] = system_->inputs.size();
    first_state_[{k, row}] = system_->states.size();
    for (const auto& input : kind.inputs) {
      const auto at = column(kind.label(row) + "." + input.name, input.unit.type);
      const size_t p = port(k, row, input.name, input.unit, PortDirection::in);
      system_->inputs.push_back({at, p, initial(input, k, row)});
    }
    for (const auto& state : kind.states) {
      EquationSystem::State out;
      out.name = kind.label(row) + "." + state.name;
      out.span = state.rate_span;
      out.column = column(out.name, state.unit.type);
      out.tolerance = state.tolerance;
      out.port = port(k, row, state.name, state.unit, PortDirection::out);
      system_->states.push_back(std::move(out));
    }
    for (const auto& output : kind.outputs)
      system_->outputs.push_back({{}, port(k, row, output.name, output.unit, PortDirection::out)});
  }

  void write_element(size_t k, uint32_t row) {
    const auto& kind = kinds_.kinds[k];
    const size_t first = first_state_.at({k, row});
    for (size_t s = 0; s < kind.states.size(); ++s) {
      auto& out = system_->states[first + s];
      out.rate = write(kind.states[s].rate, row);
      out.initial = initial(kind.states[s], k, row);
      limit(kind.states[s], k, row, out);
    }
    for (const auto& output : kind.outputs)
      system_->outputs[written_outputs_++].node = write(output.node, row);
    for (const auto& event : kind.events) {
      EquationSystem::Event out{kind.label(row) + "." + event.name, event.span, write(event.when, row), {}};
      for (const auto& reset : event.resets)
        out.resets.push_back({first + reset.state, write(reset.value, row)});
      system_->events.push_back(std::move(out));
    }
  }

  /// The value of a quantity at the start.
  double initial(const EquationKind::Quantity& quantity, size_t k, uint32_t row) {
    return known(quantity.at(row), row, quantity.span, kinds_.kinds[k].label(row) + "." + quantity.name,
                 "begins");
  }

  /// What an expression of parameters is; an error where it is none.
  double known(NodeId of, uint32_t row, const Span& or_at, const std::string& name, const char* doing) {
    const Node& value = system_->graph[write(of, row)];
    if (value.op == Op::constant && std::isfinite(value.number[0])) return value.number[0];
    const auto& span = kinds_.graph.span(of);
    error(span.source ? span : or_at,
          value.op == Op::constant ? fmt::format("'{}' {} as {}", name, doing, value.number[0])
                                   : fmt::format("'{}' {} as something that changes", name, doing),
          "write a value, or an expression of parameters");
    return 0;
  }

  void limit(const EquationKind::State& state, size_t k, uint32_t row, EquationSystem::State& out) {
    const auto name = kinds_.kinds[k].label(row) + "." + state.name;
    if (state.low.valid()) out.low = known(state.low, row, state.span, name, "is limited");
    if (state.high.valid()) out.high = known(state.high, row, state.span, name, "is limited");
    if (!(out.low < out.high))
      error(state.limits_span, fmt::format("the low limit of '{}' is not below its high one", name),
            "write the lower one at low:");
    else if (out.initial < out.low || out.initial > out.high)
      error(state.limits_span, fmt::format("'{}' begins outside its limits", name),
            "write a value at its start within them");
  }

  // ---- nodes

  NodeId write(NodeId id, uint32_t row) {
    const Node& node = kinds_.graph[id];
    const uint64_t key = uint64_t{id.value} << 32 | (node.table.valid() ? row : 0);
    if (const auto it = done_.find(key); it != done_.end()) return it->second;
    const NodeId made = compute(id, node, row);
    done_.emplace(key, made);
    return made;
  }

  NodeId compute(NodeId id, const Node& node, uint32_t row) {
    switch (node.op) {
      case Op::constant:
        return system_->graph.add(node);
      case Op::now:
        return read(system_->time);
      case Op::step:
        return constant(node.number.empty() ? config_.step.seconds() : node.number[0]);
      case Op::column:
        return value(node, row);
      case Op::related:
        return related(node, row);
      default:
        break;
    }
    if (lang::is_set(node.op)) return set(node, row);
    if (lang::is_elementwise(node.op)) {
      Node made = node;
      for (NodeId& arg : made.args) arg = write(arg, row);
      return add(std::move(made), kinds_.graph.span(id));
    }
    const auto& span = kinds_.graph.span(id);
    const auto text = span.source
                          ? std::string_view(span.source->text).substr(span.begin, span.end - span.begin)
                          : lang::name_of(node.op);
    error(span, fmt::format("`{}` cannot stand in equations", text),
          "a state with its rate, or an input that a device drives");
    return constant(0);
  }

  NodeId constant(double value, lang::Type type = lang::Type::number()) {
    return system_->graph.add({.op = Op::constant, .type = type, .number = {value}});
  }

  NodeId read(ColumnId column) {
    return system_->graph.add({.op = Op::column,
                               .type = system_->schema.column(EquationSystem::kTable, column).type,
                               .table = EquationSystem::kTable,
                               .column = column});
  }

  /// Of one row where an argument is; a constant where all are.
  NodeId add(Node node, const Span& span = {}) {
    node.table = {};
    std::vector<double> constants;
    for (const NodeId arg : node.args) {
      const Node& of = system_->graph[arg];
      if (of.table.valid()) node.table = EquationSystem::kTable;
      if (of.op == Op::constant) constants.push_back(of.number[0]);
    }
    if (constants.size() == node.args.size())
      if (const auto folded = fold(node, constants)) return constant(*folded, node.type);
    return system_->graph.add(std::move(node), span);
  }

  std::optional<double> fold(const Node& node, const std::vector<double>& constants) const {
    const bool conditions = system_->graph[node.args[0]].type.kind == lang::Kind::boolean;
    const bool from_the_left = constants.size() > 2 && node.op != Op::clamp && node.op != Op::choose;
    if (!from_the_left) return lang::fold(node, constants, conditions);
    std::optional<double> result = constants[0];
    for (size_t i = 1; i < constants.size() && result; ++i)
      result = lang::fold(node, std::vector{*result, constants[i]}, conditions);
    return result;
  }

  NodeId value(const Node& node, uint32_t row) {
    const size_t k = node.table.index();
    const auto& kind = kinds_.kinds[k];
    const Place place = places_[k].at(node.column.index());
    switch (place.is) {
      case Place::Is::parameter:
        return write(kind.parameters[place.index].at(row), row);
      case Place::Is::input:
        return read(system_->inputs[first_input_.at({k, row}) + place.index].column);
      case Place::Is::state:
        return read(system_->states[first_state_.at({k, row}) + place.index].column);
      case Place::Is::output:
        return write(kind.outputs[place.index].node, row);
    }
    LT_CHECK(false, "a column that is nothing");
  }

  NodeId related(const Node& node, uint32_t row) {
    const auto& rows = kinds_.kinds[node.table.index()].related[node.relation.index()];
    LT_CHECK(row < rows.size(), "a relation without rows");
    return write(node.args[0], rows[row]);
  }

  /// The rows whose to-one relation, the set's inverse, leads to this one; in the order of elements.
  std::vector<uint32_t> members(const Node& node, uint32_t row) const {
    const auto& relation = kinds_.schema.table(node.table).relations[node.relation.index()];
    const auto& rows = kinds_.kinds[relation.to.index()].related[relation.inverse.index()];
    std::vector<uint32_t> found;
    for (uint32_t r = 0; r < rows.size(); ++r)
      if (rows[r] == row) found.push_back(r);
    return found;
  }

  NodeId set(const Node& node, uint32_t row) {
    const auto rows = members(node, row);
    const auto size = static_cast<double>(rows.size());
    if (node.op == Op::set_size) return constant(size, node.type);
    std::vector<NodeId> values;
    const auto zero_or_one = [&](NodeId condition) {
      return add(
          {.op = Op::choose, .type = lang::Type::number(), .args = {condition, constant(1), constant(0)}});
    };
    const bool counts = node.op == Op::set_count || node.op == Op::set_share;
    for (const uint32_t r : rows) {
      const NodeId value = write(node.args[0], r);
      values.push_back(counts ? zero_or_one(value) : value);
    }
    switch (node.op) {
      case Op::set_sum:
      case Op::set_count:
        return values.empty() ? constant(0, node.type) : joined(Op::add, node.type, values);
      case Op::set_mean:
      case Op::set_share:
        if (values.empty()) return unknown(node.type);
        return add({.op = Op::divide,
                    .type = node.type,
                    .args = {joined(Op::add, node.type, values), constant(size)}});
      case Op::set_minimum:
      case Op::set_maximum:
        if (values.empty()) return unknown(node.type);
        return joined(node.op == Op::set_minimum ? Op::minimum : Op::maximum, node.type, values);
      case Op::set_all:
        return values.empty() ? constant(1, node.type) : joined(Op::logical_and, node.type, values);
      case Op::set_any:
        return values.empty() ? constant(0, node.type) : joined(Op::logical_or, node.type, values);
      default:
        LT_CHECK(false, lang::name_of(node.op));
    }
  }

  NodeId unknown(const lang::Type& type) { return constant(std::numeric_limits<double>::quiet_NaN(), type); }

  NodeId joined(Op op, const lang::Type& type, const std::vector<NodeId>& values) {
    NodeId all = values[0];
    for (size_t i = 1; i < values.size(); ++i) all = add({.op = op, .type = type, .args = {all, values[i]}});
    return all;
  }

  void check_size() {
    const size_t states = system_->states.size();
    const size_t most = config_.method == EquationMethod::cvode ? kMostDenseStates : kMostStates;
    if (states > most)
      error(config_.span, fmt::format("{} states are more than the {} that this solver takes", states, most),
            config_.method == EquationMethod::cvode ? "solver: runge_kutta4, or fewer elements"
                                                    : "several plants, or fewer elements");
    if (problems_.empty()) check_programs();
  }

  /// Each of the three becomes one program. Values that stand several times may all have to be kept.
  void check_programs() {
    std::vector<NodeId> rates, outputs, conditions;
    for (const auto& state : system_->states) rates.push_back(state.rate);
    for (const auto& output : system_->outputs) outputs.push_back(output.node);
    for (const auto& event : system_->events) conditions.push_back(event.when);
    for (const auto& [what, roots] : {std::pair("rates", &rates), std::pair("outputs", &outputs),
                                      std::pair("conditions of events", &conditions)}) {
      const size_t values = values_of(*roots);
      if (values > kMostValues)
        error(config_.span,
              fmt::format("the {} are of {} values, more than the {} that one plant takes", what, values,
                          kMostValues),
              "several plants, or fewer elements");
    }
  }

  /// Results, columns, constants, and what is used more than once.
  size_t values_of(const std::vector<NodeId>& roots) const {
    std::unordered_map<uint32_t, size_t> uses;
    std::vector<NodeId> open = roots;
    size_t leaves = 0, shared = 0;
    while (!open.empty()) {
      const NodeId id = open.back();
      open.pop_back();
      const Node& node = system_->graph[id];
      const size_t used = ++uses[id.value];
      if (used == 1) {
        leaves += node.args.empty() ? 1 : 0;
        open.insert(open.end(), node.args.begin(), node.args.end());
      } else if (used == 2 && !node.args.empty()) {
        ++shared;
      }
    }
    return roots.size() + leaves + shared;
  }

  const EquationsConfig& config_;
  const EquationKinds& kinds_;
  std::shared_ptr<EquationSystem> system_;
  std::vector<std::map<size_t, Place>> places_;  ///< [kind] by column
  std::map<std::pair<size_t, uint32_t>, size_t> first_input_, first_state_;
  size_t written_outputs_ = 0;
  std::unordered_map<uint64_t, NodeId> done_;
  Diagnostics problems_;
};

}  // namespace

Result<std::shared_ptr<const EquationSystem>> write_out(const EquationsConfig& config,
                                                        const EquationKinds& kinds) {
  return Writer(config, kinds).run();
}

}  // namespace looptwin::sim
