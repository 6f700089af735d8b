// Rules: what is done about events. Overrides are claims on setpoints, held while their event stands
// (mml/claims.h); commands and publications are done once, when it rises or clears (mml/actions.h), or in
// steps (mml/steps.h). All of it is serial: in the order of events and rows what happens as they change, then
// the steps.
#pragma once

#include <string>
#include <vector>

#include "base/archive.h"
#include "lang/schema.h"
#include "mml/actions.h"
#include "mml/claims.h"
#include "mml/dirty.h"
#include "mml/dispatcher.h"
#include "mml/events.h"
#include "mml/records.h"
#include "mml/rule.h"
#include "mml/steps.h"

namespace looptwin::mml {

struct RuleCounters : ClaimCounters {
  uint64_t published = 0;
  StepCounters sequences;
};

class Rules {
 public:
  Rules(std::vector<Rule> rules, const lang::Schema& schema, const twin::Registry& registry,
        twin::Tables& tables, const Events& events, Dispatcher& dispatcher, Publisher& publisher,
        uint64_t seed);
  Rules(const Rules&) = delete;  // its parts refer to `rules_`

  const std::vector<Rule>& all() const { return rules_; }
  void bind(const lang::Plan& plan) { claims_.bind(plan); }

  void on_change(const EventChange& change, uint64_t event_id, Time now, std::vector<Record>& log);
  /// What is due by now: steps, and then turns of claims, those of the steps with them.
  void step(Time now, const Dirty& dirty, std::vector<Record>& log);

  RuleCounters counters() const { return {claims_.counters(), actions_.published(), steps_.counters()}; }
  uint64_t claims_held() const { return claims_.held(); }
  void save(ArchiveWriter& archive) const;
  void restore(ArchiveReader& archive);

 private:
  std::vector<Rule> rules_;
  Claims claims_;
  Actions actions_;
  Steps steps_;
};

}  // namespace looptwin::mml
