// The second half of compiling a device model (expressions are in device_compiler.cc): programs, and binding.
#include "sim/device_model.h"

#include <fmt/format.h>
#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "sim/device_compiler.h"

namespace looptwin::sim {

size_t DeviceCompiler::add_uniforms(const std::vector<lang::NodeId>& uniforms) {
  const size_t first = out_.uniforms.size();
  out_.uniforms.insert(out_.uniforms.end(), uniforms.begin(), uniforms.end());
  return first;
}

ColumnProgram DeviceCompiler::program(std::span<const lang::Root> roots) {
  ColumnProgram compiled{lang::Program::compile(schema_, graph_, table_, roots, {}), 0};
  compiled.first_uniform = add_uniforms(compiled.program.uniforms());
  return compiled;
}

void DeviceCompiler::mark_seen(lang::NodeId id) {
  const auto& node = graph_[id];
  if (node.op == lang::Op::column && node.table == table_)
    for (auto& sensor : out_.sensors) sensor.seen |= sensor.reading == node.column;
  for (const auto arg : node.args) mark_seen(arg);
}

void DeviceCompiler::compile_controller() {
  if (!signal_lines_.empty()) {
    std::vector<lang::Root> roots;
    for (const auto& line : signal_lines_) {
      roots.push_back({line.node, line.column});
      out_.signals.push_back({line.name, line.column, schema_.column(table_, line.column).storage});
      for (const auto& machine : config_.controller->machines)
        if (machine.name == line.name) out_.signals.back().initial = machine.initial;
      mark_seen(line.node);
    }
    out_.controller = program(roots);
  }
  if (refusal_.valid()) {
    out_.refusing = add_column(".refuses", lang::Type::boolean());
    const lang::Root root{refusal_, out_.refusing};
    mark_seen(refusal_);
    out_.refuses = program(std::span(&root, 1));
  }
}

void DeviceCompiler::compile_coupling() {
  if (!row_inputs_.empty()) out_.inputs = program(row_inputs_);
  if (!drives_.empty()) out_.driving = program(drives_);
}

void DeviceCompiler::compile_plant() {
  if (!config_.physics || (states_.empty() && outputs_.empty())) return;
  std::vector<lang::Root> initial;
  for (size_t s = 0; s < states_.size(); ++s) initial.push_back({initial_[s], states_[s].column});
  if (!initial.empty()) out_.initial = program(initial);

  lang::PlantSource source;
  source.table = table_;
  source.step = out_.step;
  source.integrator = config_.physics->integrator;
  source.parameters = model_.parameters;
  const bool has_code = config_.physics->code != nullptr;
  if (has_code && outputs_.empty()) return;
  for (size_t s = 0; s < states_.size() && !has_code; ++s)
    source.states.push_back(
        {states_[s].name, states_[s].column, states_[s].node, limits_[s].first, limits_[s].second});
  for (size_t s = 0; s < source.states.size(); ++s)
    out_.states.push_back({states_[s].name, config_.physics->states[s].name_span, states_[s].column});
  for (const auto& output : outputs_) source.outputs.push_back({output.node, output.column});
  source.events = events_;
  for (const auto& event : config_.physics->events) out_.events.push_back({event.name, event.span});
  auto plant = lang::Plant::compile(schema_, graph_, source);
  if (!plant) {
    problems_.insert(problems_.end(), plant.error().begin(), plant.error().end());
    return;
  }
  out_.plant_uniforms = add_uniforms(plant->uniforms());
  out_.plant = std::move(*plant);
}

void DeviceCompiler::compile_sensors() {
  for (size_t f = 0; f < out_.sensors.size(); ++f) {
    auto& sensor = out_.sensors[f];
    if (!sensor.present) continue;
    const auto& node = graph_[sources_[f]];
    if (sensor.seen)
      for (const auto& output : outputs_)
        out_.outputs_seen |= reads(graph_, sources_[f], table_, output.column);
    if (node.op == lang::Op::column && node.table == table_) {
      sensor.source = node.column;
      const bool state = std::any_of(out_.states.begin(), out_.states.end(),
                                     [&](const State& s) { return s.column == sensor.source; });
      sensor.lasting = state && sensor.seen && sensor.dropout == 0;
      continue;
    }
    sensor.source =
        add_column(".true." + model_.config.telemetry[f].name, node.type, model_.config.telemetry[f].unit);
    const lang::Root root{sources_[f], sensor.source};
    sensor.program = program(std::span(&root, 1));
  }
}

void DeviceCompiler::compile_groups() {
  for (auto& group : twin::report_groups(model_.config)) {
    Report report{.group = std::move(group)};
    if (report.group.every.ns <= 0) {
      error(model_.config.telemetry[report.group.fields.front()].span, "a field is reported without a period",
            "write every: 10 s");
      continue;
    }
    if (report.group.fields.size() > kMostFields)
      error(model_.config.telemetry[report.group.fields[kMostFields]].span,
            fmt::format("'{}' reports {} fields together, more than {}", out_.name,
                        report.group.fields.size(), kMostFields),
            "give some of them another every: or phase:");
    report.silent = std::none_of(report.group.fields.begin(), report.group.fields.end(),
                                 [&](uint16_t f) { return out_.sensors[f].present; });
    for (size_t row = 0; row < twin::kBlockRows; ++row)
      report.phase.push_back(twin::phase_of(report.group, row).ns);
    LT_CHECK(std::is_sorted(report.phase.begin(), report.phase.end()), "phases fall within a block");
    out_.reports.push_back(std::move(report));
  }
}

bool HeldSetpoint::accepts(double v) const { return v >= range.low && v <= range.high; }

void HeldSetpoint::set(size_t row, double v) const {
  if (storage == lang::Storage::f64) {
    static_cast<double*>(value)[row] = v;
  } else {
    static_cast<uint8_t*>(value)[row] = static_cast<uint8_t>(v);
  }
}

namespace {

/// A constant of each device, normal around 0; nothing where the deviation is 0.
std::vector<double> constants(double deviation, const Draws& stream, std::span<const uint64_t> keys) {
  if (deviation == 0) return {};
  std::vector<double> values(keys.size());
  for (size_t row = 0; row < keys.size(); ++row) values[row] = deviation * stream.normal(keys[row], 0);
  return values;
}

}  // namespace

void DeviceModel::bind(lang::Memory& memory, const twin::Registry& registry, const DeviceConfig& config,
                       uint64_t seed) {
  const size_t rows = keys.size();
  const auto& sensor_configs = config.sensors;
  if (config.clock) {
    clock_offset = config.clock->offset;
    clock_sync = config.clock->sync.value_or(Duration{});
    clock_stream = Draws(seed, name + ".clock.offset");
    const Draws drift(seed, name + ".clock.drift");
    clock_drift.clear();
    if (config.clock->drift)
      for (const uint64_t key : keys) clock_drift.push_back(drift.sample(*config.clock->drift, key, 0));
  }
  for (auto* p : {&initial, &inputs, &driving, &controller, &refuses})
    if (*p) (*p)->program.bind(memory);
  if (plant) plant->bind(memory);
  for (auto* code : {&controller_code, &physics_code})
    if (*code) (*code)->bind(memory, table);
  for (auto& state : states) state.value = static_cast<const double*>(memory.column(table, state.column));
  for (auto& signal : random) signal.value = static_cast<double*>(memory.column(table, signal.column));
  for (auto& signal : signals) {
    signal.value = memory.column(table, signal.column);
    std::memset(signal.value, signal.initial.value_or(0), rows * lang::size_of(signal.storage));
  }
  for (auto& setpoint : setpoints) {
    setpoint.value = memory.column(table, setpoint.column);
    for (size_t row = 0; row < rows; ++row) setpoint.set(row, setpoint.initial);
  }
  command.clear();
  for (const ColumnId column : commands) {
    command.push_back(static_cast<uint8_t*>(memory.column(table, column)));
    std::memset(command.back(), 0, rows);
  }
  if (refuses) refusal = static_cast<const uint8_t*>(memory.column(table, refusing));
  const auto& fields = registry.model(table).config.telemetry;
  for (size_t f = 0; f < sensors.size(); ++f) {
    auto& sensor = sensors[f];
    sensor.value = memory.column(table, sensor.reading);
    if (!sensor.present) continue;
    if (sensor.program) sensor.program->program.bind(memory);
    sensor.truth = memory.column(table, sensor.source);
    const std::string path = name + "." + fields[f].name;
    sensor.bias = constants(sensor_configs[f].bias, Draws(seed, path + ".bias"), keys);
    sensor.drift = constants(sensor_configs[f].drift, Draws(seed, path + ".drift"), keys);
  }
  find_extents();
}

int64_t DeviceModel::clock_error(size_t row, Time t) const {
  const int64_t syncs = clock_sync.ns > 0 ? t.ns / clock_sync.ns : 0;
  const int64_t since = t.ns - syncs * clock_sync.ns;
  double error = 0;  // ns
  if (clock_offset)
    error += 1e9 * clock_stream.sample(*clock_offset, keys[row], static_cast<uint64_t>(syncs));
  if (!clock_drift.empty()) error += clock_drift[row] * static_cast<double>(since);
  return static_cast<int64_t>(std::clamp(error, -1e18, 1e18));
}

void DeviceModel::find_extents() {
  extents.clear();
  const auto add = [&](const std::vector<lang::Extent>& more) {
    extents.insert(extents.end(), more.begin(), more.end());
  };
  if (plant) add(plant->extents());
  if (controller) add(controller->program.extents());
  for (const auto& sensor : sensors) {
    if (!sensor.present) continue;
    if (sensor.program) add(sensor.program->program.extents());
    for (const void* column : {sensor.truth, static_cast<const void*>(sensor.value)})
      extents.push_back({static_cast<const std::byte*>(column), lang::size_of(sensor.storage)});
  }
  extents.push_back({reinterpret_cast<const std::byte*>(keys.data()), sizeof keys[0]});
  std::sort(extents.begin(), extents.end());
  extents.erase(std::unique(extents.begin(), extents.end()), extents.end());
}

DeviceModel compile_model(const lang::Units& units, lang::Schema& schema, lang::Graph& graph,
                          const twin::Registry& registry, TableId table, const DeviceConfig& config,
                          uint64_t seed, std::span<const std::unique_ptr<Coupling>> plants,
                          Diagnostics& problems) {
  return DeviceCompiler(units, schema, graph, registry, table, config, seed, plants, problems).run();
}

}  // namespace looptwin::sim
