#include "sim/device_compiler.h"

#include <fmt/format.h>
#include <algorithm>
#include <limits>

#include "base/check.h"
#include "base/text.h"

namespace looptwin::sim {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::string_view text_of(const Span& span) {
  return std::string_view(span.source->text).substr(span.begin, span.end - span.begin);
}

/// A type whose values can be added up over time: what a rate of the type is per second.
lang::Type rate_of(const lang::Type& type) {
  return lang::Type::number(type.dimension / lang::kTimeDimension);
}

/// Whether one reading of a line says less against it than another: fewer problems, or one further out,
/// within which all is well.
bool nearer(const Diagnostics& one, const Diagnostics& other) {
  if (one.size() != other.size() || one.empty()) return one.size() < other.size();
  const auto extent = [](const Diagnostics& d) { return d.front().span.end - d.front().span.begin; };
  return extent(one) > extent(other);
}

}  // namespace

DeviceCompiler::DeviceCompiler(const lang::Units& units, lang::Schema& schema, lang::Graph& graph,
                               const twin::Registry& registry, TableId table, const DeviceConfig& config,
                               uint64_t seed, std::span<const std::unique_ptr<Coupling>> plants,
                               Diagnostics& problems)
    : units_(units),
      schema_(schema),
      graph_(graph),
      model_(registry.model(table)),
      table_(table),
      config_(config),
      seed_(seed),
      plants_(plants),
      problems_(problems),
      problems_before_(problems.size()) {
  out_.table = table;
  out_.name = model_.config.name;
  out_.keys = registry.keys(table);
  if (config.physics && config.physics->step.ns > 0) out_.step = config.physics->step;
  out_.period = config.controller && config.controller->every.ns > 0 ? config.controller->every : seconds(1);
  if (!config.physics) out_.step = out_.period;
  for (auto* scope : {&parameters_, &physics_, &sensor_, &controller_}) scope->table = table;
}

DeviceModel DeviceCompiler::run() {
  if (config_.controller && out_.period.ns % out_.step.ns != 0)
    error(config_.controller->span,
          fmt::format("the controller's period of {} is no multiple of the physics' step of {}",
                      to_string(out_.period), to_string(out_.step)),
          "make `every` of the controller a multiple of `step`");
  add_parameters();
  add_setpoints_and_commands();
  add_readings();
  add_random();
  add_inputs();
  add_states();
  add_limits();
  add_hints();
  check_controller();
  check_controller_code();
  check_outputs();
  check_physics_code();
  check_events();
  check_drives();
  check_sensors();
  check_refusal();
  if (problems_.size() != problems_before_ && has_errors(problems_)) return std::move(out_);
  for (const auto& [name, symbol] : sensor_.names)
    if (symbol.is == lang::Symbol::Is::column && !parameters_.names.contains(name))
      out_.true_names[name] = symbol;
  compile_coupling();
  compile_controller();
  compile_plant();
  compile_sensors();
  compile_groups();
  return std::move(out_);
}

void DeviceCompiler::error(const Span& span, std::string message, std::string hint) {
  problems_.push_back({Severity::error, span, std::move(message), std::move(hint)});
}

ColumnId DeviceCompiler::add_column(const std::string& name, const lang::Type& type, const lang::Unit& unit) {
  return schema_.add_column(table_, {name, type, unit, storage_of(type)});
}

lang::Symbol DeviceCompiler::symbol(ColumnId column, const lang::Type& type) {
  lang::Symbol symbol;
  symbol.type = type;
  symbol.column = column;
  return symbol;
}

void DeviceCompiler::add_parameters() {
  for (size_t p = 0; p < model_.parameters.size(); ++p) {
    const auto& name = model_.config.parameters[p].name;
    const auto parameter = symbol(model_.parameters[p], schema_.column(table_, model_.parameters[p]).type);
    for (auto* scope : {&parameters_, &physics_, &sensor_, &controller_}) scope->names[name] = parameter;
  }
}

