// The order of evaluation: strata. Within a stratum sets and windows are computed first, from columns that
// earlier strata wrote, then the programs of tables, of what never changes and of the rest, then the
// producers (events) that write columns which later strata read. A cycle among expressions is an error,
// except through previous().
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "lang/graph.h"
#include "lang/program.h"
#include "lang/warm.h"

namespace looptwin::lang {

/// An aggregate over a set: for each row of `owner`, over the members of `relation`, of column `from`
/// (invalid: size).
struct SetAggregate {
  NodeId node;
  Op op = Op::set_sum;
  TableId owner;
  RelationId relation;
  TableId member;
  ColumnId from;
  ColumnId out;
  double minimum_good = 1;
};

/// A window: over the samples of a telemetry field (`sampled`), or over the values of a column at the
/// boundaries.
struct Window {
  NodeId node;
  Op op = Op::window_mean;
  TableId table;
  ColumnId from;
  ColumnId out;
  Duration span{};
  bool sampled = false;
};

/// A column of another table that a program reads through a to-one relation.
struct RelatedRead {
  RelationId relation;
  TableId to;
  ColumnId column;
};

struct TableProgram {
  TableId table;
  Program program;
  std::vector<RelatedRead> related;
  bool always = false;  ///< depends on the time of evaluation itself: every row, every time
  bool steady = false;  ///< depends on nothing that changes in a run: every row, once
};

/// previous(x) of an x that depends on a producer: before anything of a boundary is computed, `before` is
/// copied from `now`, which still holds x of the boundary before. Where they differ afterwards, the row must
/// be looked at again at the next boundary.
struct Remembered {
  TableId table;
  ColumnId now;
  ColumnId before;
};

struct ProducerRef {
  size_t index = 0;
  TableId table;
};

struct Stratum {
  std::vector<SetAggregate> sets;
  std::vector<Window> windows;  ///< not sampled ones only
  std::vector<WarmWindow> warm;
  std::vector<TableProgram> programs;
  std::vector<ProducerRef> producers;
};

/// Something outside the language that reads nodes and writes a column which expressions may read: an event.
struct Producer {
  std::string name;
  Span span;
  TableId table;
  ColumnId column;
  std::vector<NodeId> needs;
  bool of_members = false;  ///< it needs what it is made of, as a group its members: nobody wrote that down
};

/// A node whose value somebody wants in a column.
struct Demand {
  NodeId node;
  TableId table;
  ColumnId column{};    ///< filled by build_plan, as is `steady`: where the value stands
  bool steady = false;  ///< it is the same from the start of a run to its end
};

struct Plan {
  std::vector<Stratum> strata;
  std::vector<Window> sampled;  ///< computed by hot history before the first stratum
  std::vector<Remembered> remembered;
  std::vector<Demand> demands;   ///< as given, with their columns
  std::vector<NodeId> uniforms;  ///< all that any program or demand needs
  size_t operations(TableId table) const;
  /// Whether what is demanded, and stands in this column, stays the same over a run.
  bool is_steady(TableId table, ColumnId column) const;
};

/// Orders all demands and the producers' needs. `is_sampled_field(table, column)` tells telemetry fields,
/// whose windows are over samples; `is_constant` columns that nobody writes once a run has begun: what
/// depends on such alone has programs of its own. Adds columns to the schema for what must be stored.
Result<Plan> build_plan(
    Schema& schema, const Graph& graph, std::vector<Demand> demands, const std::vector<Producer>& producers,
    const std::function<bool(TableId, ColumnId)>& is_sampled_field,
    const std::function<bool(TableId, ColumnId)>& is_constant = [](TableId, ColumnId) { return false; });

}  // namespace looptwin::lang
