#include "testbed/earlier_runs.h"

#include <fmt/format.h>
#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "base/hash.h"
#include "testbed/field_at.h"
#include "testbed/last_boundary.h"
#include "testbed/run_names.h"
#include "testbed/some_devices.h"
#include "twin/warm/run_reader.h"

namespace looptwin::testbed {
namespace {

constexpr size_t kCellsAtOnce = size_t{1} << 20;

/// Why a run cannot tell what a function looks back on.
struct Lack {
  std::string what;
  std::string hint;
};
using Found = tl::expected<void, Lack>;

/// One quantity of one grid of a run, and what its values are here.
struct Kept {
  twin::GridId grid;
  size_t variable = 0;
  Duration period{};
  int64_t begin = 0;  ///< ns since 1970 of slot 0
  lang::Unit unit;
};

int64_t floor_divide(int64_t a, int64_t b) { return floor_to(Time{a}, Duration{b}).ns / b; }

/// The run that looks back.
struct Here {
  const Scenario& scenario;
  const lang::Units& units;
  const lang::Schema& schema;
  const twin::Registry& registry;
};

/// What is taken from one earlier run.
class Telling {
 public:
  Telling(const Here& here, const EarlierRunConfig& config, twin::RunReader run)
      : here_(&here), config_(&config), run_(std::move(run)) {}

  const EarlierRunConfig& config() const { return *config_; }
  twin::RunReader& run() { return run_; }
  UnixTime start() const { return run_.spec().start; }
  UnixTime end() const { return start() + (last_boundary(run_) - kStart); }
  std::string digest() const { return to_string(digest_); }
  /// Rows of here whose device it does not have.
  std::vector<size_t> lacking(TableId table) {
    std::vector<bool> has(here_->registry.devices(table));
    for (const int64_t row : rows_of(table))
      if (row >= 0) has[static_cast<size_t>(row)] = true;
    std::vector<size_t> rows;
    for (size_t row = 0; row < has.size(); ++row)
      if (!has[row]) rows.push_back(row);
    return rows;
  }
  /// What cannot be read at all.
  Diagnostics& problems() { return problems_; }

  Found tell(mml::WarmBuckets& buckets) {
    if (!buckets.sampled()) return tell_from_derived(buckets);
    for (const auto statistic : {mml::Statistic::mean, mml::Statistic::minimum, mml::Statistic::maximum})
      if (buckets.keeps(statistic))
        if (auto told = tell_from_rollups(buckets, statistic); !told) return told;
    return {};
  }

  Found tell(mml::WarmPast& past) {
    const auto* field = find_field(past.what().table, past.what().from);
    return field != nullptr ? tell_from_last(past, *field) : tell_from_derived(past);
  }

 private:
  const twin::FieldConfig* find_field(TableId table, ColumnId column) const {
    const auto field = field_at(here_->registry, table, column);
    return field ? &here_->registry.model(table).config.telemetry[*field] : nullptr;
  }
  /// What that run calls the table.
  std::string there(TableId table) const {
    const auto& tables = run_.spec().tables;
    const bool whole = std::any_of(tables.begin(), tables.end(),
                                   [](const twin::TableSpec& table) { return table.name == kWholeSite; });
    return whole && table == here_->registry.site() ? std::string(kWholeSite)
                                                    : here_->schema.table(table).name;
  }
  std::string named(TableId table, const std::string& name) const {
    return fmt::format("{}.{}", here_->schema.table(table).name, name);
  }

  /// The variable of a grid of the table's devices whose name holds "/derived/" or does not.
  std::optional<Kept> find(TableId table, const std::string& name, bool derived, const auto& fits) const {
    const auto& spec = run_.spec();
    for (size_t g = 0; g < spec.grids.size(); ++g) {
      const auto& grid = spec.grids[g];
      const bool raw = grid.name.find("/raw/") != std::string::npos;
      if (raw || grid.table != there(table) || !fits(grid.period)) continue;
      if ((grid.name.find("/derived/") != std::string::npos) != derived) continue;
      for (size_t v = 0; v < grid.variables.size(); ++v)
        if (grid.variables[v].name == name)
          return Kept{twin::GridId(g),
                      v,
                      grid.period,
                      spec.start.ns + (grid.phase.empty() ? 0 : grid.phase.front()),
                      {}};
    }
    return std::nullopt;
  }