void DeviceCompiler::add_setpoints_and_commands() {
  for (size_t s = 0; s < model_.config.setpoints.size(); ++s) {
    const auto& config = model_.config.setpoints[s];
    const auto& like = schema_.column(table_, model_.setpoints[s].desired);
    HeldSetpoint held;
    held.storage = storage_of(like.type);  // of the column below; the twin's own are all of numbers
    held.initial = config.value;
    held.range = config.range.value_or(twin::Range{-kInfinity, kInfinity});
    if (config.boolean) held.range = {0, 1};
    if (!config.words.empty()) held.range = {0, static_cast<double>(config.words.size() - 1)};
    held.local = config.local;
    const auto type = like.type;
    held.column = add_column(".held." + config.name, type, config.unit);
    controller_.names[config.name] = sensor_.names[config.name] = symbol(held.column, type);
    out_.setpoints.push_back(held);
  }
  for (const auto& command : model_.config.commands) {
    out_.commands.push_back(add_column(".command." + command.name, lang::Type::boolean()));
    controller_.names[command.name] = symbol(out_.commands.back(), lang::Type::boolean());
  }
}

void DeviceCompiler::add_readings() {
  for (size_t f = 0; f < model_.fields.size(); ++f) {
    const auto& config = model_.config.telemetry[f];
    const auto like = schema_.column(table_, model_.fields[f].value);
    Sensor sensor;
    sensor.storage = like.storage;
    sensor.scaling = twin::scaling_of(config);
    sensor.range = twin::raw_range_of(config);
    if (f < config_.sensors.size()) {
      sensor.noise = config_.sensors[f].noise;
      sensor.dropout = config_.sensors[f].dropout;
    }
    const std::string path = out_.name + "." + config.name;
    sensor.noise_stream = Draws(seed_, path + ".noise");
    sensor.dropout_stream = Draws(seed_, path + ".dropout");
    sensor.reading = add_column(".reading." + config.name, like.type, config.unit);
    controller_.names[config.name] = symbol(sensor.reading, like.type);
    out_.sensors.push_back(std::move(sensor));
  }
}

void DeviceCompiler::add_random() {
  if (!config_.physics) return;
  for (const auto& config : config_.physics->random) {
    LT_CHECK(config.draw.has_value(), "a random signal without its distribution: " + config.name);
    RandomSignal signal{.column = add_column(".random." + config.name, config.unit.type, config.unit),
                        .draw = *config.draw,
                        .stream = Draws(seed_, out_.name + "." + config.name + ".random"),
                        .every = config.every};
    if (config.every.ns <= 0)
      error(config.span, fmt::format("the random signal '{}' needs a period", config.name),
            "write every: 10 min");
    physics_.names[config.name] = sensor_.names[config.name] = symbol(signal.column, config.unit.type);
    out_.random.push_back(std::move(signal));
  }
}

void DeviceCompiler::add_inputs() {
  if (!config_.physics) return;
  lang::Scope outside;
  outside.table = table_;
  const auto& relations = schema_.table(table_).relations;
  for (size_t r = 0; r < relations.size(); ++r) {
    lang::Symbol relation;
    relation.is = lang::Symbol::Is::relation;
    relation.relation = RelationId(r);
    const bool of_plant = std::any_of(plants_.begin(), plants_.end(), [&](const auto& p) {
      return p->outputs_of(relations[r].to) != nullptr;
    });
    if (of_plant && !relations[r].many) outside.names[relations[r].name] = relation;
  }
  for (const auto& signal : schema_.feeds) {
    outside.names[signal.feed].is = lang::Symbol::Is::feed_root;
    physics_.hints[signal.feed] =
        fmt::format("name it under inputs, as in inputs: {{{0}: {1}.{0}}}", signal.name, signal.feed);
  }
  for (const auto& input : config_.physics->inputs) {
    const auto node = check(input.text, outside, {});
    if (!node.valid()) continue;
    const auto type = graph_[node].type;
    lang::Symbol value = symbol({}, type);
    if (graph_[node].table.valid()) {  // of the element that each device is related to
      value.column = add_column(".input." + input.name, type);
      row_inputs_.push_back({node, value.column});
    } else {
      value.is = lang::Symbol::Is::node;
      value.node = node;
    }
    physics_.names[input.name] = sensor_.names[input.name] = value;
    explain("physics.inputs." + input.name, node);
  }
}

