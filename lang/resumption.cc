#include "lang/resumption.h"

#include "lang/stateful.h"

namespace looptwin::lang {
namespace {

/// Whether an operation can have come to the value.
bool can_have(const Node& node, double value) {
  switch (node.op) {
    case Op::latch:
    case Op::hysteresis:
      return value == 0 || value == 1;
    case Op::machine: {
      const auto states = static_cast<double>(stateful_kind(node).machine.exits.size());
      return value >= 0 && value < states && value == static_cast<double>(static_cast<size_t>(value));
    }
    case Op::ramp:
    case Op::stiction:
      return value == value;
    default:
      return false;
  }
}

/// What it returns stands in its first column; a column of instants says since when, or when it was last
/// looked at.
void set(void* column, Storage storage, size_t row, double value, Time now) {
  if (storage == Storage::boolean) static_cast<uint8_t*>(column)[row] = value != 0;
  if (storage == Storage::f64) static_cast<double*>(column)[row] = value;
  if (storage == Storage::instant) static_cast<int64_t*>(column)[row] = now.ns;
}

}  // namespace

std::string state_column_name(Op op, NodeId node, const std::string& what, int nth) {
  std::string name = ".";
  name.append(name_of(op)).append(".").append(std::to_string(node.index())).append(".").append(what);
  return nth == 1 ? name : name + "." + std::to_string(nth);
}

bool resume(const Graph& graph, const Schema& schema, Memory& memory, TableId table, NodeId id, size_t row,
            double value, Time now) {
  const Node& node = graph[id];
  if (!can_have(node, value)) return false;
  const auto& columns = schema.table(table).columns;
  bool found = false;
  for (const StateColumn& state : state_of(stateful_kind(node))) {
    int nth = 1;
    std::string name = state_column_name(node.op, id, state.name);
    for (size_t c = 0; c < columns.size(); ++c) {  // further ones stand behind the first
      if (columns[c].name != name) continue;
      set(memory.column(table, ColumnId(c)), state.storage, row, value, now);
      name = state_column_name(node.op, id, state.name, ++nth);
      found = true;
    }
  }
  return found;
}

}  // namespace looptwin::lang
