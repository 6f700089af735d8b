// Derived values: named quantities that the loop computes for a device, a set of devices or the site, as the
// load of a block. Rules, alarms and other derived values read them by name; the run folder keeps them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "lang/machine.h"
#include "lang/schema.h"
#include "twin/tables.h"

namespace looptwin::mml {

/// `derived: {load: {each: block, value: sum(homes.power), unit: kW, every: 1 min}}`
struct DerivedConfig {
  std::string name;
  Span span;
  std::string each;  ///< a model; empty: of the site
  Span value;        ///< an expression: a number of `unit`'s dimension, or a boolean
  lang::Unit unit;   ///< of numbers
  bool boolean = false;
  std::vector<std::string> words;  ///< of a machine's state; empty otherwise
  double min_good = 1;             ///< of the members that aggregates over sets need
  Duration every{};                ///< how often it is kept in the run folder; zero: never
  std::string publish;             ///< the outbound feed that it goes to as often; empty: none
  Span publish_span;
};

/// `machines: {mode: {each: pump, states: [idle, filling], transitions: [{to: filling, when: level < 1 m},
/// ...]}}`: a derived value that is a state.
struct MachineConfig : lang::Machine {
  std::string each;  ///< a model; empty: of the site
  double min_good = 1;
  Duration every{};  ///< how often it is kept in the run folder; zero: never
};

/// A derived value wired into tables: a column that expressions read under its name.
struct Derived {
  DerivedConfig config;
  TableId table;
  ColumnId column;          ///< the value: f64 in SI, boolean, or the code of a word
  ColumnId computed;        ///< the plan's column of the expression
  std::optional<uint16_t> feed;  ///< where it is published
  bool remembered = false;  ///< previous() of it is read, which changes a cycle after the value
};

/// Adds the column to the schema.
void add_columns(lang::Schema& schema, Derived& derived);

/// Brings rows [first, first + count) up to what was computed at `now`. Lowers due[row / 64] where somebody
/// must look again at the next boundary.
void step(const Derived& derived, twin::Tables& tables, Time now, size_t first, size_t count, Time* due);

}  // namespace looptwin::mml
