// A scenario's inbound feeds, from their files or as they are written down: the signals that programs read,
// and their names in the schema, in one order.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "lang/graph.h"
#include "lang/schema.h"
#include "lang/units.h"
#include "mml/feeds/feeds.h"
#include "testbed/scenario.h"

namespace looptwin::testbed {

/// What is known of a signal, whatever it is.
struct FeedReach {
  Span span;  ///< of the feed in the scenario
  UnixTime first, end;
  std::optional<mml::ForecastModel> forecast;
};

struct LoadedFeeds {
  std::unique_ptr<mml::Feeds> feeds;
  std::vector<FeedReach> reach;  ///< [FeedId]
};

Result<LoadedFeeds> load_feeds(const Scenario& scenario, const lang::Units& units, lang::Schema& schema);

/// Signals that are read and are not known in all of the run: an error where one of the graph's first
/// `of_physics` nodes reads it, for what is simulated stays unknown from then on; else a warning. And
/// forecasts that reach further than their feed's.
void note_reach(const Scenario& scenario, const lang::Schema& schema, const lang::Graph& graph,
                size_t of_physics, std::span<const FeedReach> reach, Diagnostics& problems);

}  // namespace looptwin::testbed
