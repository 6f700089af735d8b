// Functions over whole columns that the program around the loop brings, as Python's: a named quantity of each
// device of a model, which expressions read like what devices report. Run on the driving thread, once a
// boundary, after all is taken in and before anything is evaluated.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "lang/schema.h"
#include "mml/config.h"

namespace looptwin::twin {
class Registry;
class Tables;
}  // namespace looptwin::twin

namespace looptwin::mml {

class Dirty;

class ColumnFunction {
 public:
  virtual ~ColumnFunction() = default;
  /// Of its arguments alone: it has no state. Columns have a value a device, numbers in their declared unit,
  /// conditions 1 or 0, words their codes; NaN is unknown. Fails with what is wrong with it.
  virtual Result<void> run(std::span<const std::span<const double>> arguments, std::span<double> result) = 0;
};

/// A function wired into a table.
struct WiredFunction {
  FunctionConfig config;
  TableId table;
  ColumnId column;
  std::vector<ColumnId> arguments;
};
/// Adds the result's column to the schema.
void add_columns(lang::Schema& schema, WiredFunction& function);

class ColumnFunctions {
 public:
  ColumnFunctions(std::vector<WiredFunction> functions, const lang::Schema& schema,
                  const twin::Registry& registry, twin::Tables& tables)
      : functions_(std::move(functions)), schema_(schema), registry_(registry), tables_(tables) {}

  /// After all columns are allocated: nothing is known yet.
  void bind();
  /// Those of whose tables something is new. False where one failed, which ends the run: breakdown() says
  /// why.
  bool step(Time now, Dirty& dirty);
  const Diagnostics& breakdown() const { return breakdown_; }

 private:
  bool run(const WiredFunction& function, Time now, Dirty& dirty);
  bool fail(const WiredFunction& function, Time now, const std::string& why, const std::string& hint);
  std::vector<double> column_of(TableId table, ColumnId column) const;

  std::vector<WiredFunction> functions_;
  const lang::Schema& schema_;
  const twin::Registry& registry_;
  twin::Tables& tables_;
  Diagnostics breakdown_;
};

}  // namespace looptwin::mml
