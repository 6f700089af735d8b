#include "lang/plan.h"

#include <fmt/format.h>
#include <algorithm>
#include <map>
#include <set>

#include "base/check.h"
#include "lang/ages.h"
#include "lang/condition_windows.h"

namespace looptwin::lang {
namespace {

Storage storage_for(const Type& type) {
  switch (type.kind) {
    case Kind::boolean:
      return Storage::boolean;
    case Kind::enumeration:
      return Storage::code;
    default:
      return Storage::f64;
  }
}

/// Windows whose samples or values lie in a history of their own; rises and time_true of anything but the
/// samples of a field keep their state in the program.
bool is_history_window(const Node& node) {
  if (node.op == Op::rises || node.op == Op::time_true) return is_over_samples(node);
  return is_warm(node.op) || is_window(node.op);
}

class Planner {
 public:
  Planner(Schema& schema, const Graph& graph, const std::vector<Producer>& producers,
          const std::function<bool(TableId, ColumnId)>& is_sampled_field,
          const std::function<bool(TableId, ColumnId)>& is_constant)
      : schema_(schema),
        graph_(graph),
        producers_(producers),
        is_sampled_field_(is_sampled_field),
        is_constant_(is_constant) {
    for (size_t p = 0; p < producers.size(); ++p) producer_of_[{producers[p].table, producers[p].column}] = p;
    producer_level_.assign(producers.size(), kUnvisited);
  }

  Result<Plan> build(std::vector<Demand> demands) {
    for (size_t p = 0; p < producers_.size(); ++p) level_of_producer(p);
    for (const auto& demand : demands) level(demand.node);
    // What previous() asks for is evaluated after all else has its place: so it closes no circle.
    for (size_t i = 0; i < remembered_.size(); ++i) level(remembered_[i]);
    if (!problems_.empty()) return tl::make_unexpected(std::move(problems_));

    for (auto& demand : demands) {
      demand.column = store_truth(demand.node, demand.table);
      demand.steady = is_steady(demand.node);
    }
    for (const auto& producer : producers_)
      for (const NodeId need : producer.needs) store(need, producer.table);
    for (size_t p = 0; p < producers_.size(); ++p)
      stratum(producer_level_[p]).producers.push_back({p, producers_[p].table});
    compile();
    if (!problems_.empty()) return tl::make_unexpected(std::move(problems_));
    plan_.demands = std::move(demands);
    return std::move(plan_);
  }

 private:
  static constexpr int kUnvisited = -1;
  static constexpr int kVisiting = -2;

  Stratum& stratum(int level) {
    if (plan_.strata.size() <= static_cast<size_t>(level))
      plan_.strata.resize(static_cast<size_t>(level) + 1);
    return plan_.strata[static_cast<size_t>(level)];
  }

  int level_of_producer(size_t p) {
    if (producer_level_[p] >= 0) return producer_level_[p];
    if (producer_level_[p] == kVisiting) {
      // A member's way back to itself is opened where its group is read.
      const Producer& read =
          producers_[visiting_.back()].of_members ? producers_[visiting_.back()] : producers_[p];
      problems_.push_back(
          {Severity::error, producers_[p].span,
           fmt::format("'{}' depends on itself{}", producers_[p].name, way_back_to(p)),
           fmt::format("write previous({}) where its value of the cycle before is meant", read.name)});
      return 0;
    }
    producer_level_[p] = kVisiting;
    visiting_.push_back(p);
    int highest = 0;
    for (const NodeId need : producers_[p].needs) highest = std::max(highest, level(need));
    visiting_.pop_back();
    return producer_level_[p] = highest;
  }

  /// ", by way of 'b' and 'c'": the producers under way since `p`.
  std::string way_back_to(size_t p) const {
    std::string way;
    for (auto at = std::find(visiting_.begin(), visiting_.end(), p) + 1; at < visiting_.end(); ++at)
      way += fmt::format("{}'{}'", way.empty() ? ", by way of " : " and ", producers_[*at].name);
    return way;
  }

  /// Whether a node is just a column that stands in memory before its stratum begins.
  bool is_plain(NodeId id) const { return graph_[id].op == Op::column; }

  /// The stratum in which a node's value can be computed.
  int level(NodeId id) {
    if (const auto known = level_.find(id); known != level_.end()) return known->second;
    const Node& node = graph_[id];
    int highest = 0;
    if (node.op == Op::column) {
      const auto p = producer_of_.find({node.table, node.column});
      if (p != producer_of_.end()) highest = level_of_producer(p->second) + 1;
    } else if (is_previous_of_producer(node)) {
      highest = 0;  // what the column still holds from the cycle before
      if (!is_plain(node.args[0])) remembered_.push_back(node.args[0]);
    } else {
      for (const NodeId arg : node.args) highest = std::max(highest, level(arg));
      const bool through_column = is_set(node.op) || is_history_window(node) || node.op == Op::related;
      if (through_column && !node.args.empty() && !is_plain(node.args[0])) ++highest;
    }
    level_[id] = highest;
    return highest;
  }

