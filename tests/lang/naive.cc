#include "naive.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "base/check.h"
#include "base/maths.h"

namespace looptwin::lang {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
constexpr double kHalf = 0.5;

bool unknown(double x, bool condition) { return condition ? x == kHalf : std::isnan(x); }

/// The truths that a condition may turn out to have: both where it is unknown.
std::vector<bool> possible(double condition) {
  return condition == kHalf ? std::vector<bool>{false, true} : std::vector<bool>{condition == 1};
}

/// Kleene's logic: known where it comes out alike whatever the unknown turns out to be.
template <typename Connective>
double connected(double a, double b, Connective connective) {
  std::set<bool> outcomes;
  for (const bool p : possible(a))
    for (const bool q : possible(b)) outcomes.insert(connective(p, q));
  return outcomes.size() == 1 ? *outcomes.begin() : kHalf;
}

double compared(double a, double b, bool condition, bool holds) {
  if (unknown(a, condition) || unknown(b, condition)) return kHalf;
  return holds ? 1 : 0;
}

/// The graph through the points: constant beyond the first and the last, straight from each to the next.
/// Where x lies on a point, that point's value. Written with the slope because the two-point form rounds
/// otherwise.
double graph_through(const std::vector<double>& points, double x) {
  struct Point {
    double x, y;
  };
  std::vector<Point> graph;
  for (size_t i = 0; i < points.size(); i += 2) graph.push_back({points[i], points[i + 1]});
  if (std::isnan(x)) return kUnknown;
  const auto right = std::find_if(graph.begin(), graph.end(), [&](const Point& p) { return x < p.x; });
  if (right == graph.begin()) return graph.front().y;
  if (right == graph.end()) return graph.back().y;
  const Point p = *(right - 1), q = *right;
  return p.y + (x - p.x) * ((q.y - p.y) / (q.x - p.x));
}

/// The piecewise linear function, whose end pieces go on for ever.
double line_through(const std::vector<double>& points, double x) {
  size_t piece = 0;
  for (size_t i = 2; i + 2 < points.size(); i += 2)
    if (x >= points[i]) piece = i;
  const double* const p = &points[piece];
  return p[1] + (x - p[0]) * ((p[3] - p[1]) / (p[2] - p[0]));
}

/// Along y in each row, and then along x.
double surface_over(const std::vector<double>& list, double x, double y) {
  const auto rows = static_cast<size_t>(list[0]), columns = static_cast<size_t>(list[1]);
  const auto part = [&](double at, size_t first, size_t count, size_t& cell) {
    const double low = list[first], high = list[first + count - 1];
    if (list[2] == 0) at = std::isnan(at) ? at : std::min(std::max(at, low), high);
    cell = 0;
    for (size_t k = 1; k + 1 < count; ++k)
      if (at >= list[first + k]) cell = k;
    return (at - list[first + cell]) / (list[first + cell + 1] - list[first + cell]);
  };
  size_t i = 0, j = 0;
  const double u = part(x, 3, rows, i), v = part(y, 3 + rows, columns, j);
  const auto along = [&](size_t row) {
    const double* const z = &list[3 + rows + columns + row * columns + j];
    return z[0] + (z[1] - z[0]) * v;
  };
  return along(i) + (along(i + 1) - along(i)) * u;
}

/// Operations that are a function of one number and nothing else.
const std::map<Op, double (*)(double)> kFunctions = {
    {Op::square_root, std::sqrt},  {Op::cube_root, maths::cbrt},    {Op::exponential, maths::exp},
    {Op::logarithm, maths::log},   {Op::logarithm10, maths::log10}, {Op::sine, maths::sin},
    {Op::cosine, maths::cos},      {Op::tangent, maths::tan},       {Op::arc_sine, maths::asin},
    {Op::arc_cosine, maths::acos}, {Op::arc_tangent, maths::atan},  {Op::hyperbolic_tangent, maths::tanh},
    {Op::floor, std::floor},       {Op::ceil, std::ceil},           {Op::round, std::round},
    {Op::absolute, std::abs},
};

}  // namespace

double Naive::value(NodeId id, size_t row, size_t at) const {
  const Node& node = graph_[id];
  if (is_elementwise(node.op)) return elementwise(node, row, at);
  if (is_set(node.op)) return set(node, row, at);
  if (node.op == Op::related) return related(node, row, at);
  if (is_stateful(node.op)) return remembering(node, row, at);
  return leaf(node, row, at);
}

