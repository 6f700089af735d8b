// Uniform nodes, evaluated one by one with the VM's own kernels, so that a value is the same whether it
// varies by row or not.
#include <limits>

#include "base/check.h"
#include "lang/program.h"
#include "lang/program_code.h"
#include "lang/surface.h"

namespace looptwin::lang {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

bool has_table(Op op) { return op == Op::interpolate || op == Op::extrapolate || op == Op::interpolate2; }

double interpolated(const Node& node, std::span<const double> table, std::span<const double> value) {
  double x = value[node.args[0].index()];
  if (node.op == Op::interpolate2) {
    interpolate2(&x, &x, &value[node.args[1].index()], table.data(), 1);
  } else {
    const Kernels& k = kernels(simd());
    const auto through = node.op == Op::interpolate ? k.interpolate : k.extrapolate;
    through(&x, &x, table.data(), table.size() / 3, 1);
  }
  return x;
}

double elementwise(const Graph& graph, const Node& node, std::span<const double> value) {
  const auto argument = [&](size_t k) { return value[node.args[k].index()]; };
  const Kernels& table = kernels(simd());
  double result = argument(0);
  const Operation operation = operation_of(graph, node);
  if (operation.unary != nullptr) {
    operation.unary(&result, &result, 1);
    return result;
  }
  const Kernels::Apply apply = table.apply[static_cast<size_t>(operation.kernel)][0];
  const size_t operands = kKernelInfo[static_cast<size_t>(operation.kernel)].operands;
  if (operation.binary == nullptr && operands != 2) {
    double in[4] = {};
    for (size_t k = 0; k < operands; ++k) in[k] = argument(k);
    apply(&result, &in[0], &in[1], &in[2], &in[3], 1);
    return result;
  }
  for (size_t k = 1; k < node.args.size(); ++k) {
    double other = argument(k);
    if (operation.exchanged) std::swap(result, other);
    if (operation.binary != nullptr) {
      operation.binary(&result, &other, &result, 1);
    } else {
      apply(&result, &result, &other, nullptr, nullptr, 1);
    }
  }
  return result;
}

double number_of(const Node& node, size_t k) { return k < node.number.size() ? node.number[k] : 0.0; }

double evaluate(const Graph& graph, const Node& node, Time now, UniformProgram::Feeds& feeds,
                std::span<const double> value) {
  switch (node.op) {
    case Op::constant:
      return node.number[0];
    case Op::step:
      return node.number.empty() ? kUnknown : node.number[0];
    case Op::now:
      return now.seconds();
    case Op::feed:
      return feeds.value(node.feed, now);
    case Op::civil_time:
    case Op::civil_weekday:
    case Op::civil_day_of_year:
      return feeds.civil(node.op, now);
    case Op::forecast:
      return feeds.forecast(node.op, node.feed, now, number_of(node, 0), number_of(node, 0));
    case Op::forecast_maximum:
    case Op::forecast_minimum:
    case Op::forecast_mean:
      return feeds.forecast(node.op, node.feed, now, number_of(node, 0), number_of(node, 1));
    default:
      return elementwise(graph, node, value);
  }
}

}  // namespace

UniformProgram::UniformProgram(const Graph& graph, std::vector<NodeId> nodes)
    : graph_(graph), nodes_(std::move(nodes)) {
  // Arguments stand before their users in the graph, so ascending order is an order of evaluation.
  std::vector<bool> wanted(graph.size());
  for (const NodeId id : nodes_) wanted[id.index()] = true;
  for (size_t i = graph.size(); i-- > 0;) {
    if (!wanted[i]) continue;
    const Node& node = graph[NodeId(i)];
    const bool uniform = !node.table.valid() && !is_stateful(node.op) && !is_set(node.op) &&
                         !is_window(node.op) && !is_warm(node.op);
    LT_CHECK(uniform, std::string("not a uniform value: ") + name_of(node.op));
    for (const NodeId arg : node.args) wanted[arg.index()] = true;
  }
  for (size_t i = 0; i < graph.size(); ++i) {
    if (!wanted[i]) continue;
    order_.push_back(NodeId(i));
    if (has_table(graph[NodeId(i)].op)) tables_.push_back(interpolation_table(graph[NodeId(i)]));
  }
  value_.resize(graph.size());
}

void UniformProgram::run(Time now, Feeds& feeds, std::span<double> values) {
  LT_CHECK(values.size() >= nodes_.size(), "room for fewer uniform values than there are");
  auto table = tables_.begin();
  for (const NodeId id : order_) {
    const Node& node = graph_[id];
    value_[id.index()] = has_table(node.op) ? interpolated(node, *table++, value_)
                                            : evaluate(graph_, node, now, feeds, value_);
  }
  for (size_t k = 0; k < nodes_.size(); ++k) values[k] = value_[nodes_[k].index()];
}

}  // namespace looptwin::lang
