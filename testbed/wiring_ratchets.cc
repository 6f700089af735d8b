#include "testbed/wiring_ratchets.h"

#include <fmt/format.h>
#include <algorithm>
#include <set>

#include "lang/comparisons.h"

namespace looptwin::testbed {
namespace {

using lang::NodeId;
using lang::Op;

class Reader {
 public:
  Reader(const lang::Graph& graph, const std::vector<lang::Producer>& names, TableId table,
         const twin::SetpointColumns& setpoint)
      : graph_(graph), names_(names), table_(table), setpoint_(setpoint) {}

  bool reads(NodeId id) {
    if (!id.valid() || !seen_.insert(id).second) return false;
    const lang::Node& node = graph_[id];
    // Another device's is another setpoint.
    if (lang::is_comparison(node.op) || lang::is_set(node.op) || node.op == Op::related) return false;
    if (node.op == Op::column) {
      if (node.table == table_ && (node.column == setpoint_.desired || node.column == setpoint_.reported))
        return true;
      const auto name = std::find_if(names_.begin(), names_.end(), [&](const auto& n) {
        return n.table == node.table && n.column == node.column;
      });
      return name != names_.end() && any(name->needs);
    }
    return any(node.args);
  }

 private:
  template <typename Nodes>
  bool any(const Nodes& nodes) {
    return std::any_of(nodes.begin(), nodes.end(), [&](NodeId id) { return reads(id); });
  }

  const lang::Graph& graph_;
  const std::vector<lang::Producer>& names_;
  TableId table_;
  const twin::SetpointColumns& setpoint_;
  std::set<NodeId> seen_;
};

}  // namespace

void refuse_ratchets(const lang::Graph& graph, const std::vector<lang::Producer>& names,
                     const twin::Registry& registry, const std::vector<ClaimedValue>& values,
                     Diagnostics& problems) {
  for (const auto& value : values) {
    const auto& model = registry.model(value.table);
    const auto& name = model.config.setpoints[value.setpoint].name;
    if (!Reader(graph, names, value.table, model.setpoints[value.setpoint]).reads(value.node)) continue;
    problems.push_back({Severity::error, value.span,
                        fmt::format("the claim on '{0}' is computed from '{0}', which it moves: it would "
                                    "follow itself",
                                    name),
                        fmt::format("write default({})", name)});
  }
}

}  // namespace looptwin::testbed
