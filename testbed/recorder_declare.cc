// What a run folder holds: tables of devices, grids of samples, rollups and derived values, logs.
#include <fmt/format.h>
#include <algorithm>

#include "base/check.h"
#include "testbed/recorder_parts.h"
#include "testbed/run_names.h"

namespace looptwin::testbed {
namespace {

using twin::Storage;

std::string length_name(Duration d) {
  if (d.ns % hours(1).ns == 0) return fmt::format("{}h", d / hours(1));
  if (d.ns % minutes(1).ns == 0) return fmt::format("{}min", d / minutes(1));
  if (d.ns % seconds(1).ns == 0) return fmt::format("{}s", d / seconds(1));
  return fmt::format("{}ms", d / milliseconds(1));
}

/// A field's cells on disk: the wire's integers, moved by a whole offset where that makes them fit into 16
/// bits.
twin::VariableSpec variable_of(const twin::FieldConfig& field, const std::string& name, int64_t finer = 1) {
  const auto scaling = twin::scaling_of(field);
  const std::string unit = field.boolean || !field.words.empty() ? "1" : field.unit.text;
  if (scaling.steps != 0) {
    const double low = field.range ? field.unit.from_si(field.range->low) : -1e5;
    const double high = field.range ? field.unit.from_si(field.range->high) : 1e5;
    auto v = twin::variable_for(name, unit, low, high, static_cast<int64_t>(scaling.steps) * finer);
    if (v.storage != Storage::f64) {
      v.words = field.words;
      return v;
    }
  }
  twin::VariableSpec v{.name = name, .unit = unit, .storage = Storage::i32};
  v.per_unit = scaling.steps != 0 ? static_cast<int64_t>(scaling.steps) * finer : 0;
  v.scale = scaling.steps != 0 ? 1 : scaling.resolution / static_cast<double>(finer);
  v.words = field.words;
  return v;
}

int32_t shift_of(const twin::VariableSpec& v) {
  return static_cast<int32_t>(v.offset * static_cast<double>(v.per_unit));
}

}  // namespace

void Recorder::declare(const Wired& wired) {
  auto& run = spec_->run;
  run.scenario = scenario_.name;
  run.program = "looptwin " LT_VERSION;
  run.start = scenario_.start;
  run.timezone = scenario_.timezone;
  run.cycle = scenario_.cycle;
  run.seed = scenario_.seed;
  text_ = std::make_unique<DecisionText>(scenario_, schema_, registry_, wired);
  for (const auto& alarm : wired.alarms) alarm_priorities_.push_back(alarm.config.priority);

  for (const auto& model : registry_.models()) {
    twin::TableSpec table{model.config.name, {}};
    for (size_t row = 0; row < registry_.devices(model.table); ++row)
      table.devices.emplace_back(registry_.id({model.table, Row(row)}));
    if (table.devices.empty()) continue;
    run.tables.push_back(std::move(table));
    const auto history = std::find_if(scenario_.history.begin(), scenario_.history.end(),
                                      [&](const auto& h) { return h.model == model.config.name; });
    if (model.config.telemetry.empty()) continue;
    const bool stated = history != scenario_.history.end();
    declare_raw(model, stated ? history->raw : "**");
    const auto lengths = stated ? history->rollups : std::vector<Duration>{minutes(1), minutes(15), hours(1)};
    for (const Duration length : lengths)
      for (size_t first = 0; first < model.config.telemetry.size(); first += kRollupFields)
        declare_rollup(model, length, first);
  }
  for (const auto& derived : wired.derived)
    if (derived.config.every.ns > 0) declare_derived(derived);
  using enum twin::ColumnType;
  const auto add_log = [&](twin::LogSpec log) {
    LT_CHECK(is_one_of(log.name, kRunLogs), log.name);
    run.logs.push_back(std::move(log));
    return twin::LogId(run.logs.size() - 1);
  };
  decisions_ = add_log({"decisions",
                        {{"at", time},
                         {"kind", text},
                         {"subject", text},
                         {"device", text},
                         {"quantity", text},
                         {"occurrence", i32},
                         {"value", f64},
                         {"unit", text},
                         {"id", i64},
                         {"cause", i64},
                         {"used", i32},
                         {"members", i32}}});
  inputs_ = add_log({"inputs",
                     {{"boundary", time},
                      {"kind", text},
                      {"device", text},
                      {"at", time},
                      {"applied_at", time},
                      {"outcome", u8},
                      {"id", i64},
                      {"value", f64}}});
  people_ = add_log({"operator",
                     {{"boundary", time},
                      {"at", time},
                      {"person", text},
                      {"verb", text},
                      {"subject", text},
                      {"device", text},
                      {"value", f64},
                      {"unit", text},
                      {"word", text},
                      {"lasts_s", f64},
                      {"comment", text}}});
  published_ = add_log({"published", {{"at", time}, {"feed", text}, {"body", text}}});
  alarms_ = add_log({"alarms",
                     {{"at", time},
                      {"alarm", text},
                      {"device", text},
                      {"priority", text},
                      {"occurrence", i32},
                      {"id", i64},
                      {"cause", text},
                      {"consequence", text},
                      {"action", text},
                      {"first_out", text},
                      {"state", text}}});
  journal_ = add_log({"alarm_journal",
                      {{"at", time},
                       {"kind", text},
                       {"alarm", text},
                       {"device", text},
                       {"priority", text},
                       {"occurrence", i32},
                       {"id", i64},
                       {"state", text},
                       {"hidden", u8},
                       {"person", text},
                       {"text", text},
                       {"until", time},
                       {"first_out", text}}});
  if (!record_packets_) return;
  packets_ = add_log({"packets",
                      {{"received", time},
                       {"topic", text},
                       {"payload", text},
                       {"base64", u8},
                       {"qos", u8},
                       {"retained", u8},
                       {"origin", text},
                       {"device", text},
                       {"read", text},
                       {"wall", time},
                       {"broker", time}}});
  packet_samples_ = add_log({"packet_samples",
                             {{"received", time},
                              {"sampled", time},
                              {"device", text},
                              {"field", text},
                              {"value", f64},
                              {"unit", text},
                              {"origin", text},
                              {"wall", time},
                              {"broker", time}}});
}

void Recorder::declare_raw(const twin::Model& model, const std::string& pattern) {
  if (pattern.empty()) return;
  auto& run = spec_->run;
  const size_t devices = registry_.devices(model.table);
  std::vector<int32_t> row_of;
  std::vector<uint8_t> kept_in;
  std::string table = model.config.name;
  std::vector<size_t> kept;
  if (pattern != "**") {
    row_of.assign(devices, -1);
    kept_in.resize(devices / twin::kShardRows + 1);
    twin::TableSpec part{fmt::format("{}{}", model.config.name, kKeptEnding), {}};
    for (const auto& device : registry_.matching(pattern)) {
      if (device.table != model.table) continue;
      row_of[device.row.index()] = static_cast<int32_t>(kept.size());
      kept_in[device.row.index() / twin::kShardRows] = 1;
      kept.push_back(device.row.index());
      part.devices.emplace_back(registry_.id(device));
    }
    if (kept.empty()) return;
    table = part.name;
    run.tables.push_back(std::move(part));
  } else {
    for (size_t row = 0; row < devices; ++row) kept.push_back(row);
  }
  const auto groups = twin::report_groups(model.config);
  for (size_t g = 0; g < groups.size(); ++g) {
    Grid grid{.id = twin::GridId(run.grids.size()),
              .table = model.table,
              .period = groups[g].every,
              .group = static_cast<uint16_t>(g),
              .row = row_of,
              .kept = kept_in};
    twin::GridSpec spec{fmt::format("{}/raw/{}", model.config.name, length_name(groups[g].every)),
                        table,
                        groups[g].every,
                        {},
                        {}};
    if (g > 0 && std::any_of(run.grids.begin(), run.grids.end(),
                             [&](const auto& other) { return other.name == spec.name; }))
      spec.name += fmt::format("_{}", g);
    for (const size_t row : kept) {
      grid.phase.push_back(twin::phase_of(groups[g], row));
      spec.phase.push_back(grid.phase.back().ns);
    }
    for (const uint16_t f : groups[g].fields)
      spec.variables.push_back(variable_of(model.config.telemetry[f], model.config.telemetry[f].name));
    spec.variables.push_back({.name = std::string(kTakenInAfter),
                              .unit = "1",
                              .long_name = "boundaries between the sample and its use",
                              .storage = Storage::u8,
                              .per_unit = 1});
    for (const auto& v : spec.variables) {
      grid.storage.push_back(v.storage);
      grid.shift.push_back(shift_of(v));
    }
    run.grids.push_back(std::move(spec));
    grids_.push_back(std::move(grid));
  }
}

/// Buckets of `length` of kRollupFields fields from `first` on.
void Recorder::declare_rollup(const twin::Model& model, Duration length, size_t first) {
  auto& run = spec_->run;
  const auto& fields = model.config.telemetry;
  const int64_t phase = -scenario_.start.ns - floor_to(Time{-scenario_.start.ns}, length).ns;
  Grid grid{.id = twin::GridId(run.grids.size()),
            .table = model.table,
            .period = length,
            .raw = false,
            .first_field = first};
  twin::GridSpec spec{
      fmt::format("{}/{}", model.config.name, length_name(length)), model.config.name, length, {}, {}};
  if (first > 0) spec.name += fmt::format("_{}", first / kRollupFields);
  if (phase != 0) spec.phase.assign(registry_.devices(model.table), phase);
  for (size_t f = first; f < std::min(fields.size(), first + kRollupFields); ++f) {
    const auto& field = fields[f];
    for (const char* what : {"minimum", "maximum", "last"})
      spec.variables.push_back(variable_of(field, field.name + "_" + what));
    spec.variables.push_back(variable_of(field, field.name + "_mean", 16));
    spec.variables.push_back(
        {.name = field.name + "_samples", .unit = "1", .storage = Storage::i32, .per_unit = 1});
  }
  for (const auto& v : spec.variables) {
    grid.storage.push_back(v.storage);
    grid.shift.push_back(shift_of(v));
  }
  run.grids.push_back(std::move(spec));
  grids_.push_back(std::move(grid));
}

void Recorder::declare_derived(const mml::Derived& derived) {
  auto& run = spec_->run;
  const auto& config = derived.config;
  std::string table = schema_.table(derived.table).name;
  // A model may be called as the whole site is.
  if (derived.table == registry_.site() &&
      std::any_of(registry_.models().begin(), registry_.models().end(),
                  [&](const auto& model) { return model.config.name == table; }))
    table = kWholeSite;
  size_t full = 0;
  auto grid = std::find_if(derived_.begin(), derived_.end(), [&](const DerivedGrid& g) {
    if (g.table != derived.table || g.period != config.every) return false;
    if (g.values.size() < kGridVariables) return true;
    ++full;
    return false;
  });
  if (grid == derived_.end()) {
    if (derived.table == registry_.site() &&
        std::none_of(run.tables.begin(), run.tables.end(), [&](const auto& t) { return t.name == table; }))
      run.tables.push_back({table, {std::string(registry_.id({derived.table, Row(0)}))}});
    grid = derived_.insert(derived_.end(), {twin::GridId(run.grids.size()), derived.table, config.every});
    auto name = fmt::format("{}/derived/{}", table, length_name(config.every));
    if (full > 0) name += fmt::format("_{}", full);
    run.grids.push_back({std::move(name), table, config.every, {}, {}});
  }
  grid->values.push_back(&derived);
  run.grids[grid->id.index()].variables.push_back(
      config.boolean || !config.words.empty()
          ? twin::VariableSpec{.name = config.name,
                               .storage = Storage::u8,
                               .per_unit = 1,
                               .words = config.words}
          : twin::VariableSpec{.name = config.name, .unit = config.unit.text, .storage = Storage::f64});
  grid->numbers.emplace_back();
  grid->bytes.emplace_back();
}

}  // namespace looptwin::testbed