double Naive::leaf(const Node& node, size_t row, size_t at) const {
  const auto& now = world(at);
  switch (node.op) {
    case Op::constant:
      return node.number[0];
    case Op::column:
      return now.columns[node.table.index()][node.column.index()][row];
    case Op::feed:
      return now.feeds[node.feed.index()];
    case Op::now:
      return seconds(at);
    case Op::civil_time:
      return now.civil_time;
    case Op::civil_weekday:
      return now.civil_weekday;
    case Op::civil_day_of_year:
      return now.civil_day_of_year;
    case Op::age:
      return seconds(at) - now.columns[node.table.index()][node.column.index()][row];
    case Op::forecast:
      return now.forecast(node.op, node.feed, node.number[0], node.number[0]);
    case Op::forecast_maximum:
    case Op::forecast_minimum:
    case Op::forecast_mean:
      return now.forecast(node.op, node.feed, node.number[0], node.number[1]);
    default:
      LT_CHECK(false, name_of(node.op));
  }
}

double Naive::elementwise(const Node& node, size_t row, size_t at) const {
  const auto arg = [&](size_t i) { return value(node.args[i], row, at); };
  const bool condition = graph_[node.args[0]].type.kind == Kind::boolean;
  const double a = arg(0);
  const double b = node.args.size() > 1 ? arg(1) : kUnknown;
  if (const auto function = kFunctions.find(node.op); function != kFunctions.end())
    return function->second(a);
  switch (node.op) {
    case Op::negate:
      return -a;
    case Op::add:
      return a + b;
    case Op::subtract:
      return a - b;
    case Op::multiply:
      return a * b;
    case Op::divide:
      return a / b;
    case Op::modulo:
      return maths::mod(a, b);
    case Op::less:
      return compared(a, b, condition, a < b);
    case Op::less_equal:
      return compared(a, b, condition, a <= b);
    case Op::greater:
      return compared(a, b, condition, a > b);
    case Op::greater_equal:
      return compared(a, b, condition, a >= b);
    case Op::equal:
      return compared(a, b, condition, a == b);
    case Op::not_equal:
      return compared(a, b, condition, a != b);
    case Op::logical_not:
      return connected(a, 1, [](bool p, bool) { return !p; });
    case Op::logical_and:
      return connected(a, b, [](bool p, bool q) { return p && q; });
    case Op::logical_or:
      return connected(a, b, [](bool p, bool q) { return p || q; });
    case Op::choose:
      if (a == kHalf) return node.type.kind == Kind::boolean ? kHalf : kUnknown;
      return a == 1 ? b : arg(2);
    case Op::known:
      return unknown(a, condition) ? 0 : 1;
    case Op::minimum:
      return std::isnan(a) || std::isnan(b) ? kUnknown : std::min(a, b);
    case Op::maximum:
      return std::isnan(a) || std::isnan(b) ? kUnknown : std::max(a, b);
    case Op::sign:
      return std::isnan(a) || a == 0 ? a : a > 0 ? 1 : -1;
    case Op::power:
      return maths::pow(a, b);
    case Op::arc_tangent2:
      return maths::atan2(a, b);
    case Op::clamp: {
      const double high = arg(2);
      return std::isnan(a) || std::isnan(b) || std::isnan(high) ? kUnknown : std::min(std::max(a, b), high);
    }
    case Op::interpolate:
      return graph_through(node.number, a);
    case Op::extrapolate:
      return line_through(node.number, a);
    case Op::interpolate2:
      return surface_over(node.number, a, b);
    default:
      LT_CHECK(false, name_of(node.op));
  }
}

double Naive::related(const Node& node, size_t row, size_t at) const {
  const auto& relation = schema_.table(node.table).relations[node.relation.index()];
  const double other = world(at).columns[node.table.index()][relation.rows.index()][row];
  if (std::isnan(other)) return node.type.kind == Kind::boolean ? kHalf : kUnknown;
  return value(node.args[0], static_cast<size_t>(other), at);
}

