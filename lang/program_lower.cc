// Graph to steps. Walks the graph depth first from each root; what is written twice is computed once, since
// the graph is hash-consed. Where an operation has one user, it may be fused into it: fewer passes over the
// registers.
#include <algorithm>
#include <bit>
#include <unordered_map>
#include <unordered_set>

#include "base/check.h"
#include "lang/ages.h"
#include "lang/comparisons.h"
#include "lang/program_code.h"
#include "lang/resumption.h"

namespace looptwin::lang {
namespace {

bool is_boolean(const Node& node) { return node.type.kind == Kind::boolean; }

/// less(a, b) or less_equal(a, b) with the operands in this order; greater is less with them exchanged.
struct Comparison {
  bool strict = true;
  NodeId a, b;
};

class Lowering {
 public:
  Lowering(Code& code, Schema& schema, const Graph& graph, TableId table, std::span<const Root> roots,
           std::span<const Root> given)
      : code_(code), schema_(schema), graph_(graph), table_(table), roots_(roots) {
    for (const Root& g : given) given_.emplace(g.node, g.column);
    for (const Root& root : roots) stored_.insert(root.column);
    for (size_t u = 0; u < code.uniforms.size(); ++u) uniforms_.try_emplace(code.uniforms[u], u);
  }

  Lowered run() {
    for (const Root& root : roots_) count_uses(root.node);
    Lowered lowered;
    for (const Root& root : roots_) lowered.roots.push_back(value(root.node));
    lowered.steps = std::move(steps_);
    lowered.temporaries = temporaries_;
    return lowered;
  }

 private:
  const Node& node(NodeId id) const { return graph_[id]; }
  bool is_given(NodeId id) const { return given_.contains(id); }

  /// Whether a node has a value a row. A stateful operation has, even of uniform arguments: its state is a
  /// row's.
  bool by_row(NodeId id) {
    if (const auto it = by_row_.find(id); it != by_row_.end()) return it->second;
    const Node& n = node(id);
    bool result = n.table.valid() || is_given(id) || is_stateful(n.op);
    for (const NodeId arg : n.args) result = result || by_row(arg);
    by_row_.emplace(id, result);
    return result;
  }

  void count_uses(NodeId id) {
    if (uses_[id]++ > 0 || is_given(id) || !by_row(id) || node(id).op == Op::related) return;
    for (const NodeId arg : node(id).args) count_uses(arg);
  }

  Value constant(double x) {
    const auto [at, added] = constants_.try_emplace(std::bit_cast<uint64_t>(x), code_.constants.size());
    if (added) code_.constants.push_back(x);
    return {Value::Is::constant, at->second};
  }

  Value uniform(NodeId id) {
    const auto [at, added] = uniforms_.try_emplace(id, code_.uniforms.size());
    if (added) code_.uniforms.push_back(id);
    return {Value::Is::uniform, at->second};
  }

  uint32_t column_slot(TableId table, ColumnId column, bool whole = false) {
    auto& slots = whole ? whole_slots_ : slots_;
    const uint64_t key = uint64_t{table.value} << 32 | column.value;
    const auto [at, added] = slots.try_emplace(key, code_.columns.size());
    if (added) code_.columns.push_back({table, column, schema_.column(table, column).storage, whole});
    return at->second;
  }

  Value push(Step step) {
    step.out = {Value::Is::temporary, static_cast<uint32_t>(temporaries_++)};
    steps_.push_back(std::move(step));
    return steps_.back().out;
  }

  /// A kernel needs an operand that varies by row: with none, the first is spread over a register.
  Value apply(Kernel kernel, std::vector<Value> in) {
    if (kernel != Kernel::copy && std::all_of(in.begin(), in.end(), [](Value v) { return v.scalar(); }))
      in[0] = apply(Kernel::copy, {in[0]});
    Step step{.action = Action::apply, .kernel = kernel};
    step.name = kKernelInfo[static_cast<size_t>(kernel)].name;
    step.in = std::move(in);
    return push(std::move(step));
  }

  Value spread(Value v) { return v.scalar() ? apply(Kernel::copy, {v}) : v; }

  Value column(TableId table, ColumnId id) {
    const Value place{Value::Is::column, column_slot(table, id)};
    const Storage storage = code_.columns[place.index].storage;
    if (storage == Storage::f64) return place;
    Step step{.action = Action::load, .storage = storage, .name = "load"};
    step.in = {place};
    return push(std::move(step));
  }

  Value value(NodeId id) {
    if (const auto it = values_.find(id); it != values_.end()) return it->second;
    const Value v = compute(id);
    values_.emplace(id, v);
    return v;
  }

