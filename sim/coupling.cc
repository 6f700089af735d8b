#include "sim/coupling.h"

#include <fmt/format.h>
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "base/check.h"

namespace looptwin::sim {
namespace {

/// "node.n1" is the node n1; "network" the network itself.
std::pair<std::string, std::string> kind_and_name(const std::string& element) {
  const size_t dot = element.find('.');
  if (dot == std::string::npos) return {element, {}};
  return {element.substr(0, dot), element.substr(dot + 1)};
}

lang::Unit unit_of(const lang::Units& units, const std::string& text) {
  const auto source = std::make_shared<const Source>(Source{"port", text});
  auto unit = units.unit({source, 0, static_cast<uint32_t>(text.size())});
  LT_CHECK(unit.has_value(), text);
  return *unit;
}

}  // namespace

std::vector<ElementKind> elements_of(const CoupledPlant& plant) {
  std::vector<ElementKind> kinds;
  std::map<std::string, size_t> index;
  std::string last;
  for (const Port& port : plant.ports()) {
    if (port.element == last) continue;
    last = port.element;
    const auto [kind, name] = kind_and_name(port.element);
    const auto [at, added] = index.try_emplace(kind, kinds.size());
    if (added) kinds.push_back({kind, {}});
    kinds[at->second].names.push_back(name);
  }
  return kinds;
}

std::string element_model(const std::string& plant, const std::string& kind) {
  return fmt::format("{}_{}", plant, kind);
}

std::string element_id(const std::string& plant, const std::string& kind, const std::string& name) {
  return name.empty() ? fmt::format("{}/{}", plant, kind) : fmt::format("{}/{}/{}", plant, kind, name);
}

Result<std::unique_ptr<CoupledPlant>> PlantConfig::build(uint64_t seed) const { return make(seed, folder); }

Coupling::Coupling(const PlantConfig& config, std::unique_ptr<CoupledPlant> plant, const lang::Units& units,
                   lang::Schema& schema, const twin::Registry& registry)
    : config_(config), plant_(std::move(plant)) {
  const auto ports = plant_->ports();
  for (const auto& elements : elements_of(*plant_)) {
    const auto table = registry.find_model(element_model(config.name, elements.kind));
    LT_CHECK(table.has_value(), elements.kind);
    LT_CHECK(registry.devices(*table) == elements.names.size(), elements.kind);
    kinds_.push_back({*table, {}, {}, {}});
    kinds_.back().scope.table = *table;
  }
  for (size_t p = 0; p < ports.size(); ++p) {
    const auto [kind_name, name] = kind_and_name(ports[p].element);
    const auto device = registry.find(element_id(config.name, kind_name, name));
    LT_CHECK(device.has_value(), ports[p].name());
    auto& kind =
        *std::find_if(kinds_.begin(), kinds_.end(), [&](const Kind& k) { return k.table == device->table; });
    const bool is_output = ports[p].direction == PortDirection::out;
    auto& columns = is_output ? kind.outputs : kind.inputs;
    auto column = std::find_if(columns.begin(), columns.end(),
                               [&](const PortColumn& c) { return c.name == ports[p].quantity; });
    if (column == columns.end()) {
      const auto unit = unit_of(units, ports[p].unit);
      column = columns.insert(columns.end(), {ports[p].quantity, unit, {}, {}});
      column->port.assign(registry.devices(kind.table), kNone);
      if (is_output) {
        column->column =
            schema.add_column(kind.table, {".port." + column->name, unit.type, unit, lang::Storage::f64});
        lang::Symbol symbol;
        symbol.type = unit.type;
        symbol.column = column->column;
        kind.scope.names[column->name] = symbol;
      }
    }
    column->port[device->row.index()] = p;
  }
}

const Coupling::Kind* Coupling::kind_of(TableId table) const {
  for (const auto& kind : kinds_)
    if (kind.table == table) return &kind;
  return nullptr;
}

const lang::Scope* Coupling::outputs_of(TableId table) const {
  const auto* kind = kind_of(table);
  return kind ? &kind->scope : nullptr;
}

const lang::Unit* Coupling::input(TableId table, const std::string& port) const {
  const auto* kind = kind_of(table);
  if (!kind) return nullptr;
  for (const auto& input : kind->inputs)
    if (input.name == port) return &input.unit;
  return nullptr;
}

std::vector<std::string> Coupling::inputs_of(TableId table) const {
  std::vector<std::string> names;
  if (const auto* kind = kind_of(table))
    for (const auto& input : kind->inputs) names.push_back(input.name);
  return names;
}

Diagnostics Coupling::add(std::span<const Drive> drives, const twin::Registry& registry,
                          twin::Tables& tables) {
  Diagnostics problems;
  std::map<size_t, twin::DeviceRef> driver;  // of each port
  for (const auto& drive : drives) {
    const auto* kind = kind_of(drive.kind);
    if (!kind) continue;
    const auto input = std::find_if(kind->inputs.begin(), kind->inputs.end(),
                                    [&](const PortColumn& c) { return c.name == drive.port; });
    LT_CHECK(input != kind->inputs.end(), drive.port);
    Driven driven{drive.model, drive.value, {}};
    const auto elements = tables.values<uint32_t>(drive.model, drive.element);
    for (uint32_t row = 0; row < elements.size(); ++row) {
      if (elements[row] == UINT32_MAX) continue;  // related to none
      const twin::DeviceRef device{drive.model, Row(row)}, element{drive.kind, Row(elements[row])};
      const size_t port = input->port[elements[row]];
      if (port == kNone) {
        problems.push_back({Severity::error, drive.span,
                            fmt::format("'{}' drives the {} of '{}', which has none", registry.id(device),
                                        drive.port, registry.id(element)),
                            "relate it to another element"});
        continue;
      }
      const auto [at, added] = driver.try_emplace(port, device);
      if (!added)
        problems.push_back({Severity::error, drive.span,
                            fmt::format("'{}' and '{}' both drive the {} of '{}'", registry.id(at->second),
                                        registry.id(device), drive.port, registry.id(element)),
                            "let one device drive it"});
      driven.cells.emplace_back(row, port);
    }
    driven_.push_back(std::move(driven));
  }
  return problems;
}

void Coupling::exchange(const lang::Schema& schema, twin::Tables& tables) {
  const auto values = plant_->values();
  for (const auto& kind : kinds_) {
    for (const auto& output : kind.outputs) {
      auto column = tables.values<double>(kind.table, output.column);
      for (size_t row = 0; row < column.size(); ++row)
        column[row] =
            output.port[row] == kNone ? std::numeric_limits<double>::quiet_NaN() : values[output.port[row]];
    }
  }
  for (const auto& driven : driven_) {
    const auto storage = schema.column(driven.model, driven.value).storage;
    const void* column = tables.column(driven.model, driven.value);
    for (const auto& [row, port] : driven.cells) {
      double value = twin::load(column, storage, row);
      if (storage == lang::Storage::boolean && value != 0 && value != 1) continue;
      if (!std::isnan(value)) values[port] = value;
    }
  }
  next_ = next_ + config_.exchange;
  plant_->advance(next_);
}

Diagnostics Coupling::breakdown() const {
  Diagnostics why = plant_->breakdown();
  for (auto& problem : why) problem.message = fmt::format("plant '{}': {}", config_.name, problem.message);
  return why;
}

void Coupling::save(ArchiveWriter& archive) const {
  archive.section("coupling", 1);
  archive.put(next_);
  plant_->save(archive);
}

void Coupling::restore(ArchiveReader& archive) {
  archive.section("coupling", 1);
  next_ = archive.get<Time>();
  plant_->restore(archive);
}

}  // namespace looptwin::sim
