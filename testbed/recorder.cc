#include "testbed/recorder.h"

#include <fmt/format.h>
#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/text.h"

namespace looptwin::testbed {
namespace {

using twin::Storage;

constexpr size_t kSegmentBytesPerDevice = 2048;
/// Variables that a grid can have; what needs more is several grids, "home/1min", "home/1min_1" …
constexpr size_t kGridVariables = 64;
constexpr size_t kRollupVariables = 5;  ///< of each field
constexpr size_t kRollupFields = kGridVariables / kRollupVariables;

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

struct Recorder::Spec {
  twin::RunSpec run;
  twin::RunOptions options;
};

struct Recorder::Grid {
  twin::GridId id;
  TableId table;
  Duration period{};
  bool raw = true;
  uint16_t group = 0;            ///< raw: the report group
  size_t first_field = 0;        ///< rollups: of the model's fields, kRollupFields at most
  std::vector<int32_t> row;      ///< the grid's row of a device, -1: not kept; empty: its own
  std::vector<Duration> phase;   ///< of each grid row
  std::vector<Storage> storage;  ///< of each variable
  std::vector<int32_t> shift;
};

/// One shard's cells on their way into its lane.
struct Recorder::Scratch {
  std::vector<uint32_t> rows;
  std::vector<std::vector<int32_t>> values;  ///< [variable]
  std::vector<std::vector<int16_t>> narrow;
  std::vector<std::vector<uint8_t>> bytes;
  std::vector<twin::Cells> cells;

  void begin(size_t variables) {
    rows.clear();
    values.resize(std::max(values.size(), variables));
    narrow.resize(values.size());
    bytes.resize(values.size());
    for (auto& v : values) v.clear();
  }
};

/// Derived values of one table that are kept equally often: a boundary's values are a slot's cells.
struct Recorder::DerivedGrid {
  twin::GridId id;
  TableId table;
  Duration period{};
  std::vector<const mml::Derived*> values;   ///< of each variable
  std::vector<std::vector<double>> numbers;  ///< scratch: in the value's unit
  std::vector<std::vector<uint8_t>> bytes;   ///< scratch
  std::vector<twin::Cells> cells;            ///< scratch
};

Recorder::Recorder(const Scenario& scenario, const lang::Schema& schema, const twin::Registry& registry,
                   twin::Tables& tables)
    : scenario_(scenario),
      schema_(schema),
      registry_(registry),
      tables_(tables),
      spec_(std::make_unique<Spec>()) {}

Recorder::~Recorder() = default;

Result<std::unique_ptr<Recorder>> Recorder::create(const std::filesystem::path& folder,
                                                   const Scenario& scenario, const lang::Schema& schema,
                                                   const twin::Registry& registry, twin::Tables& tables,
                                                   const Wired& wired) {
  const auto shards = tables.shards();
  std::unique_ptr<Recorder> recorder(new Recorder(scenario, schema, registry, tables));
  recorder->folder_ = folder;
  recorder->declare(wired);
  recorder->spec_->options.lanes = shards.size() + 1;
  recorder->spec_->options.keep_time = scenario.retention;
  // Each segment carries the devices' ids: large fleets get segments that are worth them.
  auto& memory = recorder->spec_->options.memory;
  memory = std::max(memory, registry.devices() * kSegmentBytesPerDevice);
  auto writer = twin::RunWriter::create(folder, recorder->spec_->run, recorder->spec_->options);
  if (!writer) return tl::make_unexpected(std::move(writer.error()));
  recorder->writer_ = std::make_unique<twin::RunWriter>(std::move(*writer));
  for (size_t s = 0; s < shards.size(); ++s) recorder->scratch_.push_back(std::make_unique<Scratch>());
  recorder->feeds_.resize(scenario.feeds.size());
  for (size_t f = 0; f < scenario.feeds.size(); ++f) {
    if (scenario.feeds[f].inbound) continue;
    std::error_code ignored;
    std::filesystem::create_directories(folder / "feeds", ignored);
    const auto path = folder / "feeds" / (scenario.feeds[f].name + ".jsonl");
    recorder->feeds_[f].open(path);
    if (!recorder->feeds_[f]) return failure(fmt::format("cannot write {}", path.string()));
  }
  return recorder;
}

void Recorder::declare(const Wired& wired) {
  auto& run = spec_->run;
  run.scenario = scenario_.name;
  run.program = "looptwin " LT_VERSION;
  run.start = scenario_.start;
  run.cycle = scenario_.cycle;
  run.seed = scenario_.seed;
  for (const auto& event : wired.events) {
    event_names_.push_back(event.config.name);
    const bool compares = event.evidence.valid();
    event_units_.push_back(compares
                               ? lang::unit_text(schema_.column(event.table, event.evidence).type.dimension)
                               : std::string());
  }
  for (const auto& rule : wired.rules) rule_names_.push_back(rule.config.name);
  for (const auto& alarm : wired.alarms) {
    alarm_names_.push_back(alarm.config.event.name);
    alarm_priorities_.push_back(alarm.config.priority);
  }

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
                         {"cause", i64}}});
  inputs_ = add_log({"inputs",
                     {{"boundary", time},
                      {"kind", text},
                      {"device", text},
                      {"at", time},
                      {"applied_at", time},
                      {"outcome", u8},
                      {"id", i64}}});
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
                      {"action", text}}});
}