  Value compute(NodeId id) {
    const Node& n = node(id);
    if (const auto it = given_.find(id); it != given_.end()) return column(table_, it->second);
    if (n.op == Op::constant) return constant(n.number[0]);
    if (n.op == Op::step && !n.number.empty()) return constant(n.number[0]);
    if (!by_row(id)) return uniform(id);
    if (is_stateful(n.op)) return stateful(id);
    LT_CHECK(n.table == table_,
             std::string("a value of another table is reached by relation only: ") + name_of(n.op));
    switch (n.op) {
      case Op::column:
        return column(table_, n.column);
      case Op::related:
        return related(n);
      case Op::interpolate:
      case Op::extrapolate:
      case Op::interpolate2:
        return interpolate(n);
      case Op::age:
        return age(id, n);
      default:
        break;
    }
    LT_CHECK(is_elementwise(n.op), std::string("must be given as a column: ") + name_of(n.op));
    return elementwise(n);
  }

  /// What a product with 1 or a quotient by 1 is of, as units leave them (v / 1 s); invalid: it is none.
  NodeId by_one(const Node& n) const {
    if ((n.op != Op::multiply && n.op != Op::divide) || n.args.size() != 2) return {};
    const auto one = [&](NodeId id) { return node(id).op == Op::constant && node(id).number[0] == 1; };
    if (one(n.args[1])) return n.args[0];
    return n.op == Op::multiply && one(n.args[0]) ? n.args[1] : NodeId();
  }

  Value elementwise(const Node& n) {
    if (const NodeId same = by_one(n); same.valid()) return value(same);
    switch (n.op) {
      case Op::add:
        return sum(n);
      case Op::subtract:
        return difference(n);
      case Op::multiply:
        return product(n);
      case Op::logical_not:
        return negation(n);
      case Op::logical_and:
        return logic(n, Kernel::logical_and, Kernel::less_and, Kernel::less_equal_and);
      case Op::logical_or:
        return logic(n, Kernel::logical_or, Kernel::less_or, Kernel::less_equal_or);
      case Op::choose:
        return choice(n);
      default:
        return plain(n);
    }
  }

  Value plain(const Node& n) {
    const Operation operation = operation_of(graph_, n);
    if (operation.unary != nullptr || operation.binary != nullptr) {
      Step step{.action = operation.unary != nullptr ? Action::maths_unary : Action::maths_binary,
                .unary = operation.unary,
                .binary = operation.binary,
                .name = name_of(n.op)};
      for (const NodeId arg : n.args) step.in.push_back(spread(value(arg)));
      return push(std::move(step));
    }
    const size_t operands = kKernelInfo[static_cast<size_t>(operation.kernel)].operands;
    if (operands == 2 && !operation.exchanged) return fold(operation.kernel, n);
    std::vector<Value> in;
    for (const NodeId arg : n.args) in.push_back(value(arg));
    if (operation.exchanged) std::swap(in[0], in[1]);
    return apply(operation.kernel, std::move(in));
  }

  /// From the left: f(f(a, b), c).
  Value fold(Kernel kernel, const Node& n) {
    Value result = value(n.args[0]);
    if (n.args.size() == 1) return result;
    for (size_t i = 1; i < n.args.size(); ++i) result = apply(kernel, {result, value(n.args[i])});
    return result;
  }

  /// Whether `id` is a binary `op` with one user, not needed for itself: it may become part of its user.
  bool fusible(NodeId id, Op op) {
    const Node& n = node(id);
    return n.op == op && n.args.size() == 2 && by_row(id) && !is_given(id) && uses_[id] == 1;
  }

  bool fusible_comparison(NodeId id) { return is_ordering(node(id).op) && fusible(id, node(id).op); }

  static Comparison comparison(const Node& n) {
    const bool swapped = n.op == Op::greater || n.op == Op::greater_equal;
    return {n.op == Op::less || n.op == Op::greater, n.args[swapped ? 1 : 0], n.args[swapped ? 0 : 1]};
  }

  Value fused(Kernel kernel, NodeId inner, NodeId other) {
    const Node& n = node(inner);
    return apply(kernel, {value(n.args[0]), value(n.args[1]), value(other)});
  }

