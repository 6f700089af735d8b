// What is done about an event in one cycle: claims begin, commands are issued, messages are published, in
// this order. Who does it when is the business of mml/rules.h and mml/steps.h.
#pragma once

#include <string>
#include <vector>

#include "base/archive.h"
#include "lang/schema.h"
#include "mml/claims.h"
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

class Actions {
 public:
  /// `rules` stays where it is for as long as this lives.
  Actions(const std::vector<Rule>& rules, const lang::Schema& schema, const twin::Registry& registry,
          twin::Tables& tables, const Events& events, Claims& claims, Dispatcher& dispatcher,
          Publisher& publisher);

  /// `actions` are of rule `rule`; `change` says which occurrence of its event they are about, on which
  /// device, and `cause` is that event's id.
  void act(uint16_t rule, const WiredActions& actions, const EventChange& change, uint64_t cause, Time now,
           std::vector<Record>& log);

  uint64_t published() const { return published_; }
  void save(ArchiveWriter& archive) const;
  void restore(ArchiveReader& archive);

 private:
  void send(uint16_t rule, const WiredSend& wired, const EventChange& change, uint64_t cause, Time now,
            std::vector<Record>& log);
  void publish(uint16_t rule, const WiredPublish& wired, const EventChange& change, uint64_t cause, Time now,
               std::vector<Record>& log);

  const std::vector<Rule>& rules_;
  const twin::Registry& registry_;
  twin::Tables& tables_;
  const Events& events_;
  Claims& claims_;
  Dispatcher& dispatcher_;
  Publisher& publisher_;
  Showing showing_;
  uint64_t published_ = 0;
};

}  // namespace looptwin::mml
