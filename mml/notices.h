// What is noticed beside what devices say, for expressions: signals of the feed `loop` (how late this
// boundary was, how many were, what the broker has refused of nobody's), the column `violations` of each
// device, and the status `diverging`. Where nothing is real all of it is 0. Serial, before any telemetry is
// taken in.
#pragma once

#include <span>

#include "base/archive.h"
#include "lang/schema.h"
#include "mml/dirty.h"
#include "mml/feeds/feeds.h"
#include "mml/processor.h"
#include "twin/notice.h"
#include "twin/registry.h"
#include "twin/tables.h"

namespace looptwin::mml {

/// No feed of a scenario has this name.
inline constexpr const char* kLoopFeed = "loop";

struct LoopSignals {
  FeedId lateness, overruns, violations;
};
/// Adds them to the schema and to the feeds, behind all others.
LoopSignals add_loop_signals(lang::Schema& schema, Feeds& feeds);

class Notices {
 public:
  Notices(const LoopSignals& signals, Feeds& feeds, const twin::Registry& registry, twin::Tables& tables,
          Processor& processor)
      : signals_(signals), feeds_(feeds), registry_(registry), tables_(tables), processor_(processor) {}

  void take_in(std::span<const twin::Notice> notices, Dirty& dirty);
  void save(ArchiveWriter& archive) const;
  void restore(ArchiveReader& archive);

 private:
  void of_loop(const twin::Notice& notice);
  void of_device(const twin::Notice& notice, Dirty& dirty);

  LoopSignals signals_;
  Feeds& feeds_;
  const twin::Registry& registry_;
  twin::Tables& tables_;
  Processor& processor_;
};

}  // namespace looptwin::mml