void DeviceCompiler::add_states() {
  if (!config_.physics) return;
  for (const auto& state : config_.physics->states) {
    const auto node = check(state.text, parameters_, {});
    if (!node.valid()) continue;
    const auto type = graph_[node].type;
    if (type.kind != lang::Kind::number) {
      error(state.text, fmt::format("state '{}' begins as something else than a number", state.name),
            "states are numbers; what switches belongs to the controller");
      continue;
    }
    const ColumnId column = add_column(".physics." + state.name, type);
    physics_.names[state.name] = sensor_.names[state.name] = symbol(column, type);
    states_.push_back({state.name, column, {}});
    initial_.push_back(node);
  }
}

/// What to write for a name that exists, but elsewhere.
void DeviceCompiler::add_hints() {
  for (const auto& field : model_.config.telemetry)
    physics_.hints[field.name] = "physics sees true states and outputs, not what is reported";
  for (const auto& setpoint : model_.config.setpoints)
    physics_.hints[setpoint.name] =
        "physics sees what the controller does: write an output of the controller";
  if (!config_.physics) return;
  const auto hint = [&](const std::string& name) {
    std::string instead = fmt::format("a controller sees its telemetry: declare a field with from: {}", name);
    for (size_t f = 0; f < config_.sensors.size() && f < model_.config.telemetry.size(); ++f)
      if (config_.sensors[f].from.source && text_of(config_.sensors[f].from) == name)
        instead = fmt::format("a controller sees its telemetry: write {}", model_.config.telemetry[f].name);
    controller_.hints[name] = instead;
  };
  for (const auto* lines : {&config_.physics->inputs, &config_.physics->states, &config_.physics->outputs})
    for (const auto& line : *lines) hint(line.name);
  for (const auto& signal : config_.physics->random) hint(signal.name);
}

lang::NodeId DeviceCompiler::check_into(Diagnostics& problems, const Span& text, const lang::Scope& scope,
                                        std::optional<lang::Type> type, std::optional<lang::Unit> bare) {
  lang::Scopes scopes;
  scopes.of_table.resize(schema_.tables.size());
  for (size_t t = 0; t < scopes.of_table.size(); ++t) scopes.of_table[t].table = TableId(t);
  if (scope.table.valid()) {
    scopes.of_table[table_.index()] = scope;
  } else {
    scopes.of_table.push_back(scope);
  }
  for (auto& other : scopes.of_table)
    for (const auto& plant : plants_)
      if (const auto* ports = other.table.valid() ? plant->outputs_of(other.table) : nullptr) other = *ports;
  scopes.windows_allowed = false;
  scopes.controller_functions = controls_;
  scopes.step = controls_ ? out_.period : out_.step;
  lang::Checker checker(units_, schema_, graph_, problems);
  return checker.check(text, scopes, scope.table, {type, std::move(bare), 1, instance_++});
}

lang::NodeId DeviceCompiler::check(const Span& text, const lang::Scope& scope, std::optional<lang::Type> type,
                                   std::optional<lang::Unit> bare) {
  return check_into(problems_, text, scope, type, std::move(bare));
}

/// A line that reads its own last value, `previous(x)`: its type is found by trying those of the names that
/// it may read, then those of whatever was checked so far, its own literals among them.
lang::NodeId DeviceCompiler::check_recursive(const Named& line, lang::Scope& scope) {
  std::vector<lang::Type> candidates{lang::Type::boolean(), lang::Type::number()};
  const auto add = [&](const lang::Type& type) {
    const bool known = std::find(candidates.begin(), candidates.end(), type) != candidates.end();
    if (!known && type.kind != lang::Kind::text) candidates.push_back(type);
  };
  for (const auto& [name, known] : scope.names) add(known.type);
  auto& table = schema_.table(table_);
  const size_t named = candidates.size();
  std::optional<Diagnostics> nearest;
  for (size_t i = 0; i < candidates.size(); ++i) {
    // The column must exist while the line is checked; where the type is wrong it goes again.
    const ColumnId column = add_column(".controller." + line.name, candidates[i]);
    scope.names[line.name] = symbol(column, candidates[i]);
    Diagnostics problems;
    const auto node = check_into(problems, line.text, scope, candidates[i], {});
    if (node.valid() && problems.empty()) return node;
    if (!nearest || nearer(problems, *nearest)) nearest = std::move(problems);
    table.column_names.erase(table.columns.back().name);
    table.columns.pop_back();
    scope.names.erase(line.name);
    if (i + 1 == named)
      for (size_t n = 0; n < graph_.size(); ++n) add(graph_[lang::NodeId(n)].type);
  }
  problems_.insert(problems_.end(), nearest->begin(), nearest->end());
  return {};
}