  /// Fills in the unit; false: the values are of another kind, which is reported.
  bool settle(Kept& kept, TableId table, const std::string& name, const lang::Type& type,
              const std::string& unit_here, const std::vector<std::string>& words) {
    const auto& variable = run_.spec().grids[kept.grid.index()].variables[kept.variable];
    const auto text = std::make_shared<const Source>(Source{config_->folder, variable.unit});
    const bool numbers = type.kind == lang::Kind::number;
    const auto unit = here_->units.unit({text, 0, static_cast<uint32_t>(text->text.size())});
    if (unit) kept.unit = *unit;
    // Conditions and words are codes, of which derived ones have a byte; numbers never have.
    const bool fits = numbers ? unit && unit->type == type && variable.storage != twin::Storage::u8
                              : variable.storage != twin::Storage::f64;
    if (fits && variable.words == words) return true;
    const auto kind = [](const std::string& unit, const std::vector<std::string>& words) {
      return words.empty() ? "in " + unit : "one of " + fmt::format("{}", fmt::join(words, ", "));
    };
    auto message = fmt::format("{} has {} {}, which is {} here", config_->folder, named(table, name),
                               kind(variable.unit, variable.words), kind(unit_here, words));
    const bool said = std::any_of(problems_.begin(), problems_.end(),
                                  [&](const Diagnostic& other) { return other.message == message; });
    if (!said)
      problems_.push_back({Severity::error, config_->span, std::move(message),
                           "give one of them another name, or leave that run out"});
    return false;
  }

  /// The run's rows of the table's devices: by row there the row here, or -1.
  const std::vector<int64_t>& rows_of(TableId table) {
    auto& rows = rows_[table];
    if (!rows.empty()) return rows;
    for (const auto& kept : run_.spec().tables) {
      if (kept.name != there(table)) continue;
      for (const auto& id : kept.devices) {
        const auto device = here_->registry.find(id);
        rows.push_back(table == here_->registry.site()    ? 0
                       : device && device->table == table ? static_cast<int64_t>(device->row.index())
                                                          : -1);
      }
    }
    return rows;
  }

  /// Gives take(row here, values of the slots) what the run has between two instants, row by row in its
  /// order; the values are in SI.
  void each_row(const Kept& kept, TableId table, UnixTime from, UnixTime to, const auto& take) {
    const auto held = run_.slots(kept.grid);
    if (!held) return report(held.error());
    const twin::SlotRange slots = twin::common(*held, {floor_divide(from.ns - kept.begin, kept.period.ns),
                                                       floor_divide(to.ns - kept.begin, kept.period.ns) + 1});
    if (slots.empty()) return;
    const auto& rows = rows_of(table);
    const auto width = static_cast<size_t>(slots.size());
    const size_t at_once = std::max<size_t>(1, kCellsAtOnce / width);
    for (size_t first = 0; first < rows.size(); first += at_once) {
      const size_t count = std::min(at_once, rows.size() - first);
      const twin::RowRange range{static_cast<uint32_t>(first), static_cast<uint32_t>(count)};
      auto values = run_.read(kept.grid, kept.variable, range, slots);
      if (!values) return report(values.error());
      for (double& value : *values) value = kept.unit.to_si(value);
      add_to_digest(*values);
      for (size_t r = 0; r < count; ++r)
        if (rows[first + r] >= 0)
          take(static_cast<size_t>(rows[first + r]), slots.first,
               std::span<const double>(*values).subspan(r * width, width));
    }
  }

  void report(const Diagnostics& problems) {
    for (auto problem : problems) {
      problem.span = config_->span;
      problems_.push_back(std::move(problem));
    }
  }

  void add_to_digest(const std::vector<double>& values) {
    const Hash128 parts[] = {digest_, hash128(std::as_bytes(std::span(values)))};
    digest_ = hash128(std::as_bytes(std::span(parts)));
  }

  static Lack no_device(const std::string& table) {
    return {fmt::format("it has no '{}' with an id of here", table), "devices are found by their ids"};
  }
  bool has_devices(TableId table) {
    const auto& rows = rows_of(table);
    return std::any_of(rows.begin(), rows.end(), [](int64_t row) { return row >= 0; });
  }

