// The checked form of all expressions: one graph of typed operations, hash-consed, so that what is written
// twice is computed once. The checker builds it; lang/plan.h orders it into strata; lang/program.h compiles
// it for the VM. Semantics of unknown: a number that is unknown is NaN; a boolean is 0, 1 or ½ (unknown) and
// logic is Kleene's.
#pragma once

#include <span>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "lang/schema.h"
#include "lang/types.h"

namespace looptwin::lang {

enum class Op : uint8_t {
  // Leaves.
  constant,       ///< number[0]
  column,         ///< a column of the node's own table
  feed,           ///< a feed's value at `now`
  now,            ///< the instant of evaluation, in s since the start (a point)
  step,           ///< the period of the controller or the plant's step; number[0] s
  civil_time,     ///< s since local midnight by the wall clock of the scenario's timezone (14:30 is 52200)
  civil_weekday,  ///< 1 Monday … 7 Sunday, local
  civil_day_of_year,  ///< 1 … 366, local
  // Element-wise; args are of the same table or uniform.
  negate,
  add,
  subtract,
  multiply,
  divide,
  modulo,
  less,
  less_equal,
  greater,
  greater_equal,
  equal,
  not_equal,
  logical_not,
  logical_and,
  logical_or,
  choose,  ///< if(c, a, b): unknown where c is unknown
  known,   ///< 1 where the argument is known, 0 where not
  minimum,
  maximum,
  absolute,
  sign,
  floor,
  ceil,
  round,
  square_root,
  cube_root,
  exponential,
  logarithm,
  logarithm10,
  power,
  sine,
  cosine,
  tangent,
  arc_sine,
  arc_cosine,
  arc_tangent,
  arc_tangent2,
  hyperbolic_tangent,
  clamp,         ///< (x, low, high)
  interpolate,   ///< (x); number = x0 y0 x1 y1 …, ascending, held at the ends
  extrapolate,   ///< the same, its first and last piece going on beyond the ends
  interpolate2,  ///< (x, y); number as lang/surface.h reads it: a table in two directions
  related,       ///< arg 0 lives in another table, reached from this row through `relation`
  // Over a set: arg 0 lives in the member table; the node's own table has the relation; `minimum_good` in
  // number[0].
  set_sum,
  set_mean,
  set_minimum,
  set_maximum,
  set_count,
  set_share,
  set_all,
  set_any,
  set_size,
  // Over time. `span` is the window; arg 0 what it is over.
  window_mean,
  window_minimum,
  window_maximum,
  window_slope,
  window_delta,
  window_deviation,
  window_count,
  rises,      ///< rising edges of a condition over the window
  time_true,  ///< s for which a condition held within the window
  held,       ///< the condition has held for `span` without a break
  age,  ///< s since the last good sample of arg 0, a column (since the start where there was none); `column`
        ///< holds when that was sampled
  previous,  ///< the argument's value at the previous evaluation: breaks cycles
  forecast,  ///< arg none; `feed`; number[0] lead, s
  forecast_maximum,
  forecast_minimum,
  forecast_mean,  ///< number[0..1] from, to, s
  // Controllers' functions, evaluated once a period, with state.
  hysteresis,  ///< (x, on, off, min_on, min_off): with on > off rising switches on; with on < off falling
               ///< does
  /// (sp, pv, kp, ti, td, ff, low, high, track, manual), all ten always; `span` the period. Absent: ti +inf,
  /// td and ff
  /// 0, low -inf, high +inf, track unknown, manual false. action=direct is a negated kp. See lang/stateful.h.
  pid,
  ramp,      ///< (target, rate up /s, rate down /s); `span` the period
  delay,     ///< (x), `span`, a whole number of periods; number[0] how many
  latch,     ///< (set, reset): reset wins
  stiction,  ///< (x, band, jump): what sticks, and slips where x is further away than the band
  machine,   ///< args: one condition a transition; number as lang/machine.cc writes it; the value is the
             ///< state's code
  // Warm history, lang/warm.h: `span` is how far back, `number` as warm_window() reads it.
  ago,               ///< arg 0 as it was `span` ago
  trend_mean,        ///< over the buckets of the last `span`
  trend_minimum,     ///< of the buckets' minima
  trend_maximum,     ///< of the buckets' maxima
  trend_deviation,   ///< population deviation of the buckets' means
  trend_percentile,  ///< of the buckets' means
};

struct Node {
  Op op = Op::constant;
  Type type;
  TableId table;  ///< whose rows the value belongs to; invalid for a uniform value (one for all rows)
  std::vector<NodeId> args;
  std::vector<double> number;
  ColumnId column;
  RelationId relation;
  FeedId feed;
  Duration span{};
  uint32_t instance =
      0;  ///< stateful operations: distinguishes two that read alike but have each their own state
};

class Graph {
 public:
  /// Returns the node equal to this one, or adds it. Constant arguments are folded by the checker, not here.
  NodeId add(Node node, const Span& span = {});
  const Node& operator[](NodeId id) const { return nodes_[id.index()]; }
  /// Where the node was first written.
  const Span& span(NodeId id) const { return spans_[id.index()]; }
  size_t size() const { return nodes_.size(); }

 private:
  std::vector<Node> nodes_;
  std::vector<Span> spans_;
  std::unordered_multimap<size_t, NodeId> by_hash_;
};

const char* name_of(Op op);
bool is_stateful(Op op);  ///< hysteresis, pid, ramp, delay, latch, held, previous, rises, time_true,
                          ///< stiction, machine
bool is_window(Op op);    ///< window_*, rises, time_true
bool is_set(Op op);       ///< set_*
bool is_warm(Op op);      ///< ago, trend_*
bool is_elementwise(Op op);

}  // namespace looptwin::lang
