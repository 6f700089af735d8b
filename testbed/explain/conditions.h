// Why a condition held on a device, or did not: its parts with what they compared, as a tree. Read from the
// twin as it is after a boundary, by an evaluation of single values that shares nothing with the programs.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lang/graph.h"
#include "lang/plan.h"
#include "lang/program.h"
#include "lang/units.h"
#include "testbed/explain/said.h"
#include "twin/registry.h"
#include "twin/tables.h"

namespace looptwin::testbed {

/// One condition: a comparison, what joins or turns others, a name with the condition behind it (a derived
/// value, an event), or a fact (what a device reports, a person's switch).
struct Condition {
  enum class Is : uint8_t { comparison, all, any, negation, held, named, fact } is = Is::fact;
  lang::NodeId node;
  twin::DeviceRef device;
  std::string text;    ///< as it was written
  double holds = 0.5;  ///< 1, 0, or ½ where it is unknown
  // Of comparisons, SI:
  lang::Op op = lang::Op::less;
  double left = 0, right = 0;
  std::string left_text, right_text;
  lang::Unit unit;  ///< in which both are shown
  std::vector<Condition> parts;

  /// Of a comparison of numbers: how far the left side is from turning it, in SI; NaN where unknown.
  double distance() const;
  /// "sum(homes.power) > limit: 793.2 kW is not above 800 kW, by 6.8 kW"
  std::string said() const;
  /// It and its parts, a line each: "yes", "no" or "?", and what it says.
  Explanation told() const;
  std::vector<std::string> lines() const;
};

class Conditions {
 public:
  struct Parts {
    const lang::Schema& schema;
    const lang::Graph& graph;
    const lang::Plan& plan;
    const lang::Units& units;
    const twin::Registry& registry;
    twin::Tables& tables;
    lang::UniformProgram::Feeds& feeds;
    std::map<std::pair<TableId, ColumnId>, lang::NodeId> definitions;  ///< of conditions with a name
  };
  explicit Conditions(const Parts& parts);

  /// The condition in `node` on a device as it was decided at `now`, the last boundary.
  Condition read(lang::NodeId node, twin::DeviceRef device, Time now) const;
  /// A value there; NaN where it is unknown, and where only a program knows it.
  double value(lang::NodeId node, twin::DeviceRef device, Time now) const;
  /// In which unit a person would say it; its text is empty for bare ratios and where nothing tells.
  lang::Unit unit_of(lang::NodeId node) const;

 private:
  std::optional<double> stored(lang::NodeId node, twin::DeviceRef device) const;
  std::string text_of(lang::NodeId node) const;
  const Parts p_;
  std::map<std::pair<lang::NodeId, TableId>, ColumnId> columns_;
};

/// "793.2 kW", "true", "unknown": at most six digits that mean something.
std::string shown_value(double si, const lang::Unit& unit);

}  // namespace looptwin::testbed
