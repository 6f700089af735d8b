// A rule wired into tables: names have become columns, relations and indices. What rules do with it is in
// mml/rules.h and mml/claims.h.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lang/schema.h"
#include "mml/config.h"
#include "mml/shown.h"
#include "twin/registry.h"
#include "twin/tables.h"

namespace looptwin::mml {

/// The devices that a rule acts on. Those of a set, and `self`, belong to exactly one device of the event;
/// the one of a to-one relation may be that of many.
struct WiredTarget {
  TableId from;  ///< the event's table
  TableId table;
  std::optional<RelationId> relation;  ///< of the event's table; absent: the event's own device
  std::optional<ColumnId> one;         ///< of a to-one relation: the column with its rows
  std::optional<ColumnId> where;       ///< boolean, in the target's table
};

struct WiredOverride {
  OverrideConfig config;
  WiredTarget target;  ///< `self`, or a set
  struct Set {
    uint16_t setpoint = 0;
    ColumnId value;       ///< what is asked for, per target
    ColumnId claim;       ///< what is claimed now; unknown where nothing is
    ColumnId since;       ///< instant of the claim
    ColumnId occurrence;  ///< (row storage) of the event that the claim belongs to, or belonged to
    ColumnId owner;       ///< (row storage) the event's row
    ColumnId waiting;     ///< boolean: its turn has come, but it could not be claimed yet
  };
  std::vector<Set> set;
  int32_t verification = -1;
};

struct WiredSend {
  WiredTarget target;
  uint16_t command = 0;
  int32_t verification = -1;
};

struct WiredPublish {
  uint16_t feed = 0;
  struct Item {
    std::string key;
    Shown value;
  };
  std::vector<Item> items;
};

/// What is done in one cycle.
struct WiredActions {
  std::vector<uint16_t> overrides;  ///< places in the rule's list
  std::vector<WiredSend> sends;
  std::vector<WiredPublish> publishes;
};

struct WiredStep {
  WiredActions actions;
  std::optional<ColumnId> until;  ///< boolean, in the event's table
  Duration within{};              ///< 0: as long as it takes
  WiredActions otherwise;
  bool stop = false;
};

struct Rule {
  RuleConfig config;
  size_t event = 0;
  std::vector<WiredOverride> overrides;  ///< of the rule itself and of all its steps
  WiredActions actions;                  ///< as its event rises, or clears
  std::vector<WiredStep> steps;          ///< in the order of config.steps
};

/// Adds the columns in which an override keeps its claims.
void add_columns(lang::Schema& schema, const std::string& rule, TableId target, lang::Type type,
                 WiredOverride::Set& set);

/// Calls act(row) for all targets of the event's device in `row`, whatever `where` says.
template <typename Act>
void for_each_target(const twin::Registry& registry, twin::Tables& tables, const WiredTarget& target,
                     uint32_t row, Act act) {
  if (!target.relation) return act(row);
  if (target.one) {
    const uint32_t related = tables.values<uint32_t>(target.from, *target.one)[row];
    return related < tables.rows(target.table) ? act(related) : void();
  }
  for (const uint32_t member : registry.members(target.from, *target.relation, Row(row))) act(member);
}

}  // namespace looptwin::mml
