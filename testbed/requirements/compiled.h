// Requirements, checked: formulas over atoms, and atoms over columns. See docs/requirements.md.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "lang/plan.h"
#include "lang/units.h"
#include "mml/records.h"
#include "sim/fleet.h"
#include "testbed/requirements/config.h"
#include "testbed/requirements/formula.h"
#include "testbed/scenario.h"
#include "testbed/wiring.h"
#include "twin/registry.h"

namespace looptwin::testbed {

/// A value that an atom reads: a column of the requirement's table, or always the same.
struct Operand {
  std::string text;
  std::optional<double> constant;  ///< SI
  ColumnId column;
};

/// What the loop decided at a boundary, about a device: issued(stop), raised(overload).
struct Pulse {
  mml::RecordKind kind = mml::RecordKind::command_issued;
  TableId table;          ///< whose devices the records are about
  uint16_t subject = 0;   ///< of raised and cleared: the event or alarm
  uint16_t quantity = 0;  ///< of all others: the command or setpoint, as in records
  RelationId relation;    ///< how the requirement's device is related to them; invalid: it is theirs
};

struct Atom {
  enum class Is : uint8_t { comparison, condition, pulse };
  Is is = Is::condition;
  std::string text;
  lang::Op op = lang::Op::less;  ///< of a comparison of numbers
  Operand left, right;           ///< a condition stands in `left`
  lang::Unit unit;               ///< of both sides
  std::string margin_unit;       ///< of their difference
  bool negated = false;          ///< below an odd number of negations
  Pulse pulse;
};

struct Requirement {
  RequirementConfig config;
  TableId table;
  Formula formula;
  std::vector<Atom> atoms;
  std::optional<Operand> where;
  size_t group = 0;
};

/// Those that are looked at together, with what is computed for them.
struct RequirementGroup {
  Duration every{};             ///< zero: at every boundary
  bool of_truth = false;        ///< reads nothing that the loop knows: so it begins with the run, at 0
  std::vector<TableId> truths;  ///< tables whose true state is read
  std::vector<TableId> known;   ///< tables of which is read what the loop knows
  lang::Plan plan;
};

struct CompiledRequirements {
  std::vector<Requirement> requirements;
  std::vector<RequirementGroup> groups;
  std::vector<size_t> first_column;       ///< [table] columns from here on are theirs
  std::vector<twin::WindowSpec> windows;  ///< of hot history
  Diagnostics warnings;
};

/// Checks all requirements and adds their columns, the last of all, to the schema. `fleet`: where truth is
/// asked of; null: of nobody.
Result<CompiledRequirements> compile_requirements(const Scenario& scenario, const lang::Units& units,
                                                  lang::Schema& schema, lang::Graph& graph,
                                                  const twin::Registry& registry, const Wired& wired,
                                                  const sim::Fleet* fleet);

}  // namespace looptwin::testbed
