// Register programs: what the vector VM executes. Compiled from the graph for rows of one table (or for no
// row, with one value for all); a register is a vector of doubles, 256 rows at a time, so that all registers
// stay in L1. A program is pure but for the state columns of its stateful operations, and those are
// idempotent at one instant: running it again for rows on which nothing changed changes nothing.
#pragma once

#include <compare>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "lang/graph.h"
#include "lang/memory.h"

namespace looptwin::lang {

/// One column's memory: row r is the `width` bytes at data + r·width.
struct Extent {
  const std::byte* data = nullptr;
  size_t width = 0;
  auto operator<=>(const Extent&) const = default;
};

/// The instant of an evaluation, and the uniform values: one double for all rows, in the order of
/// Program::uniforms().
struct Instant {
  Time now;
  std::span<const double> uniforms;
};

struct Pause;

/// What a program computes: the value of a node, stored into a column of the program's table.
struct Root {
  NodeId node;
  ColumnId column;
};

class Program {
 public:
  Program();
  Program(Program&&) noexcept;
  Program& operator=(Program&&) noexcept;
  ~Program();

  /// Compiles the roots for rows of `table`; common parts are computed once. Nodes in `given` are not
  /// computed but read from a column (windows, sets, what an earlier stratum stored). Uniform nodes that are
  /// not constant become uniforms(): the caller computes them once (see UniformProgram) and passes them in.
  /// Stateful operations get hidden state columns added to the schema. All columns are read as they were
  /// before the run, whatever the order of the roots; a column may be the target of one root only. `uniforms`
  /// stand first in uniforms(), in that order, so that several programs can share one list of values.
  static Program compile(Schema& schema, const Graph& graph, TableId table, std::span<const Root> roots,
                         std::span<const Root> given, std::span<const NodeId> uniforms = {});

  /// Resolves column pointers. Call again after a table has grown.
  void bind(Memory& memory);

  /// Runs rows [first, first + count). `due`, where given, is lowered to the earliest instant at which an
  /// operation of these rows may change by itself (held, rises, time_true, age, previous, a switch that waits
  /// for its least time), one entry a group of 64 rows (indexed by row / 64). Thread-safe for disjoint rows;
  /// does not allocate.
  void run(const Instant& instant, size_t first, size_t count, Time* due = nullptr) const;

  /// Where the columns lie that a run reads or writes row by row; bound columns only.
  std::vector<Extent> extents() const;

  /// Sets the state columns of rows [first, first + count) to their initial values.
  void reset(size_t first, size_t count) const;

  /// Tells the operations of these rows of a time in which they are not run.
  void pause(const Pause& pause, size_t first, size_t count) const;
  /// What moves by itself (ramp, stiction) and is the value of a root's column goes on from what stands
  /// there.
  void go_on_from(ColumnId column, size_t row) const;

  const std::vector<NodeId>& uniforms() const;
  const std::vector<ColumnId>& state_columns() const;  ///< to save and restore, beside the roots' own columns
  const std::vector<Root>& roots() const;
  size_t operations() const;  ///< vector operations per row: the cost that `check --explain` shows
  std::string disassemble() const;

 private:
  struct Body;
  std::unique_ptr<Body> body_;
};

/// Evaluates uniform nodes (no row): constants, feeds and arithmetic on them.
class UniformProgram {
 public:
  /// How the value of a feed is asked for. `from` and `to` are leads, s, for forecasts; both 0 for the
  /// present.
  class Feeds {
   public:
    virtual ~Feeds() = default;
    virtual double value(FeedId feed, Time now) = 0;
    virtual double forecast(Op how, FeedId feed, Time now, double from, double to) = 0;
    /// Op::civil_time, civil_weekday, civil_day_of_year in the scenario's timezone.
    virtual double civil(Op what, Time now) = 0;
  };
  UniformProgram(const Graph& graph, std::vector<NodeId> nodes);
  /// One value a node, in their order; unknown is NaN, booleans 0, ½, 1.
  void run(Time now, Feeds& feeds, std::span<double> values);
  const std::vector<NodeId>& nodes() const { return nodes_; }

 private:
  const Graph& graph_;
  std::vector<NodeId> nodes_;
  std::vector<NodeId> order_;
  std::vector<double> value_;                ///< by node
  std::vector<std::vector<double>> tables_;  ///< of the interpolations, in their order
};

}  // namespace looptwin::lang
