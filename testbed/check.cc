// `looptwin check`: everything that can be known before time starts.
#include <fmt/format.h>
#include <algorithm>
#include <cstdio>

#include "base/text.h"
#include "lang/condition_windows.h"
#include "lang/stateful_rows.h"
#include "mml/evaluator.h"
#include "mml/events.h"
#include "mml/warm.h"
#include "sim/fleet.h"
#include "testbed/assembly.h"
#include "testbed/notes.h"
#include "testbed/requirements/requirements.h"
#include "testbed/run.h"
#include "testbed/scenario.h"
#include "testbed/trial.h"
#include "testbed/wiring.h"
#include "twin/boundary_window.h"
#include "twin/hot.h"
#include "twin/registry.h"

namespace looptwin::testbed {
namespace {

std::string type_text(const Assembly& a, const lang::Type& type) {
  switch (type.kind) {
    case lang::Kind::boolean:
      return "boolean";
    case lang::Kind::enumeration:
      return joined(a.schema().enumerations[type.enumeration.index()].words, " | ");
    case lang::Kind::text:
      return "text";
    case lang::Kind::number:
      break;
  }
  if (type.point && type.dimension == lang::kTemperature) return "degC (a point)";
  if (type.dimension.none()) return "ratio";
  return lang::unit_text(type.dimension) + (type.point ? " (a point)" : "");
}

/// What a window over the values at the boundaries keeps for each row.
size_t boundary_window_bytes(lang::Op op, Duration span) { return twin::BoundaryWindow(op, span, 1).bytes(); }

size_t state_bytes(const lang::Node& node) {
  size_t bytes = 0;
  for (const auto& column : lang::state_of(lang::stateful_kind(node))) bytes += lang::size_of(column.storage);
  return bytes;
}

struct Cost {
  size_t operations = 0;
  size_t bytes = 0;
  std::string notes;
};

/// What evaluating a node costs per row: operations of the VM, and what windows and operations with a memory
/// keep per device.
void add_cost(Assembly& a, lang::NodeId id, std::vector<bool>& seen, Cost& cost) {
  if (seen[id.index()]) return;
  seen[id.index()] = true;
  const auto& graph = a.graph();
  const lang::Node& node = graph[id];
  if (lang::is_elementwise(node.op) || lang::is_stateful(node.op)) ++cost.operations;
  if (lang::is_stateful(node.op) && !lang::is_over_samples(node)) cost.bytes += state_bytes(node);
  if (lang::is_set(node.op)) cost.notes += cost.notes.empty() ? "over a set" : ", over a set";
  if (lang::is_window(node.op)) {
    const auto& windows = a.wired().windows;
    const auto window = std::find_if(windows.begin(), windows.end(), [&](const auto& w) {
      return w.table == node.table && w.op == node.op && w.span == node.span &&
             graph[node.args[0]].op == lang::Op::column &&
             a.registry().model(w.table).fields[w.field].value == graph[node.args[0]].column;
    });
    const std::string span = to_string(node.span);
    std::string note;
    if (window != windows.end()) {
      const auto c = a.hot().cost(static_cast<size_t>(window - windows.begin()));
      cost.bytes += c.bytes_per_device;
      note =
          c.exact ? fmt::format("{} exact", span) : fmt::format("{} in panes of {}", span, to_string(c.pane));
    } else if (node.op == lang::Op::time_true) {
      note = fmt::format("{} of boundaries, exact for {} stretches", span, lang::kStretches);
    } else {
      note = fmt::format("{} of boundaries in panes of {}", span, to_string(nanoseconds(node.span.ns / 64)));
      if (!lang::is_stateful(node.op)) cost.bytes += boundary_window_bytes(node.op, node.span);
    }
    cost.notes += (cost.notes.empty() ? "window " : ", window ") + note;
  }
  if (lang::is_warm(node.op)) {
    const auto kept = a.warm().cost(id);
    cost.bytes += kept.bytes_per_device;
    cost.notes +=
        fmt::format("{}{} back, {} {} {}", cost.notes.empty() ? "" : ", ", to_string(node.span), kept.values,
                    node.op == lang::Op::ago ? "values every" : "buckets of", to_string(kept.every));
  }
  for (const lang::NodeId arg : node.args) add_cost(a, arg, seen, cost);
}

/// How long each requirement waits to be decided, and what that keeps.
void explain_requirements(Assembly& a) {
  const auto& all = a.requirements().all();
  if (all.empty()) return;
  fmt::print("\n{:<44} {:<18} {:>4} {:>9}  {}\n", "requirement", "decided after", "each", "B/device",
             "atoms");
  for (const auto& requirement : all) {
    const auto& formula = requirement.formula;
    const Duration period = std::max(requirement.config.every, a.scenario().cycle);
    std::string atoms;
    for (const auto& atom : requirement.atoms) atoms += (atoms.empty() ? "" : ", ") + atom.text;
    constexpr size_t kWidest = 43;
    const auto& name = requirement.config.name;
    fmt::print("{:<44} {:<18} {:>4} {:>9}  {}\n",
               name.size() > kWidest ? name.substr(0, kWidest - 3) + "..." : name,
               formula.horizon() == kUnlimited ? "the run's end" : to_string(formula.horizon()),
               to_string(period), formula.most_bytes(period, a.scenario().duration), atoms);
  }
}

/// In the unit in which people declared it, where they did.
std::string declared_type(const Assembly& a, const std::string& name, lang::NodeId node) {
  const auto& type = a.graph()[node].type;
  for (const auto& derived : a.scenario().derived)
    if (name == "derived." + derived.name && type.kind == lang::Kind::number && !derived.unit.text.empty())
      return derived.unit.text + (type.point ? " (a point)" : "");
  return type_text(a, type);
}

void explain(Assembly& a) {
  fmt::print("\n{:<44} {:<18} {:>4} {:>9}  {}\n", "expression", "type", "ops", "B/device", "notes");
  const auto line = [&](const std::string& name, lang::NodeId node) {
    Cost cost;
    std::vector<bool> seen(a.graph().size());
    add_cost(a, node, seen, cost);
    fmt::print("{:<44} {:<18} {:>4} {:>9}  {}\n", name, declared_type(a, name, node), cost.operations,
               cost.bytes == 0 ? "" : std::to_string(cost.bytes), cost.notes);
  };
  for (const auto& e : a.fleet().explained()) line(e.name, e.node);
  for (const auto& e : a.wired().explained) line(e.name, e.node);
  explain_requirements(a);
  const auto& strata = a.evaluator().plan().strata;
  fmt::print("\n");
  const auto is_event = [&](const lang::ProducerRef& producer) {
    const auto& events = a.events().all();
    return producer.index < events.size() && !events[producer.index].of_alarm;
  };
  for (size_t s = 0; s < strata.size(); ++s) {
    fmt::print("stratum {}: {} sets, {} windows of boundaries, {} looks back, {} programs, {} events\n", s,
               strata[s].sets.size(), strata[s].windows.size(), strata[s].warm.size(),
               strata[s].programs.size(),
               std::count_if(strata[s].producers.begin(), strata[s].producers.end(), is_event));
  }
}

}  // namespace

Exit check(const CheckRequest& request) {
  Trial trial = try_out(request);
  if (!trial.assembly) return refuse_counted(all_problems(std::move(trial), request));
  const Census& census = trial.census;
  Assembly& a = *trial.assembly;
  Diagnostics warnings = a.warnings();
  note_late(*trial.reading.scenario, request.settings, warnings);
  std::fputs(render(census.warnings).c_str(), stderr);
  std::fputs(render(warnings).c_str(), stderr);
  double hot = 0, warm = 0, tables = 0;
  for (size_t w = 0; w < a.wired().windows.size(); ++w)
    hot += static_cast<double>(a.hot().cost(w).bytes_per_device *
                               census.devices[a.wired().windows[w].table.index()]);
  const auto rows = [&](TableId table) {
    return table.index() < census.devices.size() ? census.devices[table.index()] : 1;
  };
  for (const auto& stratum : a.evaluator().plan().strata)
    for (const auto& w : stratum.windows)
      hot += static_cast<double>(boundary_window_bytes(w.op, w.span) * rows(w.table));
  for (size_t t = 0; t < census.devices.size(); ++t) {
    warm += static_cast<double>(a.warm().bytes_per_device(TableId(t)) * census.devices[t]);
    for (const auto& column : a.schema().tables[t].columns)
      tables += static_cast<double>(lang::size_of(column.storage) * census.devices[t]);
  }
  const auto many = [](size_t n, const char* what) {
    return fmt::format("{} {}{}", grouped(static_cast<long long>(n)), what, n == 1 ? "" : "s");
  };
  fmt::print("{}: {} of {}, {}, {}, {}; hot history {:.1f} MiB, looks back {:.1f} MiB, tables {:.1f} MiB\n",
             a.scenario().name, many(census.total, "device"), many(a.registry().models().size(), "model"),
             many(a.scenario().events.size(), "event"), many(a.wired().rules.size(), "rule"),
             many(a.wired().alarms.size(), "alarm"), hot / (1 << 20), warm / (1 << 20), tables / (1 << 20));
  for (const auto& line : rivals(a.wired().rules, a.registry())) fmt::print("{}\n", line);
  if (request.explain) explain(a);
  return Exit::held;
}

}  // namespace looptwin::testbed