  Found tell_from_rollups(mml::WarmBuckets& buckets, mml::Statistic statistic) {
    const auto& field = *find_field(buckets.table(), buckets.from());
    const char* ending = statistic == mml::Statistic::mean      ? "_mean"
                         : statistic == mml::Statistic::minimum ? "_minimum"
                                                                : "_maximum";
    auto kept = find(buckets.table(), field.name + ending, false,
                     [&](Duration period) { return period == buckets.length(); });
    if (!kept)
      return tl::unexpected(
          Lack{fmt::format("it keeps no rollups of {} of {}", to_string(buckets.length()),
                           named(buckets.table(), field.name)),
               fmt::format("its history: needs rollups: [{}]", to_string(buckets.length()))});
    const bool fits = settle(*kept, buckets.table(), field.name, field.unit.type, field.unit.text, {});
    if (!fits) return {};
    if (!has_devices(buckets.table()))
      return tl::unexpected(no_device(here_->schema.table(buckets.table()).name));
    // Values are what this run would have kept: whole steps of its resolution, of means sixteenths.
    const auto scaling = twin::scaling_of(field);
    const double parts = statistic == mml::Statistic::mean ? 16 : 1;
    const auto steps = [&](double si) {
      const double value = field.unit.from_si(si);
      return std::nearbyint((scaling.steps != 0 ? value * scaling.steps : value / scaling.resolution) *
                            parts) /
             parts;
    };
    const int64_t length = buckets.length().ns;
    each_row(*kept, buckets.table(), {buckets.first_slot() * length}, here_->scenario.start,
             [&](size_t row, int64_t first, std::span<const double> values) {
               for (size_t i = 0; i < values.size(); ++i) {
                 const int64_t at = kept->begin + (first + static_cast<int64_t>(i)) * length;
                 const int64_t slot = floor_divide(at, length);
                 if (std::isnan(values[i]) || slot < buckets.first_slot() || slot >= buckets.start_slot())
                   continue;
                 buckets.row_of(statistic, slot)[row] = mml::kept_value(scaling, steps(values[i]));
               }
             });
    return {};
  }

  /// The derived value that a column is, as the run keeps it: at least as often as `most`.
  tl::expected<Kept, Lack> find_derived(TableId table, ColumnId column, Duration most) {
    const auto& c = here_->schema.column(table, column);
    if (c.name.starts_with('.'))
      return tl::unexpected(Lack{"it keeps no values of what is computed within expressions",
                                 "declare it under derived: with every:, there and here, and look back on "
                                 "its name"});
    auto kept = find(table, c.name, true, [](Duration) { return true; });
    if (!kept)
      return tl::unexpected(
          Lack{fmt::format("it keeps no values of {}", named(table, c.name)),
               fmt::format("it needs {}: every: {} under derived:", c.name, to_string(most))});
    if (kept->period > most)
      return tl::unexpected(Lack{fmt::format("it keeps {} every {}, and every {} is needed",
                                             named(table, c.name), to_string(kept->period), to_string(most)),
                                 "keep it more often there, or look back more coarsely: every= of ago(), "
                                 "bucket= of trends"});
    const bool word = c.type.kind == lang::Kind::enumeration;
    const auto words =
        word ? here_->schema.enumerations[c.type.enumeration.index()].words : std::vector<std::string>{};
    if (!settle(*kept, table, c.name, c.type, c.unit.text, words)) return tl::unexpected(Lack{});
    if (!has_devices(table)) return tl::unexpected(no_device(here_->schema.table(table).name));
    return *kept;
  }

  Found tell_from_derived(mml::WarmBuckets& buckets) {
    const int64_t length = buckets.length().ns;
    const auto kept = find_derived(buckets.table(), buckets.from(), buckets.length());
    if (!kept) return tl::unexpected(kept.error());
    each_row(*kept, buckets.table(), {buckets.first_slot() * length}, here_->scenario.start,
             [&](size_t row, int64_t first, std::span<const double> values) {
               for (size_t i = 0; i < values.size();) {
                 const auto bucket_of = [&](size_t k) {
                   return floor_divide(kept->begin + (first + static_cast<int64_t>(k)) * kept->period.ns - 1,
                                       length);
                 };
                 const int64_t slot = bucket_of(i);
                 double sum = 0, least = INFINITY, greatest = -INFINITY, known = 0;
                 for (; i < values.size() && bucket_of(i) == slot; ++i) {
                   if (std::isnan(values[i])) continue;
                   sum += values[i], ++known;
                   least = std::min(least, values[i]), greatest = std::max(greatest, values[i]);
                 }
                 if (known == 0 || slot < buckets.first_slot() || slot >= buckets.start_slot()) continue;
                 for (const auto& [statistic, value] : {std::pair(mml::Statistic::mean, sum / known),
                                                        std::pair(mml::Statistic::minimum, least),
                                                        std::pair(mml::Statistic::maximum, greatest)})
                   if (buckets.keeps(statistic))
                     buckets.row_of(statistic, slot)[row] = static_cast<float>(value);
               }
             });
    return {};
  }