void Recorder::declare_raw(const twin::Model& model, const std::string& pattern) {
  if (pattern.empty()) return;
  auto& run = spec_->run;
  const size_t devices = registry_.devices(model.table);
  std::vector<int32_t> row_of;
  std::string table = model.config.name;
  std::vector<size_t> kept;
  if (pattern != "**") {
    row_of.assign(devices, -1);
    twin::TableSpec part{model.config.name + "_kept", {}};
    for (const auto& device : registry_.matching(pattern)) {
      if (device.table != model.table) continue;
      row_of[device.row.index()] = static_cast<int32_t>(kept.size());
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
              .row = row_of};
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
    spec.variables.push_back({.name = "taken_in_after",
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
  const std::string& table = schema_.table(derived.table).name;
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
      config.boolean
          ? twin::VariableSpec{.name = config.name, .storage = Storage::u8, .per_unit = 1}
          : twin::VariableSpec{.name = config.name, .unit = config.unit.text, .storage = Storage::f64});
  grid->numbers.emplace_back();
  grid->bytes.emplace_back();
}

/// What was computed at a boundary, where it is time to keep it.
void Recorder::keep_derived(Time boundary) {
  twin::Lane& lane = writer_->lane(scratch_.size());
  for (auto& grid : derived_) {
    if (boundary.ns % grid.period.ns != 0) continue;
    grid.cells.clear();
    for (size_t v = 0; v < grid.values.size(); ++v) {
      const auto& derived = *grid.values[v];
      if (derived.config.boolean) {
        const auto values = tables_.values<uint8_t>(grid.table, derived.column);
        grid.bytes[v].assign(values.begin(), values.end());
        std::replace(grid.bytes[v].begin(), grid.bytes[v].end(), uint8_t{2}, uint8_t{255});
        grid.cells.emplace_back(std::span<const uint8_t>(grid.bytes[v]));
      } else {
        grid.numbers[v].clear();
        for (const double si : tables_.values<double>(grid.table, derived.column))
          grid.numbers[v].push_back(derived.config.unit.from_si(si));
        grid.cells.emplace_back(std::span<const double>(grid.numbers[v]));
      }
    }
    lane.put(grid.id, boundary.ns / grid.period.ns, 0, grid.cells);
  }
}

/// Puts the scratch's columns as the grid's variables from `first_variable` on; the others stay as they are.
void Recorder::put(Scratch& scratch, const Grid& grid, int64_t slot, twin::Lane& lane, size_t first_variable,
                   size_t variables) {
  if (scratch.rows.empty()) return;
  scratch.cells.assign(grid.storage.size(), {});
  for (size_t k = 0; k < variables; ++k) {
    const size_t v = first_variable + k;
    auto& values = scratch.values[k];
    const int32_t shift = grid.shift[v];
    if (grid.storage[v] == Storage::i16) {
      auto& narrow = scratch.narrow[k];
      narrow.resize(values.size());
      for (size_t i = 0; i < values.size(); ++i)
        narrow[i] = values[i] == twin::kMissing ? int16_t{-32768} : static_cast<int16_t>(values[i] - shift);
      scratch.cells[v] = twin::Cells(std::span<const int16_t>(narrow));
    } else if (grid.storage[v] == Storage::u8) {
      auto& bytes = scratch.bytes[k];
      bytes.resize(values.size());
      for (size_t i = 0; i < values.size(); ++i)
        bytes[i] =
            values[i] == twin::kMissing ? uint8_t{255} : static_cast<uint8_t>(std::min(values[i], 254));
      scratch.cells[v] = twin::Cells(std::span<const uint8_t>(bytes));
    } else {
      for (auto& value : values)
        if (value != twin::kMissing) value -= shift;
      scratch.cells[v] = twin::Cells(std::span<const int32_t>(values));
    }
  }
  const bool contiguous = scratch.rows.back() - scratch.rows.front() + 1 == scratch.rows.size() &&
                          std::is_sorted(scratch.rows.begin(), scratch.rows.end());
  if (contiguous)
    lane.put(grid.id, slot, scratch.rows.front(), scratch.cells);
  else
    lane.put_rows(grid.id, slot, scratch.rows, scratch.cells);
}

void Recorder::samples(size_t shard, const twin::Frame& frame) {
  const auto grid = std::find_if(grids_.begin(), grids_.end(), [&](const Grid& g) {
    return g.raw && g.table == frame.table && g.group == frame.group;
  });
  if (grid == grids_.end()) return;
  Scratch& scratch = *scratch_[shard];
  twin::Lane& lane = writer_->lane(shard);
  const size_t fields = frame.value.size();
  const int64_t cycle = scenario_.cycle.ns;
  scratch.begin(fields + 1);
  int64_t slot_now = 0;
  for (size_t i = 0; i < frame.size(); ++i) {
    const int64_t row = grid->row.empty() ? int64_t{frame.row[i]} : int64_t{grid->row[frame.row[i]]};
    if (row < 0) continue;
    const int64_t slot =
        floor_to(Time{frame.sampled_at[i]} - grid->phase[static_cast<size_t>(row)], grid->period).ns /
        grid->period.ns;
    if (slot != slot_now) {
      put(scratch, *grid, slot_now, lane, 0, fields + 1);
      scratch.begin(fields + 1);
      slot_now = slot;
    }
    scratch.rows.push_back(static_cast<uint32_t>(row));
    for (size_t f = 0; f < fields; ++f) scratch.values[f].push_back(frame.value[f][i]);
    const Time taken_in = ceil_to(Time{frame.received_at[i]}, scenario_.cycle);
    scratch.values[fields].push_back(
        static_cast<int32_t>(std::clamp<int64_t>((taken_in.ns - frame.sampled_at[i]) / cycle, 0, 254)));
  }
  put(scratch, *grid, slot_now, lane, 0, fields + 1);
}

void Recorder::bucket(size_t shard, const twin::ClosedBucket& bucket) {
  const auto grid = std::find_if(grids_.begin(), grids_.end(), [&](const Grid& g) {
    return !g.raw && g.table == bucket.table && g.period == bucket.length &&
           bucket.field - g.first_field < kRollupFields;
  });
  if (grid == grids_.end()) return;
  // Buckets lie on civil time, slots count from the run's start: the grid's phase makes up for the
  // difference.
  const int64_t since_start = bucket.slot * bucket.length.ns - scenario_.start.ns;
  const int64_t slot = floor_to(Time{since_start}, bucket.length).ns / bucket.length.ns;
  Scratch& scratch = *scratch_[shard];
  scratch.begin(5);
  for (size_t i = 0; i < bucket.last.size(); ++i)
    scratch.rows.push_back(static_cast<uint32_t>(bucket.first_row + i));
  scratch.values[0].assign(bucket.minimum.begin(), bucket.minimum.end());
  scratch.values[1].assign(bucket.maximum.begin(), bucket.maximum.end());
  scratch.values[2].assign(bucket.last.begin(), bucket.last.end());
  scratch.values[3].assign(bucket.mean16.begin(), bucket.mean16.end());
  scratch.values[4].assign(bucket.samples.begin(), bucket.samples.end());
  put(scratch, *grid, slot, writer_->lane(shard), kRollupVariables * (bucket.field - grid->first_field),
      kRollupVariables);
}

bool Recorder::decided(Time boundary, std::span<const mml::Record> records) {
  twin::Lane& lane = writer_->lane(scratch_.size());
  for (const auto& r : records) {
    using enum mml::RecordKind;
    const bool of_event = r.kind <= both_true;
    const bool of_alarm = r.kind >= alarm_raised && r.kind <= alarm_acknowledged;
    const auto& names = of_event ? event_names_ : of_alarm ? alarm_names_ : rule_names_;
    std::string_view quantity, unit;
    double value = r.value;
    if (of_event) {
      unit = event_units_[r.subject];
    } else if (!of_alarm && r.kind != published) {
      const auto& model = registry_.model(r.device.table).config;
      if ((r.quantity & mml::kImperative) != 0) {
        quantity = model.commands[r.quantity & ~mml::kImperative].name;
        value = 0;
      } else {
        quantity = model.setpoints[r.quantity].name;
        unit = model.setpoints[r.quantity].unit.text;
        value = model.setpoints[r.quantity].unit.from_si(r.value);
      }
    }
    lane.append(decisions_, {r.at, name_of(r.kind), names[r.subject], registry_.id(r.device), quantity,
                             static_cast<int32_t>(r.occurrence), value, unit, static_cast<int64_t>(r.id),
                             static_cast<int64_t>(r.cause)});
  }
  keep_derived(boundary);
  for (auto& feed : feeds_)
    if (feed.is_open()) feed.flush();
  writer_->end_cycle(boundary);
  return !writer_->failed();
}

void Recorder::taken_in(Time boundary, size_t, const twin::Inbox& inbox) {
  twin::Lane& lane = writer_->lane(scratch_.size());
  for (const auto& p : inbox.presence)
    lane.append(inputs_, {boundary, p.online ? "online" : "offline", registry_.id(p.device), p.at, kNever,
                          uint8_t{0}, int64_t{0}});
  for (const auto& a : inbox.acknowledgements)
    lane.append(inputs_, {boundary, "acknowledgement", registry_.id(a.device), a.received_at, a.applied_at,
                          static_cast<uint8_t>(a.outcome), static_cast<int64_t>(a.id)});
}

void Recorder::publish(uint16_t feed, Time at, const std::string& json_fields) {
  const std::string body =
      fmt::format("{{\"at\":\"{}\",{}}}", to_string(scenario_.start + (at - kStart)), json_fields);
  writer_->lane(scratch_.size()).append(published_, {at, scenario_.feeds[feed].name, body});
  if (feeds_[feed].is_open()) feeds_[feed] << body << '\n';
}

void Recorder::raised(const mml::RaisedAlarm& alarm) {
  writer_->lane(scratch_.size())
      .append(alarms_, {alarm.at, alarm_names_[alarm.alarm], registry_.id(alarm.device),
                        mml::name_of(alarm_priorities_[alarm.alarm]), static_cast<int32_t>(alarm.occurrence),
                        static_cast<int64_t>(alarm.id), alarm.cause, alarm.consequence, alarm.action});
}

Diagnostics Recorder::error() const { return writer_->error(); }

Result<void> Recorder::finish(const std::string& status_json, const std::string& fingerprint) {
  for (auto& feed : feeds_)
    if (feed.is_open()) feed.close();
  return writer_->finish(status_json, fingerprint);
}

}  // namespace looptwin::testbed
