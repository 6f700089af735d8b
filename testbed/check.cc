// `looptwin check`: everything that can be known before time starts.
#include <algorithm>
#include <cstdio>
#include <fmt/format.h>

#include "base/text.h"
#include "testbed/assembly.h"
#include "testbed/run.h"

namespace looptwin::testbed {
namespace {

std::string type_text(const Assembly& a, const lang::Type& type) {
  switch (type.kind) {
    case lang::Kind::boolean: return "boolean";
    case lang::Kind::enumeration: return a.schema().enumerations[type.enumeration.index()].name;
    case lang::Kind::text: return "text";
    case lang::Kind::number: break;
  }
  if (type.point && type.dimension == lang::kTemperature) return "degC (a point)";
  if (type.dimension.none()) return "ratio";
  return lang::unit_text(type.dimension) + (type.point ? " (a point)" : "");
}

struct Cost {
  size_t operations = 0;
  size_t bytes = 0;
  std::string notes;
};

/// What evaluating a node costs per row: operations of the VM, and what windows keep per device.
void add_cost(Assembly& a, lang::NodeId id, std::vector<bool>& seen, Cost& cost) {
  if (seen[id.index()]) return;
  seen[id.index()] = true;
  const auto& graph = a.graph();
  const lang::Node& node = graph[id];
  if (lang::is_elementwise(node.op) || lang::is_stateful(node.op)) ++cost.operations;
  if (lang::is_set(node.op)) cost.notes += cost.notes.empty() ? "over a set" : ", over a set";
  if (lang::is_window(node.op)) {
    const auto& windows = a.wired().windows;
    const auto window = std::find_if(windows.begin(), windows.end(), [&](const auto& w) {
      return w.table == node.table && w.op == node.op && w.span == node.span && graph[node.args[0]].op == lang::Op::column &&
             a.registry().model(w.table).fields[w.field].value == graph[node.args[0]].column;
    });
    const std::string span = to_string(node.span);
    std::string note;
    if (window != windows.end()) {
      const auto c = a.hot().cost(static_cast<size_t>(window - windows.begin()));
      cost.bytes += c.bytes_per_device;
      note = c.exact ? fmt::format("{} exact", span) : fmt::format("{} in panes of {}", span, to_string(c.pane));
    } else {
      note = fmt::format("{} of boundaries in panes of {}", span, to_string(nanoseconds(node.span.ns / 64)));
    }
    cost.notes += (cost.notes.empty() ? "window " : ", window ") + note;
  }
  for (const lang::NodeId arg : node.args) add_cost(a, arg, seen, cost);
}

void explain(Assembly& a) {
  fmt::print("\n{:<44} {:<18} {:>4} {:>9}  {}\n", "expression", "type", "ops", "B/device", "notes");
  const auto line = [&](const std::string& name, lang::NodeId node) {
    Cost cost;
    std::vector<bool> seen(a.graph().size());
    add_cost(a, node, seen, cost);
    fmt::print("{:<44} {:<18} {:>4} {:>9}  {}\n", name, type_text(a, a.graph()[node].type), cost.operations, cost.bytes == 0 ? "" : std::to_string(cost.bytes), cost.notes);
  };
  for (const auto& e : a.fleet().explained()) line(e.name, e.node);
  for (const auto& e : a.wired().explained) line(e.name, e.node);
  const auto& strata = a.evaluator().plan().strata;
  fmt::print("\n");
  for (size_t s = 0; s < strata.size(); ++s) {
    fmt::print("stratum {}: {} sets, {} windows of boundaries, {} programs, {} events\n", s, strata[s].sets.size(), strata[s].windows.size(), strata[s].programs.size(),
               strata[s].producers.size());
  }
}

}  // namespace

Exit check(const CheckRequest& request) {
  auto scenario = load(request.scenario, request.settings);
  Diagnostics problems;
  if (scenario) {
    auto built = Assembly::build(std::move(*scenario));
    if (built) {
      Assembly& a = **built;
      std::fputs(render(a.warnings()).c_str(), stderr);
      fmt::print("{}: {} devices of {} models, {} events, {} rules, {} alarms; hot history {:.1f} MiB, tables {:.1f} MiB\n", a.scenario().name,
                 grouped(static_cast<long long>(a.registry().devices())), a.registry().models().size(), a.scenario().events.size(), a.wired().rules.size(),
                 a.wired().alarms.size(), static_cast<double>(a.hot().bytes()) / (1 << 20), static_cast<double>(a.tables().bytes()) / (1 << 20));
      if (request.explain) explain(a);
      return Exit::held;
    }
    problems = std::move(built.error());
  } else {
    problems = std::move(scenario.error());
  }
  std::fputs(render(problems).c_str(), stderr);
  fmt::print(stderr, "{} problem{}\n", problems.size(), problems.size() == 1 ? "" : "s");
  return Exit::bad_input;
}

}  // namespace looptwin::testbed
