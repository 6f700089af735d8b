// Derived values: named quantities that the loop computes for a device, a set of devices or the site, as the
// load of a block. Rules, alarms and other derived values read them by name; the run folder keeps them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "lang/schema.h"
#include "mml/config.h"

namespace looptwin::twin {
class Tables;
}

namespace looptwin::mml {

/// A derived value wired into tables: a column that expressions read under its name.
struct Derived {
  DerivedConfig config;
  TableId table;
  ColumnId column;               ///< the value: f64 in SI, boolean, or the code of a word
  ColumnId computed;             ///< the plan's column of the expression
  std::optional<uint16_t> feed;  ///< where it is published
  bool remembered = false;       ///< previous() of it is read, which changes a cycle after the value
};

/// Adds the column to the schema.
void add_columns(lang::Schema& schema, Derived& derived);

/// Brings rows [first, first + count) up to what was computed at `now`. Lowers due[row / 64] where somebody
/// must look again at the next boundary.
void step(const Derived& derived, twin::Tables& tables, Time now, size_t first, size_t count, Time* due);

}  // namespace looptwin::mml
