// What expressions can be about: tables and their columns, relations between tables, enumerations, feeds.
// Plain data, filled by those who own the tables (twin/, sim/, mml/) and read by the checker and the
// compiler.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "lang/types.h"

namespace looptwin::lang {

/// How a column lies in memory; one contiguous array a column, a row a device.
/// f64: unknown is NaN.  boolean: u8 0 false, 1 true, 2 unknown.  code: u8, an enumeration's index, 255
/// unknown. row: u32, the row of a related table, 0xffffffff none.  instant: i64 ns since the run's start,
/// INT64_MAX never.
enum class Storage : uint8_t { f64, boolean, code, row, instant };
size_t size_of(Storage storage);

struct Column {
  std::string name;  ///< unique in its table; hidden columns begin with '.'
  Type type;
  Unit unit;  ///< for people and files; the column itself is in SI
  Storage storage = Storage::f64;
};

/// A relation as declared on one side, and its inverse on the other. To-one relations have a `row` column
/// with the related rows; their inverse is a set, whose members are in registry order.
struct Relation {
  std::string name;
  TableId to;
  bool many = false;
  RelationId inverse;  ///< in table `to`
  ColumnId rows;       ///< to-one only: the column with the row of `to`
};

struct Table {
  std::string name;
  std::vector<Column> columns;  ///< grown by Schema::add_column alone
  std::vector<Relation> relations;
  std::unordered_set<std::string> column_names{};
};

struct Enumeration {
  std::string name;
  std::vector<std::string> words;  ///< coded 0, 1, 2, … in declaration order; at most 255
};

/// A signal of a feed: weather.temperature. `forecast` says that forecast(), forecast_max() … may be asked of
/// it.
struct FeedSignal {
  std::string feed;
  std::string name;
  Type type;
  Unit unit;
  bool forecast = false;
};

struct Schema {
  std::vector<Table> tables;
  std::vector<Enumeration> enumerations;
  std::vector<FeedSignal> feeds;

  const Table& table(TableId id) const { return tables[id.index()]; }
  Table& table(TableId id) { return tables[id.index()]; }
  const Column& column(TableId t, ColumnId c) const { return tables[t.index()].columns[c.index()]; }
  ColumnId add_column(TableId t, Column column);
};

/// What a bare name means in one place of a scenario (a model's physics, its controller, rules about it).
struct Symbol {
  enum class Is : uint8_t { column, relation, feed_root, constant, node };
  Is is = Is::column;
  Type type;
  ColumnId column;    ///< the value that the bare name reads
  ColumnId desired;   ///< desired(x), for setpoints
  ColumnId fallback;  ///< default(x), for setpoints
  ColumnId truth;     ///< truth(x), where tests and requirements may ask for it
  ColumnId sampled;   ///< when the value was sampled (storage instant), for age(x)
  ColumnId quality;   ///< what the value is worth (storage code), for quality(x), of telemetry fields
  RelationId relation;
  double value = 0;            ///< constants, SI
  Id<struct NodeTag> node;     ///< Is::node: the value itself, checked before (an input of physics)
  bool sampled_field = false;  ///< a telemetry field: windows over it use its samples, not boundary values
  Duration period{};           ///< of a telemetry field
  std::string
      note;  ///< shown when the name cannot be used here: "a controller sees its telemetry, not true state"
};

/// The names visible for rows of one table; the names of related tables are reached through their own scope.
struct Scope {
  TableId table;  ///< invalid: no row (an expression about nothing but feeds and sets of whole tables)
  std::map<std::string, Symbol> names;
  std::map<std::string, std::string> hints;  ///< names of other scopes, and what to write for them
};

/// One scope a table, all for the same purpose; index = TableId.
struct Scopes {
  std::vector<Scope> of_table;
  bool truth_allowed = false;         ///< tests and requirements
  bool windows_allowed = true;        ///< rules; physics and controllers have their own state functions
  bool controller_functions = false;  ///< hysteresis, pid, ramp, delay, latch
  std::optional<Duration> step;       ///< the controller's period, for pid and ramp
};

}  // namespace looptwin::lang