std::vector<DeviceCompiler::Line> DeviceCompiler::check_lines(std::span<const Named> lines,
                                                              lang::Scope& scope, const char* prefix,
                                                              std::vector<lang::Scope*> also) {
  std::vector<Line> checked;
  for (const size_t i : in_order_of_use(lines))
    if (auto line = check_line(lines[i], scope, prefix, also)) checked.push_back(std::move(*line));
  return checked;
}

std::optional<DeviceCompiler::Line> DeviceCompiler::check_line(const Named& line, lang::Scope& scope,
                                                               const char* prefix,
                                                               const std::vector<lang::Scope*>& also) {
  const bool recursive = controls_ && mentions(line.text, line.name);
  const auto node = recursive ? check_recursive(line, scope) : check(line.text, scope, {});
  if (!node.valid()) return std::nullopt;
  const auto type = graph_[node].type;
  if (type.kind == lang::Kind::text) {
    error(line.text, fmt::format("'{}' is a text", line.name),
          "outputs are numbers, booleans or words of an enumeration");
    return std::nullopt;
  }
  const ColumnId column = recursive ? scope.names[line.name].column : add_column(prefix + line.name, type);
  if (reads(graph_, node, table_, column)) {
    error(line.text, fmt::format("'{}' depends on itself", line.name),
          fmt::format("write previous({})", line.name));
    return std::nullopt;
  }
  // Within a block a name is its present value; a controller's program reads columns as they were before it
  // ran.
  auto inside = symbol(column, type);
  if (controls_) inside.is = lang::Symbol::Is::node, inside.node = node;
  scope.names[line.name] = inside;
  for (auto* other : also) other->names[line.name] = symbol(column, type);
  return Line{line.name, column, node};
}

void DeviceCompiler::check_outputs() {
  if (!config_.physics) return;
  outputs_ = check_lines(config_.physics->outputs, physics_, ".physics.", {&sensor_});
  for (const auto& line : outputs_) explain("physics.outputs." + line.name, line.node);
  if (config_.physics->code) return;  // it has the rates
  for (auto& state : states_) {
    const auto rate = std::find_if(config_.physics->rates.begin(), config_.physics->rates.end(),
                                   [&](const Named& r) { return r.name == state.name; });
    if (rate == config_.physics->rates.end()) {
      error(config_.physics->span, fmt::format("state '{}' has no rate", state.name),
            fmt::format("write rates: {{{}: …}}, how it changes per second", state.name));
      continue;
    }
    state.node = check(rate->text, physics_, rate_of(schema_.column(table_, state.column).type));
    if (state.node.valid()) explain("physics.rates." + state.name, state.node);
  }
  for (const auto& rate : config_.physics->rates) {
    const bool known = std::any_of(config_.physics->states.begin(), config_.physics->states.end(),
                                   [&](const Named& s) { return s.name == rate.name; });
    if (!known)
      error(rate.name_span, fmt::format("there is no state '{}'", rate.name),
            "declare it under states, with its initial value");
  }
}

