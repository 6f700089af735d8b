// Rules: what is done about events. Overrides are claims on setpoints, held while their event stands
// (mml/claims.h); commands and publications are done once, when it rises or clears. All of it is serial, in
// the order of events and rows.
#pragma once

#include <string>
#include <vector>

#include "base/archive.h"
#include "lang/schema.h"
#include "mml/claims.h"
#include "mml/dirty.h"
#include "mml/dispatcher.h"
#include "mml/events.h"
#include "mml/records.h"
#include "mml/rule.h"
#include "mml/shown.h"

namespace looptwin::mml {

/// Where publications go.
class Publisher {
 public:
  virtual ~Publisher() = default;
  virtual void publish(uint16_t feed, Time at, const std::string& json_fields) = 0;
};

struct RuleCounters : ClaimCounters {
  uint64_t published = 0;
};

class Rules {
 public:
  Rules(std::vector<Rule> rules, const lang::Schema& schema, const twin::Registry& registry,
        twin::Tables& tables, const Events& events, Dispatcher& dispatcher, Publisher& publisher,
        uint64_t seed);
  Rules(const Rules&) = delete;  // `claims_` refers to `rules_`

  const std::vector<Rule>& all() const { return rules_; }
  void bind() { claims_.bind(); }

  void on_change(const EventChange& change, uint64_t event_id, Time now, std::vector<Record>& log);
  /// What is due by now; see Claims::step().
  void step(Time now, const Dirty& dirty, std::vector<Record>& log) { claims_.step(now, dirty, log); }

  RuleCounters counters() const { return {claims_.counters(), published_}; }
  uint64_t claims_held() const { return claims_.held(); }
  void save(ArchiveWriter& archive) const;
  void restore(ArchiveReader& archive);

 private:
  void send(uint16_t rule, const WiredSend& wired, const EventChange& change, uint64_t cause, Time now,
            std::vector<Record>& log);
  void publish(uint16_t rule, size_t index, const EventChange& change, uint64_t cause, Time now,
               std::vector<Record>& log);

  std::vector<Rule> rules_;
  const twin::Registry& registry_;
  twin::Tables& tables_;
  const Events& events_;
  Dispatcher& dispatcher_;
  Publisher& publisher_;
  Showing showing_;
  Claims claims_;
  uint64_t published_ = 0;
};

}  // namespace looptwin::mml
