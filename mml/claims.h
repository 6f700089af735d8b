// Overrides: claims on setpoints. Whom an event claims, in which groups, when they are released, who wins
// where several claim one setpoint, and what is asked of the device when that changes.
//
// While an event stands, every target is claimed at its group's turn; where `where` is not met or the value
// is unknown then, as soon after that as they are. A claim holds until its event clears or the resident
// refuses: a `where` that is no longer met does not end it, and a resident who has refused is not asked again
// by the same occurrence. An event that rises again while it is being released keeps the claims that it still
// has, and claims the others anew. Serial, in the order of events and rows.
#pragma once

#include <queue>
#include <vector>

#include "base/archive.h"
#include "lang/plan.h"
#include "lang/schema.h"
#include "mml/dirty.h"
#include "mml/dispatcher.h"
#include "mml/events.h"
#include "mml/records.h"
#include "mml/rule.h"

namespace looptwin::mml {

struct ClaimCounters {
  uint64_t claims = 0, releases = 0, yields = 0, conflicts = 0, outranked = 0;
};

class Claims {
 public:
  /// `rules` stays where it is for as long as this lives.
  Claims(const std::vector<Rule>& rules, const lang::Schema& schema, const twin::Registry& registry,
         twin::Tables& tables, const Events& events, Dispatcher& dispatcher, uint64_t seed);
  void bind(const lang::Plan& plan);

  /// An event that rule `rule` is about has risen or cleared: what is claimed is kept, or released.
  void on_change(uint16_t rule, const EventChange& change, Time now, std::vector<Record>& log);
  /// One of its overrides claims from now on, group by group, until the event clears.
  void begin(uint16_t rule, uint16_t override_index, const EventChange& change, Time now);
  /// What is due by now: turns, claims that have waited, values of held claims that have changed, refusals.
  void step(Time now, const Dirty& dirty, std::vector<Record>& log);

  const ClaimCounters& counters() const { return counters_; }
  uint64_t held() const;
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
  /// The claim columns of one setpoint of one override.
  struct Claim {
    uint16_t rule, override_index, set;
    int priority;
    double* claim;
    int64_t* since;
    uint32_t* occurrence;
    uint32_t* owner;
    uint8_t* waiting;
    const uint8_t* where;  ///< null: all
    const void* value_column;
    lang::Storage value_storage;
    bool steady;  ///< neither the value nor `where` changes in a run
    double value(size_t row) const { return twin::load(value_column, value_storage, row); }
    /// `where` says yes, and the value is known.
    bool wanted(size_t row) const {
      if (where != nullptr && where[row] != 1) return false;
      const double v = value(row);
      return v == v;
    }
    bool held(size_t row) const { return claim[row] == claim[row]; }
    bool waits(size_t row) const { return waiting[row] == 1; }
    bool belongs_to(uint32_t event_row, uint32_t nth, size_t row) const {
      return owner[row] == event_row && occurrence[row] == nth;
    }
  };
  /// All that competes for one setpoint of one model.
  struct Contest {
    TableId table;
    uint16_t setpoint = 0;
    double* desired;
    const double* fallback;
    int64_t* changed;
    uint32_t* version;
    std::vector<Claim> claims;  ///< in file order
    uint64_t held = 0;          ///< claims held, of all rows
    uint64_t waiting = 0;       ///< claims that wait
    bool rests = false;         ///< they wait in vain, and what is held stays as it is
  };
  enum class Move : uint8_t { claimed, followed, released, yielded };

  Contest& contest_of(TableId table, uint16_t setpoint);
  template <typename Act>
  void for_each_claim(uint16_t rule, uint16_t override_index, Act act);
  void begin_turns(uint16_t rule, uint16_t override_index, const EventChange& change, bool release, Time now);
  void keep_claims(uint16_t rule, uint16_t override_index, const EventChange& change, Time now,
                   std::vector<Record>& log);
  void stop_waiting(uint16_t rule, uint16_t override_index, const EventChange& change);
  void take_turn(const Turn& turn, Time now, std::vector<Record>& log);
  void take_turn(const Turn& turn, Contest& contest, Claim& claim, uint32_t row, Time now,
                 std::vector<Record>& log);
  void ahead(const Contest& contest, const Claim& claim, uint32_t row) const;
  bool try_claim(Contest& contest, Claim& claim, uint32_t row, Time now, std::vector<Record>& log);
  void release(Contest& contest, Claim& claim, uint32_t row, Time now, std::vector<Record>& log);
  bool can_rest(const Contest& contest) const;
  void claim_late(Time now, const Dirty& dirty, std::vector<Record>& log);
  void follow_values(Time now, const Dirty& dirty, std::vector<Record>& log);
  void yield_to_refusals(Time now, std::vector<Record>& log);
  /// After `moved` has: who holds the setpoint now, and what must be asked for.
  void resolve(Contest& contest, uint32_t row, const Claim& moved, Move move, Time now,
               std::vector<Record>& log);
  void ask(const Contest& contest, uint32_t row, const Claim* winner, const Claim& moved, Time now,
           std::vector<Record>& log);
  Record record(RecordKind kind, const Contest& contest, const Claim& claim, uint32_t row, double value,
                Time now) const;
  uint64_t cause_of(const Claim& claim, uint32_t row) const;

  const std::vector<Rule>& rules_;
  const lang::Schema& schema_;
  const twin::Registry& registry_;
  twin::Tables& tables_;
  const Events& events_;
  Dispatcher& dispatcher_;
  uint64_t seed_;
  std::vector<Contest> contests_;
  std::priority_queue<Turn> agenda_;
  std::vector<uint32_t> group_;  ///< scratch: the rows whose turn it is
  uint64_t next_order_ = 0;
  bool begun_ = false;  ///< it is known which contests rest
  ClaimCounters counters_;
};

}  // namespace looptwin::mml