  ColumnId hidden(TableId table, const Node& node) {
    return schema_.add_column(table,
                              {fmt::format(".{}.{}", name_of(node.op), schema_.table(table).columns.size()),
                               node.type,
                               {},
                               storage_for(node.type)});
  }

  /// Makes sure that the node's value stands in a column of `table`, and returns it.
  ColumnId store(NodeId id, TableId table) {
    LT_CHECK(table.valid());
    if (is_plain(id)) return graph_[id].column;
    if (const auto stored = stored_.find({id, table}); stored != stored_.end()) return stored->second;
    const Node& node = graph_[id];
    const ColumnId column = hidden(table, node);
    stored_[{id, table}] = column;
    if (is_set(node.op)) {
      add_set(id, column);
    } else if (is_history_window(node)) {
      add_window(id, column);
    } else {
      roots_[{level(id), table}].push_back({id, column});
      need_parts(id);
    }
    if (is_previous_of_producer(node) && !is_plain(node.args[0]))
      plan_.remembered.push_back({table, store(node.args[0], table), column});
    return column;
  }

  /// The same; a truth as a truth is stored, for whoever demands a condition reads it so. A column may hold
  /// it as a number: a setpoint does.
  ColumnId store_truth(NodeId id, TableId table) {
    const Node& node = graph_[id];
    const bool as_number = is_plain(id) && node.type.kind == Kind::boolean &&
                           schema_.column(table, node.column).storage != Storage::boolean;
    if (!as_number) return store(id, table);
    const auto [copy, is_new] = truths_.try_emplace({id, table});
    if (is_new) {
      copy->second = hidden(table, node);
      roots_[{level(id), table}].push_back({id, copy->second});
    }
    return copy->second;
  }

  void add_set(NodeId id, ColumnId out) {
    const Node& node = graph_[id];
    const auto& relation = schema_.table(node.table).relations[node.relation.index()];
    const ColumnId from = node.args.empty() ? ColumnId() : store(node.args[0], relation.to);
    const double minimum_good = node.number.empty() ? 1.0 : node.number[0];
    stratum(level(id)).sets.push_back(
        {id, node.op, node.table, node.relation, relation.to, from, out, minimum_good});
  }

  void add_window(NodeId id, ColumnId out) {
    const Node& node = graph_[id];
    const NodeId over = node.args[0];
    const bool sampled = is_plain(over) && is_sampled_field_(node.table, graph_[over].column);
    if (is_warm(node.op)) {
      WarmWindow warm = warm_window(graph_, id);
      warm.from = store(over, node.table);
      warm.out = out;
      warm.sampled = sampled;
      stratum(level(id)).warm.push_back(warm);
      return;
    }
    const Window window{id, node.op, node.table, store(over, node.table), out, node.span, sampled};
    if (sampled)
      plan_.sampled.push_back(window);
    else
      stratum(level(id)).windows.push_back(window);
  }

  /// Whether a value follows what a producer writes in the same cycle.
  bool needs_producer(NodeId id) {
    if (const auto known = needs_producer_.find(id); known != needs_producer_.end()) return known->second;
    const Node& node = graph_[id];
    bool needs = node.op == Op::column && producer_of_.contains({node.table, node.column});
    if (node.op != Op::previous)
      for (const NodeId arg : node.args) needs = needs_producer(arg) || needs;
    return needs_producer_[id] = needs;
  }

  /// previous() of what follows a producer: until that is computed anew, its column holds the value of the
  /// cycle before.
  bool is_previous_of_producer(const Node& node) {
    return node.op == Op::previous && needs_producer(node.args[0]);
  }

  /// Sets, windows and related values inside an expression are read from columns: see that they are stored.
  void need_parts(NodeId id) {
    if (!seen_.insert(id).second) return;
    const Node& node = graph_[id];
    if (is_set(node.op)) {
      store(id, node.table);
      return;
    }
    if (is_history_window(node)) {
      if (!node.table.valid()) {
        problems_.push_back(
            {Severity::error, graph_.span(id), "a window over a feed has no history to look at",
             "ask the feed for a forecast, or give its value a name under derived: and take the window "
             "over that"});
        return;
      }
      store(id, node.table);
      return;
    }
    if (node.op == Op::related) {
      store(node.args[0], schema_.table(node.table).relations[node.relation.index()].to);
      return;
    }
    if (is_previous_of_producer(node)) {
      store(id, node.table);  // in the first stratum, before the producer writes over it
      return;
    }
    for (const NodeId arg : node.args) need_parts(arg);
  }

  struct Reads {
    std::vector<Root> given;
    std::vector<RelatedRead> related;
    bool always = false;
  };