  Found tell_from_derived(mml::WarmPast& past) {
    const auto& what = past.what();
    const int64_t step = past.every().ns;
    const auto kept = find_derived(what.table, what.from, past.every());
    if (!kept) return tl::unexpected(kept.error());
    each_row(*kept, what.table, {past.first_slot() * step}, here_->scenario.start,
             [&](size_t row, int64_t first, std::span<const double> values) {
               for (size_t i = 0; i < values.size(); ++i) {
                 const int64_t at = kept->begin + (first + static_cast<int64_t>(i)) * kept->period.ns;
                 const int64_t slot = floor_divide(at, step);
                 // The first value at or after the slot's instant stands for it.
                 const bool begins = floor_divide(at - kept->period.ns, step) < slot;
                 if (begins) put(past, slot, row, values[i]);
               }
             });
    return {};
  }

  /// Of a telemetry field what was last sampled in the bucket that ends at a slot's instant: in the shortest
  /// that reaches back as far as a sample would be known, or else in the longest there is.
  Found tell_from_last(mml::WarmPast& past, const twin::FieldConfig& field) {
    const auto& what = past.what();
    const int64_t step = past.every().ns;
    std::optional<Kept> kept;
    for (const Duration length : {minutes(1), minutes(15), hours(1)}) {
      if (step % length.ns != 0 || (kept && kept->period >= field.stale_after)) continue;
      const auto is_so_long = [&](Duration period) { return period == length; };
      if (const auto longer = find(what.table, field.name + "_last", false, is_so_long)) kept = longer;
    }
    if (!kept)
      return tl::unexpected(
          Lack{fmt::format("it keeps no rollups of {} that end every {}", named(what.table, field.name),
                           to_string(past.every())),
               "look back every 1 min, 15 min or 1 h (every=) and keep such rollups there, or make it a "
               "derived value"});
    if (!settle(*kept, what.table, field.name, field.unit.type, field.unit.text, field.words)) return {};
    if (!has_devices(what.table)) return tl::unexpected(no_device(here_->schema.table(what.table).name));
    const auto scaling = twin::scaling_of(field);
    each_row(*kept, what.table, {past.first_slot() * step}, here_->scenario.start,
             [&](size_t row, int64_t first, std::span<const double> values) {
               for (size_t i = 0; i < values.size(); ++i) {
                 const int64_t end = kept->begin + (first + static_cast<int64_t>(i) + 1) * kept->period.ns;
                 if (end % step != 0 || std::isnan(values[i])) continue;
                 put(past, end / step, row, scaling.to_si(scaling.to_raw(values[i])));
               }
             });
    return {};
  }

  static void put(mml::WarmPast& past, int64_t slot, size_t row, double value) {
    if (!std::isnan(value) && slot >= past.first_slot() && slot < past.start_slot())
      past.put(slot, row, value);
  }

