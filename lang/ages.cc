#include "lang/ages.h"

#include <set>

#include "lang/comparisons.h"

namespace looptwin::lang {
namespace {

/// Whether all uses of the age at and below `id` are comparisons with constants; these are added to `limits`.
bool compared_only(const Graph& graph, NodeId id, NodeId age, std::set<NodeId>& seen,
                   std::vector<double>& limits) {
  if (id == age) return false;  // its very value is asked for
  if (!seen.insert(id).second) return true;
  const Node& node = graph[id];
  for (size_t k = 0; k < node.args.size(); ++k) {
    if (node.args[k] != age) {
      if (!compared_only(graph, node.args[k], age, seen, limits)) return false;
      continue;
    }
    if (!is_ordering(node.op) || graph[node.args[1 - k]].op != Op::constant) return false;
    limits.push_back(graph[node.args[1 - k]].number[0]);
  }
  return true;
}

}  // namespace

std::optional<std::vector<double>> age_limits(const Graph& graph, std::span<const NodeId> roots, NodeId age) {
  std::vector<double> limits;
  std::set<NodeId> seen;
  for (const NodeId root : roots)
    if (!compared_only(graph, root, age, seen, limits)) return std::nullopt;
  return limits;
}

}  // namespace looptwin::lang