  Value sum(const Node& n) {
    if (n.args.size() != 2) return fold(Kernel::add, n);
    const NodeId a = n.args[0], b = n.args[1];
    std::vector<NodeId> factors;
    if (collect_products(n, factors) && factors.size() >= 2 * kLeastProducts) return dot(factors);
    if (fusible(a, Op::multiply) && fusible(b, Op::multiply)) {
      const Node &p = node(a), &q = node(b);
      return apply(Kernel::sum_of_products,
                   {value(p.args[0]), value(p.args[1]), value(q.args[0]), value(q.args[1])});
    }
    if (fusible(a, Op::multiply)) return fused(Kernel::multiply_add, a, b);
    if (fusible(b, Op::multiply)) return fused(Kernel::multiply_add, b, a);
    return fold(Kernel::add, n);
  }

  /// The factors of ((a·b + c·d) + e·f) + …, where nothing else needs one of the sums or products.
  bool collect_products(const Node& n, std::vector<NodeId>& factors) {
    const NodeId left = n.args[0], right = n.args[1];
    if (!fusible(right, Op::multiply)) return false;
    if (fusible(left, Op::multiply)) {
      factors = node(left).args;
    } else if (!fusible(left, Op::add) || !collect_products(node(left), factors)) {
      return false;
    }
    factors.insert(factors.end(), node(right).args.begin(), node(right).args.end());
    return factors.size() <= 2 * kMostProducts;
  }

  Value dot(const std::vector<NodeId>& factors) {
    Step step{.action = Action::dot, .name = "dot"};
    for (const NodeId factor : factors) step.in.push_back(spread_once(factor));
    step.extra = static_cast<uint32_t>(code_.dots.size());
    code_.dots.emplace_back();
    return push(std::move(step));
  }

  /// A value by row of a node, which several users may share.
  Value spread_once(NodeId id) {
    const Value v = value(id);
    if (!v.scalar()) return v;
    const auto [it, added] = spread_.try_emplace(id);
    if (added) it->second = spread(v);
    return it->second;
  }

  Value difference(const Node& n) {
    const NodeId a = n.args[0], b = n.args[1];
    if (fusible(a, Op::multiply)) return fused(Kernel::multiply_subtract, a, b);
    if (fusible(b, Op::multiply)) return fused(Kernel::subtract_product, b, a);
    return fold(Kernel::subtract, n);
  }

  Value product(const Node& n) {
    if (n.args.size() != 2) return fold(Kernel::multiply, n);
    for (const int k : {0, 1}) {
      const NodeId inner = n.args[k], other = n.args[1 - k];
      if (fusible(inner, Op::add)) return fused(Kernel::sum_times, inner, other);
      if (fusible(inner, Op::subtract)) return fused(Kernel::difference_times, inner, other);
    }
    return fold(Kernel::multiply, n);
  }

  /// not (a < b) is b <= a, for unknown a or b as well.
  Value negation(const Node& n) {
    if (!fusible_comparison(n.args[0])) return plain(n);
    const Comparison c = comparison(node(n.args[0]));
    return apply(c.strict ? Kernel::less_equal : Kernel::less, {value(c.b), value(c.a)});
  }

  /// From the left, taking comparisons that stand here only in one pass with the connective.
  Value logic(const Node& n, Kernel plain, Kernel with_less, Kernel with_less_equal) {
    std::vector<NodeId> rest(n.args.begin(), n.args.end());
    // The one that starts the chain is computed for itself: preferably one that cannot be fused anyway.
    const auto start =
        std::find_if(rest.begin(), rest.end(), [&](NodeId id) { return !fusible_comparison(id); });
    std::rotate(rest.begin(), start == rest.end() ? rest.begin() : start,
                start == rest.end() ? rest.begin() : start + 1);
    Value result = value(rest[0]);
    for (size_t i = 1; i < rest.size(); ++i) {
      if (fusible_comparison(rest[i])) {
        const Comparison c = comparison(node(rest[i]));
        result = apply(c.strict ? with_less : with_less_equal, {value(c.a), value(c.b), result});
      } else {
        result = apply(plain, {result, value(rest[i])});
      }
    }
    return result;
  }

  Value choice(const Node& n) {
    const Value yes = value(n.args[1]), no = value(n.args[2]);
    if (!fusible_comparison(n.args[0])) {
      const Value condition = value(n.args[0]);
      return apply(is_boolean(n) ? Kernel::choose_boolean : Kernel::choose, {condition, yes, no});
    }
    const Comparison c = comparison(node(n.args[0]));
    const Kernel strict = is_boolean(n) ? Kernel::choose_less_boolean : Kernel::choose_less;
    const Kernel loose = is_boolean(n) ? Kernel::choose_less_equal_boolean : Kernel::choose_less_equal;
    return apply(c.strict ? strict : loose, {value(c.a), value(c.b), yes, no});
  }

