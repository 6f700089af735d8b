// Rules: what is done about events. Overrides are claims on setpoints, held while their event stands;
// commands and publications are done once, when it rises or clears. All of it is serial, in the order of
// events and rows.
#pragma once

#include <memory>
#include <queue>
#include <string>
#include <vector>

#include "base/archive.h"
#include "lang/schema.h"
#include "mml/config.h"
#include "mml/dirty.h"
#include "mml/dispatcher.h"
#include "mml/events.h"
#include "mml/records.h"

namespace looptwin::mml {

/// A rule wired into tables. `target` is the table of the devices it acts on.
struct WiredTarget {
  TableId from;  ///< the event's table
  TableId table;
  std::optional<RelationId> relation;  ///< of the event's table; absent: the event's own device
  std::optional<ColumnId> where;       ///< boolean, in the target's table
};
struct WiredOverride {
  WiredTarget target;
  struct Set {
    uint16_t setpoint = 0;
    ColumnId value;       ///< what is asked for, per target
    ColumnId claim;       ///< what is claimed now; unknown where nothing is
    ColumnId since;       ///< instant of the claim
    ColumnId occurrence;  ///< (row storage) of the event that the claim belongs to
    ColumnId owner;       ///< (row storage) the event's row
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
    enum class Is : uint8_t { id, text, number, boolean, word } is = Is::number;
    std::string text;
    ColumnId column;
    EnumId words;
  };
  std::vector<Item> items;
};
struct Rule {
  RuleConfig config;
  size_t event = 0;
  std::vector<WiredOverride> overrides;  ///< in the order of config.overrides
  std::vector<WiredSend> sends;
  std::vector<WiredPublish> publishes;
};

/// Adds the columns in which an override keeps its claims.
void add_columns(lang::Schema& schema, const std::string& rule, TableId target, lang::Type type,
                 WiredOverride::Set& set);

/// Where publications go.
class Publisher {
 public:
  virtual ~Publisher() = default;
  virtual void publish(uint16_t feed, Time at, const std::string& json_fields) = 0;
};

struct RuleCounters {
  uint64_t claims = 0, releases = 0, yields = 0, conflicts = 0, published = 0;
};

class Rules {
 public:
  Rules(std::vector<Rule> rules, const lang::Schema& schema, const twin::Registry& registry,
        twin::Tables& tables, const Events& events, Dispatcher& dispatcher, Publisher& publisher,
        uint64_t seed);

  const std::vector<Rule>& all() const { return rules_; }
  void bind();

  void on_change(const EventChange& change, uint64_t event_id, Time now, std::vector<Record>& log);
  /// What is due by now: staggered claims and releases; values of held claims that have changed; refusals.
  void step(Time now, const Dirty& dirty, std::vector<Record>& log);

  const RuleCounters& counters() const { return counters_; }
  uint64_t claims_held() const;
  void save(ArchiveWriter& archive) const;
  void restore(ArchiveReader& archive);

 private:
  struct Turn {  ///< one group of one override, to be claimed or released
    Time at;
    uint64_t order = 0;
    uint16_t rule = 0;
    uint16_t override_index = 0;
    bool release = false;
    uint32_t row = 0;
    uint32_t occurrence = 0;
    uint32_t group = 0;
    uint32_t groups = 1;
    friend bool operator<(const Turn& a, const Turn& b) {
      return std::pair(a.at, a.order) > std::pair(b.at, b.order);
    }
  };
  /// A claim column and all it competes with for one setpoint.
  struct ClaimRef {
    uint16_t rule, override_index, set;
    int priority;
    double* claim;
    int64_t* since;
    uint32_t* occurrence;
    uint32_t* owner;
    const void* value_column;
    lang::Storage value_storage;
    double value(size_t row) const { return twin::load(value_column, value_storage, row); }
  };
  struct Contest {
    TableId table;
    uint16_t setpoint = 0;
    double* desired;
    const double* fallback;
    int64_t* changed;
    uint32_t* version;
    std::vector<ClaimRef> claims;  ///< in file order
  };
  void start_turns(uint16_t rule, uint16_t override_index, const EventChange& change, bool release, Time now);
  void take_turn(const Turn& turn, Time now, std::vector<Record>& log);
  void claim(Contest& contest, ClaimRef& ref, uint32_t row, const Turn& turn, Time now,
             std::vector<Record>& log);
  enum class Move : uint8_t { claimed, followed, released, yielded };
  /// After `moved` has: who holds the setpoint now, and what must be asked for.
  void resolve(Contest& contest, uint32_t row, const ClaimRef& moved, Move move, Time now,
               std::vector<Record>& log);
  void follow_values(Time now, const Dirty& dirty, std::vector<Record>& log);
  void yield_to_refusals(Time now, std::vector<Record>& log);
  void send(const Rule& rule, size_t index, const EventChange& change, uint64_t cause, Time now,
            std::vector<Record>& log);
  void publish(uint16_t rule_index, size_t index, const EventChange& change, uint64_t cause, Time now,
               std::vector<Record>& log);
  template <typename Act>
  void for_each_target(const WiredTarget& target, uint32_t row, Act act) const;
  uint64_t cause_of(uint16_t rule, uint32_t row, uint32_t occurrence) const;

  std::vector<Rule> rules_;
  const lang::Schema& schema_;
  const twin::Registry& registry_;
  twin::Tables& tables_;
  const Events& events_;
  Dispatcher& dispatcher_;
  Publisher& publisher_;
  uint64_t seed_;
  std::vector<Contest> contests_;
  std::vector<uint64_t> held_;  ///< claims held, by contest
  std::priority_queue<Turn> agenda_;
  uint64_t next_order_ = 0;
  RuleCounters counters_;
};

}  // namespace looptwin::mml