  /// What a program of `table` at `level` reads from columns instead of computing it.
  void collect(NodeId id, TableId table, int level, bool is_root, Reads& reads, std::set<NodeId>& seen) {
    if (!seen.insert(id).second) return;
    const Node& node = graph_[id];
    if (node.op == Op::now || (node.op == Op::age && !age_limits(graph_, root_nodes_, id)))
      reads.always = true;
    if (is_set(node.op) || is_history_window(node)) {
      reads.given.push_back({id, stored_.at({id, table})});
      return;
    }
    if (level == 0 && is_previous_of_producer(node)) {
      reads.given.push_back({id, store(node.args[0], table)});
      return;
    }
    // What an earlier stratum stored is read; what this one stores it computes itself.
    if (!is_root && node.op != Op::column && this->level(id) < level) {
      if (const auto stored = stored_.find({id, table}); stored != stored_.end()) {
        reads.given.push_back({id, stored->second});
        return;
      }
    }
    if (node.op == Op::related) {
      const auto& relation = schema_.table(node.table).relations[node.relation.index()];
      const NodeId arg = node.args[0];
      const ColumnId column = is_plain(arg) ? graph_[arg].column : stored_.at({arg, relation.to});
      reads.related.push_back({node.relation, relation.to, column});
      if (!is_plain(arg)) reads.given.push_back({arg, column});
      return;
    }
    for (const NodeId arg : node.args) collect(arg, table, level, false, reads, seen);
  }

  /// Whether a node depends on constants and constant columns alone.
  bool is_steady(NodeId id) const {
    const Node& node = graph_[id];
    if (node.op == Op::column) return is_constant_(node.table, node.column);
    return node.op == Op::constant ||
           (is_elementwise(node.op) &&
            std::all_of(node.args.begin(), node.args.end(), [&](NodeId arg) { return is_steady(arg); }));
  }

  void compile() {
    std::set<NodeId> uniforms;
    for (auto& [key, roots] : roots_) {
      const auto& [level, table] = key;
      const auto changing = std::stable_partition(roots.begin(), roots.end(),
                                                  [&](const Root& root) { return is_steady(root.node); });
      compile(level, table, {roots.begin(), changing}, uniforms);
      compile(level, table, {changing, roots.end()}, uniforms);
    }
    plan_.uniforms.assign(uniforms.begin(), uniforms.end());
  }

  /// The program of roots that all are steady, or all are not.
  void compile(int level, TableId table, std::span<const Root> roots, std::set<NodeId>& uniforms) {
    if (roots.empty()) return;
    Reads reads;
    std::set<NodeId> seen;
    root_nodes_.clear();
    for (const Root& root : roots) root_nodes_.push_back(root.node);
    for (const Root& root : roots) collect(root.node, table, level, true, reads, seen);
    TableProgram compiled{table, Program::compile(schema_, graph_, table, roots, reads.given),
                          std::move(reads.related), reads.always, is_steady(roots.front().node)};
    for (const NodeId u : compiled.program.uniforms()) uniforms.insert(u);
    stratum(level).programs.push_back(std::move(compiled));
  }

  Schema& schema_;
  const Graph& graph_;
  const std::vector<Producer>& producers_;
  const std::function<bool(TableId, ColumnId)>& is_sampled_field_;
  const std::function<bool(TableId, ColumnId)>& is_constant_;
  Plan plan_;
  Diagnostics problems_;
  std::map<std::pair<TableId, ColumnId>, size_t> producer_of_;
  std::vector<int> producer_level_;
  std::vector<size_t> visiting_;  ///< the producers under way, each needed by the one before
  std::map<NodeId, int> level_;
  std::map<NodeId, bool> needs_producer_;
  std::vector<NodeId> remembered_;  ///< what previous() needs of the cycle before, beside plain columns
  std::map<std::pair<NodeId, TableId>, ColumnId> stored_;
  std::map<std::pair<NodeId, TableId>, ColumnId> truths_;  ///< copies of columns that hold them as numbers
  std::map<std::pair<int, TableId>, std::vector<Root>> roots_;
  std::set<NodeId> seen_;
  std::vector<NodeId> root_nodes_;  ///< of the program that is being compiled
};

}  // namespace

size_t Plan::operations(TableId table) const {
  size_t n = 0;
  for (const auto& stratum : strata)
    for (const auto& p : stratum.programs)
      if (p.table == table) n += p.program.operations();
  return n;
}

bool Plan::is_steady(TableId table, ColumnId column) const {
  return std::any_of(demands.begin(), demands.end(),
                     [&](const Demand& d) { return d.steady && d.table == table && d.column == column; });
}

Result<Plan> build_plan(Schema& schema, const Graph& graph, std::vector<Demand> demands,
                        const std::vector<Producer>& producers,
                        const std::function<bool(TableId, ColumnId)>& is_sampled_field,
                        const std::function<bool(TableId, ColumnId)>& is_constant) {
  return Planner(schema, graph, producers, is_sampled_field, is_constant).build(std::move(demands));
}

}  // namespace looptwin::lang
