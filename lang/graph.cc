#include "lang/graph.h"

#include <bit>

#include "base/check.h"

namespace looptwin::lang {
namespace {

// Equality by bits, so that an unknown constant equals itself and -0 does not pass for 0.
bool same(const Node& a, const Node& b) {
  if (a.op != b.op || a.type != b.type || a.table != b.table || a.args != b.args || a.column != b.column ||
      a.relation != b.relation || a.feed != b.feed || a.span != b.span || a.instance != b.instance ||
      a.number.size() != b.number.size())
    return false;
  for (size_t i = 0; i < a.number.size(); ++i)
    if (std::bit_cast<uint64_t>(a.number[i]) != std::bit_cast<uint64_t>(b.number[i])) return false;
  return true;
}

size_t hash_of(const Node& n) {
  size_t h = static_cast<size_t>(n.op);
  const auto mix = [&h](uint64_t value) { h = (h ^ value) * 0x9e3779b97f4a7c15ull, h ^= h >> 29; };
  mix(n.table.value);
  mix(n.column.value);
  mix(n.relation.value);
  mix(n.feed.value);
  mix(n.instance);
  mix(static_cast<uint64_t>(n.span.ns));
  for (const NodeId arg : n.args) mix(arg.value);
  for (const double number : n.number) mix(std::bit_cast<uint64_t>(number));
  return h;
}

}  // namespace

NodeId Graph::add(Node node, const Span& span) {
  for (const NodeId arg : node.args) LT_CHECK(arg.valid() && arg.index() < nodes_.size(), name_of(node.op));
  const size_t hash = hash_of(node);
  const auto [first, last] = by_hash_.equal_range(hash);
  for (auto it = first; it != last; ++it)
    if (same(nodes_[it->second.index()], node)) return it->second;
  const NodeId id(nodes_.size());
  nodes_.push_back(std::move(node));
  spans_.push_back(span);
  by_hash_.emplace(hash, id);
  return id;
}

const char* name_of(Op op) {
  switch (op) {
#define LT_OP(name) \
  case Op::name:    \
    return #name;
    LT_OP(constant)
    LT_OP(column)
    LT_OP(feed)
    LT_OP(now)
    LT_OP(step) LT_OP(civil_time) LT_OP(civil_weekday) LT_OP(civil_day_of_year) LT_OP(negate) LT_OP(add)
        LT_OP(subtract) LT_OP(multiply) LT_OP(divide) LT_OP(modulo) LT_OP(less) LT_OP(less_equal) LT_OP(
            greater) LT_OP(greater_equal) LT_OP(equal) LT_OP(not_equal) LT_OP(logical_not) LT_OP(logical_and)
            LT_OP(logical_or) LT_OP(choose) LT_OP(known) LT_OP(minimum) LT_OP(maximum) LT_OP(absolute)
                LT_OP(sign) LT_OP(floor) LT_OP(ceil) LT_OP(round) LT_OP(square_root) LT_OP(cube_root) LT_OP(
                    exponential) LT_OP(logarithm) LT_OP(logarithm10) LT_OP(power) LT_OP(sine) LT_OP(cosine)
                    LT_OP(tangent) LT_OP(arc_sine) LT_OP(arc_cosine) LT_OP(arc_tangent) LT_OP(arc_tangent2)
                        LT_OP(hyperbolic_tangent) LT_OP(clamp) LT_OP(interpolate) LT_OP(extrapolate) LT_OP(
                            interpolate2) LT_OP(related) LT_OP(set_sum) LT_OP(set_mean) LT_OP(set_minimum)
                            LT_OP(set_maximum) LT_OP(set_count) LT_OP(set_share) LT_OP(set_all) LT_OP(set_any)
                                LT_OP(set_size) LT_OP(window_mean) LT_OP(window_minimum) LT_OP(window_maximum)
                                    LT_OP(window_slope) LT_OP(window_delta) LT_OP(window_deviation)
                                        LT_OP(window_count) LT_OP(rises) LT_OP(time_true) LT_OP(held)
                                            LT_OP(age) LT_OP(previous) LT_OP(forecast) LT_OP(forecast_maximum)
                                                LT_OP(forecast_minimum) LT_OP(forecast_mean) LT_OP(hysteresis)
                                                    LT_OP(pid) LT_OP(ramp) LT_OP(delay) LT_OP(latch)
                                                        LT_OP(stiction) LT_OP(machine) LT_OP(ago)
                                                            LT_OP(trend_mean) LT_OP(trend_minimum)
                                                                LT_OP(trend_maximum) LT_OP(trend_deviation)
                                                                    LT_OP(trend_percentile)
#undef LT_OP
  }
  LT_CHECK(false, "an unknown operation");
}

bool is_stateful(Op op) {
  switch (op) {
    case Op::hysteresis:
    case Op::pid:
    case Op::ramp:
    case Op::delay:
    case Op::latch:
    case Op::held:
    case Op::previous:
    case Op::rises:
    case Op::time_true:
    case Op::stiction:
    case Op::machine:
      return true;
    default:
      return false;
  }
}

bool is_window(Op op) { return op >= Op::window_mean && op <= Op::time_true; }
bool is_warm(Op op) { return op >= Op::ago && op <= Op::trend_percentile; }
bool is_set(Op op) { return op >= Op::set_sum && op <= Op::set_size; }
bool is_elementwise(Op op) { return op >= Op::negate && op <= Op::interpolate2; }

}  // namespace looptwin::lang