  Value interpolate(const Node& n) {
    const size_t points = n.number.size() / 2;
    LT_CHECK(points > 0, "a table without points");
    Step step{.action = n.op == Op::interpolate   ? Action::interpolate
                        : n.op == Op::extrapolate ? Action::extrapolate
                                                  : Action::interpolate2,
              .name = name_of(n.op)};
    for (const NodeId arg : n.args) step.in.push_back(spread(value(arg)));
    step.extra = static_cast<uint32_t>(code_.tables.size());
    code_.tables.push_back({points, interpolation_table(n)});
    return push(std::move(step));
  }

  Value related(const Node& n) {
    const Relation& relation = schema_.table(table_).relations[n.relation.index()];
    const Node& source = node(n.args[0]);
    const auto given = given_.find(n.args[0]);
    LT_CHECK(given != given_.end() || source.op == Op::column,
             std::string("what is reached by relation must be a column or given: ") + name_of(source.op));
    const ColumnId column = given != given_.end() ? given->second : source.column;
    // Rows of one's own table may have been stored already, or not, when they are read.
    LT_CHECK(relation.to != table_ || !stored_.contains(column),
             "a column is reached by relation in the program that stores it: it needs a stratum of its own");
    Step step{
        .action = Action::gather, .storage = schema_.column(relation.to, column).storage, .name = "gather"};
    step.in = {Value{Value::Is::column, column_slot(table_, relation.rows)},
               Value{Value::Is::column, column_slot(relation.to, column, true)}};
    return push(std::move(step));
  }

  Value age(NodeId id, const Node& n) {
    LT_CHECK(n.column.valid(), "age without the column of sampling instants");
    Step step{.action = Action::age, .name = "age"};
    std::vector<NodeId> nodes;
    for (const Root& root : roots_) nodes.push_back(root.node);
    step.extra = static_cast<uint32_t>(code_.age_limits.size());
    auto& limits = code_.age_limits.emplace_back();
    if (const auto compared = age_limits(graph_, nodes, id))
      for (const double limit : *compared)
        limits.push_back(static_cast<int64_t>(std::clamp(limit, -9e9, 9e9) * 1e9));
    step.in = {Value{Value::Is::column, column_slot(table_, n.column)}};
    return push(std::move(step));
  }

  std::string unused_name(NodeId id, const std::string& what) const {
    const auto& names = schema_.table(table_).column_names;
    for (int nth = 1;; ++nth)
      if (auto name = state_column_name(node(id).op, id, what, nth); !names.contains(name)) return name;
  }

  Value stateful(NodeId id) {
    const Node& n = node(id);
    Code::Stateful call;
    call.node = id;
    call.kind = stateful_kind(n);
    if (n.op == Op::previous && node(n.args[0]).op == Op::column)
      call.kind.own_column = stored_.contains(node(n.args[0]).column);
    for (const NodeId arg : n.args) call.inputs.push_back(value(arg));
    for (const StateColumn& state : state_of(call.kind)) {
      const Type type = state.storage == Storage::boolean ? Type::boolean() : Type::number();
      const ColumnId added = schema_.add_column(
          table_, {.name = unused_name(id, state.name), .type = type, .storage = state.storage});
      call.state.push_back(column_slot(table_, added));
      call.zero.push_back(state.zero);
    }
    Step step{.action = Action::stateful, .name = name_of(n.op)};
    step.in = call.inputs;
    step.extra = static_cast<uint32_t>(code_.stateful.size());
    code_.stateful.push_back(std::move(call));
    return push(std::move(step));
  }

  Code& code_;
  Schema& schema_;
  const Graph& graph_;
  const TableId table_;
  const std::span<const Root> roots_;
  std::unordered_map<NodeId, ColumnId> given_;
  std::unordered_set<ColumnId> stored_;               ///< the roots' columns
  std::unordered_map<uint64_t, uint32_t> constants_;  ///< where each stands in the code, by its bits
  std::unordered_map<NodeId, uint32_t> uniforms_;
  std::unordered_map<uint64_t, uint32_t> slots_, whole_slots_;  ///< by table and column
  std::unordered_map<NodeId, bool> by_row_;
  std::unordered_map<NodeId, int> uses_;
  std::unordered_map<NodeId, Value> values_;
  std::unordered_map<NodeId, Value> spread_;
  std::vector<Step> steps_;
  size_t temporaries_ = 0;
};

}  // namespace

Lowered lower(Code& code, Schema& schema, const Graph& graph, TableId table, std::span<const Root> roots,
              std::span<const Root> given, std::span<const NodeId> uniforms) {
  code.uniforms.assign(uniforms.begin(), uniforms.end());
  return Lowering(code, schema, graph, table, roots, given).run();
}

}  // namespace looptwin::lang
