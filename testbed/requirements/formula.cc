#include "testbed/requirements/formula.h"

#include <algorithm>
#include <utility>

#include "testbed/requirements/monitor.h"

namespace looptwin::testbed {
namespace {

Duration sum(Duration a, Duration b) { return a == kUnlimited || b == kUnlimited ? kUnlimited : a + b; }

}  // namespace

const char* name_of(Temporal op) {
  static constexpr const char* kNames[] = {"atom",       "!",     "&&",           "||",   "always",
                                           "eventually", "until", "historically", "once", "since"};
  return kNames[static_cast<size_t>(op)];
}

void Formula::prepare() {
  for (auto& node : nodes) {
    if (node.op == Temporal::atom) continue;
    const auto& left = nodes[node.left];
    const auto& right = is_binary(node.op) ? nodes[node.right] : left;
    node.pointwise = !is_future(node.op) && !is_past(node.op) && left.pointwise && right.pointwise;
    node.horizon = std::max(left.horizon, right.horizon);
    if (is_future(node.op)) node.horizon = sum(node.horizon, node.within);
  }
  nodes.back().source = nodes.back().pointwise;
  for (const auto& node : nodes) {
    if (node.pointwise) continue;
    nodes[node.left].source = nodes[node.left].pointwise;
    if (is_binary(node.op)) nodes[node.right].source = nodes[node.right].pointwise;
  }
  slots = 0;
  for (auto& node : nodes)
    if (!node.pointwise || node.source) node.slot = slots++;
  nodes.back().at_first = asked == AskedAt::first_instant;
  for (size_t i = nodes.size(); i-- > 0;) {
    const Node node = nodes[i];
    if (!node.at_first || node.op == Temporal::atom || is_future(node.op) || is_past(node.op)) continue;
    nodes[node.left].at_first = true;
    if (is_binary(node.op)) nodes[node.right].at_first = true;
  }
  find_awaited();
}

void Formula::find_awaited() {
  awaited = at_once = kNobody;
  if (asked != AskedAt::every_instant) return;
  const auto may_be_awaited = [&](uint32_t n) {
    const Node& node = nodes[n];
    return is_future(node.op) && nodes[node.left].pointwise &&
           (!is_binary(node.op) || nodes[node.right].pointwise);
  };
  const Node& last = nodes.back();
  if (may_be_awaited(root())) awaited = root();
  if (last.op != Temporal::either) return;
  for (const auto& [a, b] : {std::pair(last.left, last.right), std::pair(last.right, last.left)})
    if (may_be_awaited(b) && nodes[a].horizon.ns == 0) at_once = a, awaited = b;
}

size_t Formula::most_bytes(Duration period, Duration length) const {
  const auto samples = [&](Duration span) {
    return static_cast<size_t>(std::min(span, length) / std::max(period, nanoseconds(1)) + 1);
  };
  size_t bytes = sizeof(Monitor) + slots * Monitor::kSlotBytes;
  for (const auto& node : nodes) {
    if (node.pointwise) continue;
    if (is_future(node.op) || is_past(node.op)) bytes += Monitor::kTemporalBytes;
    if (node.at_first) continue;
    // The one whose value comes earlier waits for the other.
    if (is_binary(node.op) && nodes[node.left].horizon != nodes[node.right].horizon)
      bytes += samples(std::max(nodes[node.left].horizon, nodes[node.right].horizon)) * Monitor::kSampleBytes;
    if (is_future(node.op)) bytes += samples(node.within) * Monitor::kWindowBytes;
    // An unlimited window of the past is one value; what is younger than `from` waits.
    if (is_past(node.op))
      bytes += samples(node.within == kUnlimited ? node.from : node.within) * Monitor::kWindowBytes;
  }
  return bytes;
}

}  // namespace looptwin::testbed
