#include "twin/warm/manifest.h"

#include <fmt/format.h>
#include <algorithm>
#include <charconv>

#include "base/hash.h"
#include "base/json_tree.h"
#include "base/text.h"

namespace looptwin::twin {
namespace {

constexpr const char* kManifestFile = "manifest.json";

OrderedJson to_json(const VariableSpec& v) {
  OrderedJson json{
      {"name", v.name}, {"unit", v.unit}, {"long_name", v.long_name}, {"storage", name_of(v.storage)}};
  if (v.storage == Storage::f64) return json;
  if (v.per_unit > 0)
    json["per_unit"] = v.per_unit;
  else
    json["scale"] = v.scale;
  json["offset"] = v.offset;
  json["fill"] = v.fill_value();
  if (!v.words.empty()) json["words"] = v.words;
  return json;
}

OrderedJson to_json(const GridSpec& grid) {
  OrderedJson variables = OrderedJson::array();
  for (const auto& v : grid.variables) variables.push_back(to_json(v));
  return {
      {"name", grid.name}, {"table", grid.table}, {"period_ns", grid.period.ns}, {"variables", variables}};
}

OrderedJson to_json(const LogSpec& log) {
  OrderedJson columns = OrderedJson::array();
  for (const auto& c : log.columns) {
    columns.push_back(
        {{"name", c.name}, {"type", name_of(c.type)}, {"unit", c.unit}, {"long_name", c.long_name}});
  }
  return {{"name", log.name}, {"columns", columns}};
}

std::string table_file(const std::string& table) { return fmt::format("tables/{}.csv", table); }

OrderedJson describe(const RunSpec& spec) {
  OrderedJson tables = OrderedJson::array(), grids = OrderedJson::array(), logs = OrderedJson::array();
  for (const auto& table : spec.tables) {
    tables.push_back(
        {{"name", table.name}, {"devices", table.devices.size()}, {"file", table_file(table.name)}});
  }
  for (const auto& grid : spec.grids) grids.push_back(to_json(grid));
  for (const auto& log : spec.logs) logs.push_back(to_json(log));
  return {{"tables", tables}, {"grids", grids}, {"logs", logs}};
}

VariableSpec variable_from(const OrderedJson& json) {
  VariableSpec v{.name = json.at("name"), .unit = json.at("unit"), .long_name = json.at("long_name")};
  const auto storage = storage_named(json.at("storage").get<std::string>());
  if (!storage) throw std::invalid_argument("unknown storage of " + v.name);
  v.storage = *storage;
  v.per_unit = json.value("per_unit", int64_t{0});
  v.scale = json.value("scale", 1.0);
  v.offset = json.value("offset", 0.0);
  v.words = json.value("words", std::vector<std::string>{});
  const VariableSpec plain{.storage = v.storage};
  if (json.contains("fill") && json["fill"] != plain.fill_value()) v.fill = json["fill"].get<int32_t>();
  return v;
}

ColumnSpec column_from(const OrderedJson& json) {
  const auto type = column_type_named(json.at("type").get<std::string>());
  if (!type) throw std::invalid_argument("unknown type of a column");
  return {json.at("name"), *type, json.at("unit"), json.at("long_name")};
}

Manifest manifest_from(const OrderedJson& json) {
  if (json.at("format") != "looptwin run") throw std::invalid_argument("this is not a run's manifest");
  if (json.at("version") != kRunFormat)
    throw std::invalid_argument("a version of the format that this program does not know");
  Manifest m;
  m.spec.scenario = json.at("scenario");
  m.spec.program = json.at("program");
  m.spec.start.ns = json.at("start_unix_ns");
  m.spec.timezone = json.value("timezone", "UTC");
  m.spec.cycle.ns = json.at("cycle_ns");
  m.spec.seed = json.at("seed");
  m.plan.length.ns = json.at("segments").at("length_ns");
  m.plan.late_within.ns = json.at("segments").at("late_within_ns");
  for (const auto& run : json.value("history_from", OrderedJson::array()))
    m.spec.history_from.push_back({run.at("folder"), run.at("scenario"), run.at("digest")});
  for (const auto& table : json.at("tables")) m.spec.tables.push_back({table.at("name"), {}});
  for (const auto& grid : json.at("grids")) {
    m.spec.grids.push_back(
        {grid.at("name"), grid.at("table"), {grid.at("period_ns").get<int64_t>()}, {}, {}});
    for (const auto& v : grid.at("variables")) m.spec.grids.back().variables.push_back(variable_from(v));
  }
  for (const auto& log : json.at("logs")) {
    m.spec.logs.push_back({log.at("name"), {}});
    for (const auto& c : log.at("columns")) m.spec.logs.back().columns.push_back(column_from(c));
  }
  m.status = dump_json(json.at("status"));
  m.fingerprint = json.at("fingerprint");
  return m;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (size_t end; (end = text.find(separator)) != std::string_view::npos; text.remove_prefix(end + 1)) {
    parts.push_back(text.substr(0, end));
  }
  parts.push_back(text);
  return parts;
}

/// Fills in a table's devices and the phases of the grids on it. False: the file does not have the form.
bool read_table(std::string_view text, RunSpec& spec, TableSpec& table) {
  if (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  const auto lines = split(text, '\n');
  const auto header = split(lines[0], ',');
  if (header[0] != "device") return false;
  std::vector<GridSpec*> grids;
  for (size_t c = 1; c < header.size(); ++c) {
    const auto is_it = [&](const GridSpec& grid) {
      return grid.name == header[c] && grid.table == table.name;
    };
    const auto grid = std::find_if(spec.grids.begin(), spec.grids.end(), is_it);
    if (grid == spec.grids.end()) return false;
    grids.push_back(&*grid);
  }
  for (size_t l = 1; l < lines.size(); ++l) {
    const auto fields = split(lines[l], ',');
    if (fields.size() != header.size()) return false;
    table.devices.emplace_back(fields[0]);
    for (size_t c = 1; c < fields.size(); ++c) {
      int64_t phase = 0;
      const auto end = fields[c].data() + fields[c].size();
      if (std::from_chars(fields[c].data(), end, phase).ptr != end) return false;
      grids[c - 1]->phase.push_back(phase);
    }
  }
  return true;
}

}  // namespace

uint64_t layout_hash(const RunSpec& spec) { return hash64(dump_json(describe(spec))); }

Result<void> write_manifest(const fs::path& folder, const Manifest& manifest) {
  const auto& spec = manifest.spec;
  const OrderedJson status = load_json<OrderedJson>(manifest.status);
  if (status.is_discarded()) return failure("the status of a run must be JSON: " + manifest.status);
  OrderedJson json{
      {"format", "looptwin run"},
      {"version", kRunFormat},
      {"scenario", spec.scenario},
      {"program", spec.program},
      {"seed", spec.seed},
      {"start", to_string(spec.start)},
      {"start_unix_ns", spec.start.ns},
      {"timezone", spec.timezone},
      {"cycle_ns", spec.cycle.ns},
      {"status", status},
      {"fingerprint", manifest.fingerprint},
      {"segments",
       {{"length_ns", manifest.plan.length.ns}, {"late_within_ns", manifest.plan.late_within.ns}}}};
  for (const auto& run : spec.history_from)
    json["history_from"].push_back(
        {{"folder", run.folder}, {"scenario", run.scenario}, {"digest", run.digest}});
  json.update(describe(spec));
  return write_whole_file(folder / kManifestFile, dump_json(json, 1) + "\n");
}

Result<void> write_tables(const fs::path& folder, const RunSpec& spec) {
  for (const auto& table : spec.tables) {
    std::vector<const GridSpec*> grids;
    for (const auto& grid : spec.grids) {
      if (grid.table == table.name && !grid.phase.empty()) grids.push_back(&grid);
    }
    std::string text = "device";
    for (const auto* grid : grids) text += "," + grid->name;
    text += '\n';
    for (size_t row = 0; row < table.devices.size(); ++row) {
      text += table.devices[row];
      for (const auto* grid : grids) fmt::format_to(std::back_inserter(text), ",{}", grid->phase[row]);
      text += '\n';
    }
    if (auto written = write_whole_file(folder / table_file(table.name), text); !written) return written;
  }
  return {};
}

namespace {

constexpr size_t kMostRunsNamed = 5;

/// Whether a run's folder is being made beside this place, or was when its process was killed.
bool is_being_created(const fs::path& place) {
  const fs::path folder = place.has_filename() ? place : place.parent_path();  // of "runs/today/"
  const auto name = folder.filename().string() + ".";
  const fs::path parent = folder.has_parent_path() ? folder.parent_path() : fs::path(".");
  std::error_code error;
  for (auto at = fs::directory_iterator(parent, error); !error && at != fs::directory_iterator();
       at.increment(error)) {
    const auto other = at->path().filename().string();
    if (other.starts_with(name) && other.ends_with(kCreating)) return true;
  }
  return false;
}

/// Why a folder that has no manifest.json is not the folder of a run.
tl::unexpected<Diagnostics> no_run(const fs::path& folder) {
  std::error_code error;
  const auto name = folder.string();
  if (is_being_created(folder))
    return failure(
        fmt::format("{} is not a run's folder yet: a run has just begun it, or was killed then", name),
        "the same again when the run has come to its first boundary; where none is under way, run the "
        "scenario again");
  if (!fs::exists(folder, error))
    return failure(
        fmt::format("there is no run's folder {}", name),
        "a folder that looptwin run has written; it is there as soon as the scenario has been built");
  if (!fs::is_directory(folder, error))
    return failure(fmt::format("{} is a file, not a run's folder", name),
                   "the folder that looptwin run has written");
  std::vector<std::string> runs;
  for (auto at = fs::directory_iterator(folder, error); !error && at != fs::directory_iterator();
       at.increment(error))
    if (fs::exists(at->path() / kManifestFile, error)) runs.push_back(at->path().string());
  std::sort(runs.begin(), runs.end());
  if (runs.size() > kMostRunsNamed) runs.resize(kMostRunsNamed);
  return failure(
      fmt::format("{} is not a run's folder: it has no {}", name, kManifestFile),
      runs.empty() ? "a folder that looptwin run has written" : "one of the runs in it, as " + joined(runs));
}

}  // namespace

Result<Manifest> read_manifest(const fs::path& folder) {
  const auto path = folder / kManifestFile;
  std::error_code error;
  if (!fs::exists(path, error) && !error) return no_run(folder);
  auto text = read_whole_file(path);
  if (!text) return tl::unexpected(text.error());
  const auto wrong = [&](std::string_view why) {
    return failure(fmt::format("cannot read {}: {}", path.string(), why),
                   "the folder of a run that looptwin wrote");
  };
  Manifest manifest;
  OrderedJson json;
  try {  // nlohmann's reports end here
    json = OrderedJson::parse(*text);
    manifest = manifest_from(json);
  } catch (const OrderedJson::parse_error& error) {
    return failure(fmt::format("{} is damaged from byte {} on", path.string(), error.byte),
                   "bring it back from a copy; h5py reads the folder's segments without it");
  } catch (const std::exception& error) {
    return wrong(error.what());
  }
  for (size_t t = 0; t < manifest.spec.tables.size(); ++t) {
    auto& table = manifest.spec.tables[t];
    auto csv = read_whole_file(folder / table_file(table.name));
    if (!csv) return tl::unexpected(csv.error());
    if (!read_table(*csv, manifest.spec, table) || json["tables"][t]["devices"] != table.devices.size()) {
      return wrong(fmt::format("{} does not fit it", table_file(table.name)));
    }
  }
  if (auto found = problems(manifest.spec); !found.empty()) return wrong(found.front().message);
  return manifest;
}

}  // namespace looptwin::twin