void DeviceCompiler::check_events() {
  if (!config_.physics) return;
  for (const auto& config : config_.physics->events) {
    lang::PlantSource::Event event{.name = config.name};
    event.when = check(config.when, physics_, lang::Type::boolean());
    if (event.when.valid()) explain("physics.events." + config.name, event.when);
    for (const auto& line : config.reset) {
      const auto state =
          std::find_if(states_.begin(), states_.end(), [&](const Line& s) { return s.name == line.name; });
      if (state == states_.end()) {
        error(line.name_span, fmt::format("there is no state '{}' to reset", line.name),
              "an event sets states; what follows from them is computed");
        continue;
      }
      const auto node = check(line.text, physics_, schema_.column(table_, state->column).type);
      if (node.valid()) event.resets.push_back({node, state->column});
    }
    events_.push_back(std::move(event));
  }
}

void DeviceCompiler::check_drives() {
  if (!config_.physics) return;
  for (const auto& drive : config_.physics->drives) check_drive(drive);
}

void DeviceCompiler::check_drive(const DriveConfig& drive) {
  const auto& relations = schema_.table(table_).relations;
  const auto relation = std::find_if(relations.begin(), relations.end(),
                                     [&](const auto& r) { return !r.many && r.name == drive.relation; });
  const auto plant = std::find_if(plants_.begin(), plants_.end(), [&](const auto& p) {
    return relation != relations.end() && p->outputs_of(relation->to) != nullptr;
  });
  if (plant == plants_.end())
    return error(drive.span, fmt::format("'{}' is no relation to an element of a plant", drive.relation),
                 "only the ports of a plant's elements are driven");
  const auto* unit = (*plant)->input(relation->to, drive.port);
  if (!unit) {
    const auto ports = (*plant)->inputs_of(relation->to);
    return error(drive.span,
                 fmt::format("{} has no port '{}' to drive", schema_.table(relation->to).name, drive.port),
                 ports.empty() ? "nothing of it can be driven" : "write one of: " + joined(ports));
  }
  const auto node = check(drive.text, physics_, {}, *unit);
  if (!node.valid()) return;
  const auto type = graph_[node].type;
  const bool as_number = type.kind == lang::Kind::boolean && unit->type == lang::Type::number();
  if (type != unit->type && !as_number)
    return error(drive.text,
                 fmt::format("the port '{}' takes {}, and this is {}", drive.port,
                             lang::to_string(unit->type.dimension),
                             type.kind == lang::Kind::number ? lang::to_string(type.dimension) : "no number"),
                 fmt::format("write a value in {}", unit->text));
  const auto column = add_column(fmt::format(".drive.{}.{}", drive.relation, drive.port), type);
  drives_.push_back({node, column});
  out_.drives.push_back({table_, relation->rows, relation->to, drive.port, column, drive.span});
  explain(fmt::format("physics.drives.{}.{}", drive.relation, drive.port), node);
}

void DeviceCompiler::check_sensors() {
  sources_.resize(out_.sensors.size());
  for (size_t f = 0; f < out_.sensors.size() && f < config_.sensors.size(); ++f) {
    const auto& config = model_.config.telemetry[f];
    Span from = config_.sensors[f].from;
    if (!from.source) {
      // A field that bears the name of what it measures needs no `from`.
      if (!sensor_.names.contains(config.name)) {
        if (config_.physics)
          error(config.span, fmt::format("telemetry '{}' does not say what it measures", config.name),
                "write from: and a state or an output of the physics");
        continue;
      }
      from = {std::make_shared<Source>(Source{"from", config.name}), 0,
              static_cast<uint32_t>(config.name.size())};
    }
    sources_[f] = check(from, sensor_, schema_.column(table_, model_.fields[f].value).type,
                        config.unit.text.empty() ? std::optional<lang::Unit>{} : config.unit);
    if (!sources_[f].valid()) continue;
    out_.sensors[f].present = true;
    explain("telemetry." + config.name, sources_[f]);
  }
}

void DeviceCompiler::check_refusal() {
  if (!config_.refuses) return;
  controls_ = true;
  refusal_ = check(*config_.refuses, controller_, lang::Type::boolean());
  controls_ = false;
  if (refusal_.valid()) explain("refuses", refusal_);
}

void DeviceCompiler::explain(const std::string& name, lang::NodeId node, size_t operations) {
  out_.explained.push_back({out_.name + "." + name, node, table_, operations});
}

}  // namespace looptwin::sim