// Members are the rows whose to-one relation, the set's inverse, points here.
double Naive::set(const Node& node, size_t row, size_t at) const {
  const auto& relation = schema_.table(node.table).relations[node.relation.index()];
  const auto& back = schema_.table(relation.to).relations[relation.inverse.index()];
  const auto& rows = world(at).columns[relation.to.index()][back.rows.index()];
  double size = 0, good = 0, sum = 0;
  double least = std::numeric_limits<double>::infinity(), greatest = -least;
  for (size_t member = 0; member < rows.size(); ++member) {
    if (!(rows[member] == static_cast<double>(row))) continue;
    ++size;
    if (node.op == Op::set_size) continue;
    const double x = value(node.args[0], member, at);
    if (unknown(x, graph_[node.args[0]].type.kind == Kind::boolean)) continue;
    ++good;
    sum += x;
    least = std::min(least, x);
    greatest = std::max(greatest, x);
  }
  if (node.op == Op::set_size) return size;
  const bool enough = good >= node.number[0] * size;
  switch (node.op) {
    case Op::set_sum:
    case Op::set_count:
      return enough ? sum : kUnknown;
    case Op::set_mean:
      return enough && good > 0 ? sum / good : kUnknown;
    case Op::set_minimum:
      return enough && good > 0 ? least : kUnknown;
    case Op::set_maximum:
      return enough && good > 0 ? greatest : kUnknown;
    case Op::set_share:
      return !enough ? kUnknown : good > 0 ? sum / good : 0;
    case Op::set_all:
      return least == 0 ? 0 : enough ? 1 : kHalf;
    case Op::set_any:
      return greatest == 1 ? 1 : enough ? 0 : kHalf;
    default:
      LT_CHECK(false, name_of(node.op));
  }
}

double Naive::remembering(const Node& node, size_t row, size_t at) const {
  const auto arg = [&](size_t i, size_t k) { return value(node.args[i], row, k); };
  const bool condition = node.type.kind == Kind::boolean;
  switch (node.op) {
    case Op::previous:
      return at == 0 ? (condition ? kHalf : kUnknown) : arg(0, at - 1);
    case Op::delay: {
      const auto periods = static_cast<size_t>(node.number[0]);
      return arg(0, at < periods ? 0 : at - periods);
    }
    case Op::held: {
      if (arg(0, at) != 1) return arg(0, at);
      size_t since = at;
      while (since > 0 && arg(0, since - 1) == 1) --since;
      return world(at).now - world(since).now >= node.span ? 1 : 0;
    }
    case Op::rises: {
      if (arg(0, at) == kHalf) return kUnknown;
      double edges = 0;
      double last = kHalf;
      for (size_t k = 0; k <= at; ++k) {
        const double c = arg(0, k);
        if (c == 1 && last == 0 && world(at).now - world(k).now < node.span) ++edges;
        if (c != kHalf) last = c;
      }
      return edges;
    }
    case Op::time_true:
      return time_true(node, row, at);
    case Op::latch: {
      double state = 0;
      for (size_t k = 0; k <= at; ++k) state = arg(1, k) == 1 ? 0 : arg(0, k) == 1 ? 1 : state;
      return state;
    }
    case Op::ramp: {
      double y = kUnknown;
      for (size_t k = 0; k <= at; ++k) {
        const double target = arg(0, k), up = arg(1, k), down = arg(2, k);
        if (std::isnan(target)) continue;
        if (std::isnan(y)) {
          y = target;
        } else if (!std::isnan(up) && !std::isnan(down)) {
          const double dt = seconds(k) - seconds(k - 1);
          y = std::clamp(target, y - down * dt, y + up * dt);
        }
      }
      return y;
    }
    case Op::hysteresis:
      return hysteresis(node, row, at);
    default:
      LT_CHECK(false, name_of(node.op));
  }
}

// A condition holds from one evaluation to the next.
double Naive::time_true(const Node& node, size_t row, size_t at) const {
  if (value(node.args[0], row, at) == kHalf) return kUnknown;
  const Time start = world(at).now - node.span;
  Duration total{};
  for (size_t k = 0; k < at; ++k) {
    if (value(node.args[0], row, k) != 1 || world(k + 1).now <= start) continue;
    total = total + (world(k + 1).now - std::max(world(k).now, start));
  }
  return total.seconds();
}

double Naive::hysteresis(const Node& node, size_t row, size_t at) const {
  double state = 0;
  double switched = -std::numeric_limits<double>::infinity();
  for (size_t k = 0; k <= at; ++k) {
    const auto arg = [&](size_t i) { return value(node.args[i], row, k); };
    const double x = arg(0), on = arg(1), off = arg(2);
    if (std::isnan(x) || std::isnan(on) || std::isnan(off)) continue;
    const bool rising = on >= off;
    const bool go_on = rising ? x >= on : x <= on, go_off = rising ? x <= off : x >= off;
    const double wanted = go_on ? 1 : go_off ? 0 : state;
    const double least = state == 1 ? arg(3) : arg(4);
    if (wanted == state || seconds(k) - switched < least) continue;
    state = wanted;
    switched = seconds(k);
  }
  return state;
}

}  // namespace looptwin::lang