  const Here* here_;
  const EarlierRunConfig* config_;
  twin::RunReader run_;
  std::map<TableId, std::vector<int64_t>> rows_;
  Hash128 digest_;
  Diagnostics problems_;
};

/// Opens the runs, oldest first. None may reach into another, or into this one.
Result<std::vector<Telling>> open_runs(const Here& here, Diagnostics& warnings) {
  const Scenario& scenario = here.scenario;
  std::vector<Telling> runs;
  Diagnostics problems;
  const auto refuse = [&](const Span& span, std::string message, std::string hint) {
    problems.push_back({Severity::error, span, std::move(message), std::move(hint)});
  };
  for (const auto& config : scenario.history_from) {
    auto run = twin::RunReader::open(scenario.folder / config.folder);
    if (!run) {
      for (auto& problem : run.error()) refuse(config.span, std::move(problem.message), problem.hint);
      continue;
    }
    Telling& telling = runs.emplace_back(here, config, std::move(*run));
    const auto begins = to_string(scenario.start);
    if (telling.start() >= scenario.start)
      refuse(config.span,
             fmt::format("{} begins at {}, and this run at {}", config.folder, to_string(telling.start()),
                         begins),
             "only what was before can be looked back on: name runs that ended by then");
    else if (telling.end() > scenario.start)
      refuse(config.span,
             fmt::format("{} lasts until {}, and this run begins at {}", config.folder,
                         to_string(telling.end()), begins),
             "name runs that ended by then, or let this one start later");
    const auto warn = [&](std::string message) {
      warnings.push_back({Severity::warning, config.span, std::move(message), {}});
    };
    for (const auto& damage : telling.run().damage()) warn(damage);
    if (telling.run().fingerprint().empty())
      warn(fmt::format("{} is not finished: what it has until {} is looked back on", config.folder,
                       to_string(telling.end())));
  }
  std::stable_sort(runs.begin(), runs.end(),
                   [](const Telling& a, const Telling& b) { return a.start() < b.start(); });
  for (size_t r = 1; r < runs.size(); ++r)
    if (runs[r].start() < runs[r - 1].end())
      refuse(
          runs[r].config().span,
          fmt::format("{} begins at {}, while {} lasts until {}", runs[r].config().folder,
                      to_string(runs[r].start()), runs[r - 1].config().folder, to_string(runs[r - 1].end())),
          "name one of them, or runs that follow one another");
  if (!problems.empty()) return tl::make_unexpected(std::move(problems));
  return runs;
}

std::string_view text_of(const Span& span) {
  return span.source ? std::string_view(span.source->text).substr(span.begin, span.end - span.begin) : "";
}

}  // namespace

Result<std::vector<twin::EarlierRun>> look_into_earlier_runs(
    const Scenario& scenario, const lang::Units& units, const lang::Schema& schema, const lang::Graph& graph,
    const twin::Registry& registry, mml::WarmHistory& warm, Diagnostics& warnings) {
  const Here here{scenario, units, schema, registry};
  auto runs = open_runs(here, warnings);
  if (!runs) return tl::make_unexpected(std::move(runs.error()));
  if (!runs->empty() && !warm.any())
    warnings.push_back({Severity::warning, runs->front().config().span,
                        "nothing here looks back: earlier runs are not read", "remove history_from:"});
  std::vector<twin::EarlierRun> told;
  Diagnostics problems;
  for (auto& run : *runs) {
    const auto warn = [&](const Found& found, lang::NodeId function) {
      if (found || found.error().what.empty()) return;
      warnings.push_back({Severity::warning, run.config().span,
                          fmt::format("{} tells nothing to `{}`: {}", run.config().folder,
                                      text_of(graph.span(function)), found.error().what),
                          found.error().hint});
    };
    // Of a table that it tells of: which devices it leaves out, once.
    std::set<TableId> named;
    const auto warn_of_lacking = [&](const Found& found, TableId table) {
      if (!found || table == registry.site() || !named.insert(table).second) return;
      const auto rows = run.lacking(table);
      if (rows.empty()) return;
      warnings.push_back({Severity::warning, run.config().span,
                          fmt::format("{} tells nothing of {} of the {} devices of '{}': it has no {}",
                                      run.config().folder, rows.size(), registry.devices(table),
                                      schema.table(table).name, some_devices(registry, table, rows)),
                          "devices are found by their ids"});
    };
    for (auto& buckets : warm.buckets()) {
      const auto found = run.tell(buckets);
      for (size_t t = 0; t < warm.trends().size(); ++t)
        if (&warm.buckets_of(t) == &buckets) warn(found, warm.trends()[t].what().node);
      warn_of_lacking(found, buckets.table());
    }
    for (auto& past : warm.pasts()) {
      const auto found = run.tell(past);
      warn(found, past.what().node);
      warn_of_lacking(found, past.what().table);
    }
    problems.insert(problems.end(), run.problems().begin(), run.problems().end());
    told.push_back({run.config().folder, run.run().spec().scenario, run.digest()});
  }
  if (!problems.empty()) return tl::make_unexpected(std::move(problems));
  return told;
}

}  // namespace looptwin::testbed
