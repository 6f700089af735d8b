// Looking back further than hot memory should: ago() keeps a value at a step, trends keep one number a
// bucket. The plan lists them by stratum; mml/warm.h keeps and computes them. docs/decisions/0010 says why
// so.
#pragma once

#include "base/time.h"
#include "lang/graph.h"

namespace looptwin::lang {

/// Buckets of a trend, or steps of ago(), that one function keeps at most.
inline constexpr int64_t kMostWarmSlots = 10'000;

/// ago() or a trend over a column. Slots are numbered from 1970, UTC, by `step`.
struct WarmWindow {
  NodeId node;
  Op op = Op::ago;
  TableId table;
  ColumnId from;
  ColumnId out;
  Duration span{};
  Duration step{};       ///< of ago(): how often it is kept; of trends: the buckets' length
  bool civil = false;    ///< ago(): `span` is whole days by the wall clock
  bool sampled = false;  ///< `from` is a telemetry field: trends are made of its rollups
  bool same_hour = false;
  double minimum_good = 0;  ///< share of the buckets that must have a value
  double share = 0;         ///< of trend_percentile, 0 … 1
};

/// From a node that is_warm, whose `number` is {step in ns, civil or same_hour, minimum_good, share}. The
/// columns and `sampled` are the plan's to say.
WarmWindow warm_window(const Graph& graph, NodeId node);

/// How often ago() keeps its value where `every=` does not say.
Duration default_step(Duration span);
/// How long the buckets of a trend are where `bucket=` does not say.
Duration default_bucket(Duration span);

}  // namespace looptwin::lang
