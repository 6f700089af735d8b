#include "testbed/sequence/probes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "testbed/field_at.h"

namespace looptwin::testbed {
namespace {

/// Apart from the numbers that rules, plants, controllers and requirements use.
constexpr uint32_t kFirstInstance = 3'000'000;
/// Of a set, so many members are drawn.
constexpr size_t kMostMembers = 4;

void error(Diagnostics& problems, const Span& span, std::string message, std::string hint = {}) {
  problems.push_back({Severity::error, span, std::move(message), std::move(hint)});
}

}  // namespace

Result<std::unique_ptr<Probes>> Probes::compile(const std::vector<ProbeText>& texts,
                                                const lang::Scopes& scopes, const World& world) {
  std::unique_ptr<Probes> probes(new Probes(world));
  Diagnostics problems;
  for (const auto& text : texts) probes->add(text, scopes, problems);
  if (auto planned = probes->plan(std::move(problems)); !planned)
    return tl::make_unexpected(std::move(planned.error()));
  return probes;
}

void Probes::add(const ProbeText& text, const lang::Scopes& scopes, Diagnostics& problems) {
  auto& probe = probes_.emplace_back();
  const auto& registry = world_.registry;
  if (text.device.empty())
    probe.devices = {{registry.site(), Row(0)}};
  else
    probe.devices = registry.matching(text.device);
  if (probe.devices.empty())
    return error(problems, text.device_span, fmt::format("no device matches '{}'", text.device),
                 "write an id; `*` stands for any part of an id without '/'");
  probe.table = probe.devices.front().table;
  for (const auto device : probe.devices)
    if (device.table != probe.table)
      return error(problems, text.device_span,
                   fmt::format("'{}' matches devices of several models", text.device),
                   "write a step for each model");
  lang::Wanted wanted;
  if (text.condition) wanted.type = lang::Type::boolean();
  wanted.instance = kFirstInstance + static_cast<uint32_t>(probes_.size());
  lang::Checker checker(world_.units, world_.schema, world_.graph, problems);
  const auto checked = checker.check_with_unit(text.text, scopes, probe.table, wanted);
  if (!checked.node.valid()) return;
  probe.node = checked.node;
  probe.unit = checked.unit;
  if (!text.condition) settle_unit(text, probe, problems);
  note_reads(probe.node, probe);
}

void Probes::settle_unit(const ProbeText& text, Probe& probe, Diagnostics& problems) const {
  const auto type = world_.graph[probe.node].type;
  if (type.kind != lang::Kind::number)
    return error(problems, text.text, "what is measured is a number", "write expect: for a condition");
  if (!text.unit) {
    if (probe.unit.text.empty() || probe.unit.type != type) {
      probe.unit = {lang::unit_text(type.dimension), type, 1, 0};
      if (type.point && type.dimension == lang::kTemperature) probe.unit = {"degC", type, 1, 273.15};
    }
    if (probe.unit.text == "1") probe.unit.text.clear();
    return;
  }
  auto unit = world_.units.unit(*text.unit);
  if (!unit) {
    problems.insert(problems.end(), unit.error().begin(), unit.error().end());
    return;
  }
  if (unit->type.point && !type.point) *unit = lang::difference_unit(*unit);
  if (unit->type.dimension != type.dimension)
    return error(problems, *text.unit,
                 fmt::format("{} is no unit of what is measured, which is in {}", unit->text,
                             lang::to_string(type.dimension)));
  unit->type = type;
  probe.unit = *unit;
}

void Probes::note_reads(lang::NodeId id, const Probe& probe) {
  const lang::Node& node = world_.graph[id];
  for (const auto arg : node.args) note_reads(arg, probe);
  if (node.op != lang::Op::column) return;
  const auto field = field_at(world_.registry, node.table, node.column);
  if (!field) return;
  if (node.table == probe.table) {
    for (const auto device : probe.devices) reads_.insert({device, *field});
    return;
  }
  const size_t members = std::min(kMostMembers, world_.registry.devices(node.table));
  for (size_t row = 0; row < members; ++row) reads_.insert({{node.table, Row(row)}, *field});
}

Result<void> Probes::plan(Diagnostics problems) {
  if (has_errors(problems)) return tl::make_unexpected(std::move(problems));
  std::vector<lang::Demand> demands;
  std::vector<Probe*> whose;
  for (auto& probe : probes_) {
    const auto& node = world_.graph[probe.node];
    if (node.op == lang::Op::constant) {
      probe.constant = node.number[0];
      continue;
    }
    demands.push_back({probe.node, probe.table, {}});
    whose.push_back(&probe);
  }
  auto planned = lang::build_plan(
      world_.schema, world_.graph, std::move(demands), {},
      [&](TableId table, ColumnId column) { return field_at(world_.registry, table, column).has_value(); });
  if (!planned) return tl::make_unexpected(std::move(planned.error()));
  for (size_t d = 0; d < whose.size(); ++d) whose[d]->column = planned->demands[d].column;
  for (const auto& w : planned->sampled)
    windows_.push_back({w.table, *field_at(world_.registry, w.table, w.from), w.op, w.span, w.out});
  for (const auto& stratum : planned->strata)
    for (const auto& warm : stratum.warm)
      error(problems, world_.graph.span(warm.node), "steps do not look back into the warm history",
            "declare it under derived: in the scenario, and write its name");
  if (has_errors(problems)) return tl::make_unexpected(std::move(problems));
  plan_ = std::move(*planned);
  return {};
}

void Probes::bind() {
  evaluator_ = std::make_unique<mml::Evaluator>(std::move(plan_), world_.schema, world_.graph,
                                                world_.registry, world_.tables, world_.feeds);
  evaluator_->bind();
  dirty_ = std::make_unique<mml::Dirty>(world_.tables, world_.schema.tables.size());
  conditions_ = std::make_unique<Conditions>(Conditions::Parts{world_.schema,
                                                               world_.graph,
                                                               evaluator_->plan(),
                                                               world_.units,
                                                               world_.registry,
                                                               world_.tables,
                                                               world_.feeds,
                                                               {}});
}

void Probes::look(Time boundary, Workers& workers) {
  for (size_t t = 0; t < world_.schema.tables.size(); ++t) dirty_->mark_all(TableId(t));
  for (const auto& shard : world_.tables.shards()) dirty_->begin(shard, boundary);
  evaluator_->evaluate(last_, boundary, *dirty_, workers, [](size_t, size_t, size_t, size_t, Time*) {});
  dirty_->clear();
  last_ = boundary;
}

double Probes::value(size_t index, twin::DeviceRef device) const {
  const auto& probe = probes_[index];
  if (probe.constant) return *probe.constant;
  return twin::load(world_.tables.column(probe.table, probe.column),
                    world_.schema.column(probe.table, probe.column).storage, device.row.index());
}

std::vector<std::string> Probes::why(size_t index, twin::DeviceRef device) const {
  return conditions_->read(probes_[index].node, device, last_).lines();
}

}  // namespace looptwin::testbed
