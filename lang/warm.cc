#include "lang/warm.h"

#include "base/check.h"

namespace looptwin::lang {

WarmWindow warm_window(const Graph& graph, NodeId id) {
  const Node& node = graph[id];
  LT_CHECK(is_warm(node.op) && node.number.size() == 4, name_of(node.op));
  const bool flag = node.number[1] != 0;
  return {.node = id,
          .op = node.op,
          .table = node.table,
          .from = {},
          .out = {},
          .span = node.span,
          .step = nanoseconds(static_cast<int64_t>(node.number[0])),
          .civil = node.op == Op::ago && flag,
          .sampled = false,
          .same_hour = node.op != Op::ago && flag,
          .minimum_good = node.number[2],
          .share = node.number[3]};
}

Duration default_step(Duration span) {
  constexpr int64_t kUsual = 1024;
  for (const Duration step : {seconds(1), seconds(10), minutes(1), minutes(5), minutes(15)})
    if (span / step <= kUsual) return step < span ? step : span;
  return hours(1);
}

Duration default_bucket(Duration span) {
  return span >= days(1) ? hours(1) : span >= hours(3) ? minutes(15) : minutes(1);
}

}  // namespace looptwin::lang
