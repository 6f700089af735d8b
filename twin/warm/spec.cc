#include "twin/warm/spec.h"

#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "base/check.h"

namespace looptwin::twin {
namespace {

constexpr std::array kStorageNames{"u8", "i16", "i32", "f64"};
constexpr std::array kColumnNames{"i64", "i32", "u8", "f64", "text", "time"};
constexpr size_t kMostVariables = 64;  // the journal's presence mask has 64 bits
constexpr size_t kMostTargets = 65535;

bool is_word(std::string_view text) {
  const auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  return !text.empty() && std::all_of(text.begin(), text.end(), good);
}

bool is_path(std::string_view text) {
  while (true) {
    const size_t slash = text.find('/');
    if (!is_word(text.substr(0, slash))) return false;
    if (slash == std::string_view::npos) return true;
    text.remove_prefix(slash + 1);
  }
}

/// Device ids become lines of a table's CSV file and fixed strings in HDF5.
bool is_device_id(std::string_view text) {
  const auto good = [](char c) {
    return static_cast<unsigned char>(c) > 0x20 && c != ',' && c != '"' && c != 0x7f;
  };
  return !text.empty() && std::all_of(text.begin(), text.end(), good);
}

class Problems {
 public:
  template <typename... Args>
  void add(std::string hint, fmt::format_string<Args...> message, Args&&... args) {
    found_.push_back(
        {Severity::error, {}, fmt::format(message, std::forward<Args>(args)...), std::move(hint)});
  }

  void table(const TableSpec& table) {
    if (!is_word(table.name)) add("letters, digits and _", "'{}' is not a table's name", table.name);
    const auto bad = std::find_if_not(table.devices.begin(), table.devices.end(), is_device_id);
    if (bad != table.devices.end()) {
      add("ids without spaces, commas, quotes and control characters", "table {}: '{}' is not a device id",
          table.name, *bad);
    }
  }

  /// Groups of a file: neither twice, nor one inside another, where a dataset could have its name.
  void group(const std::string& name) {
    if (!is_path(name))
      add("words of letters, digits and _, joined by /", "'{}' is not a name of a grid or a log", name);
    for (const auto& other : groups_) {
      if (name == other) add("one name each", "'{}' is declared twice", name);
      const auto is_inside = [](const std::string& a, const std::string& b) {
        return a.size() > b.size() && a[b.size()] == '/' && a.starts_with(b);
      };
      if (is_inside(name, other) || is_inside(other, name)) {
        add("a name that is not the beginning of another", "'{}' and '{}' are one inside the other", other,
            name);
      }
    }
    groups_.push_back(name);
  }

  void variable(const GridSpec& grid, const VariableSpec& v) {
    const auto at = fmt::format("grid {}: {}", grid.name, v.name);
    const bool is_integer = v.storage != Storage::f64;
    if (v.per_unit < 0) add("steps a unit, such as 10", "{}: per_unit is {}", at, v.per_unit);
    if (!std::isfinite(v.scale) || v.scale == 0)
      add("a finite scale that is not 0", "{}: scale is {}", at, v.scale);
    if (!std::isfinite(v.offset)) add("a finite offset", "{}: offset is {}", at, v.offset);
    if (!is_integer && (v.per_unit != 0 || v.scale != 1 || v.offset != 0 || v.fill)) {
      add("an integer storage, or no scale, offset and fill", "{}: an f64 is stored as it is", at);
    }
    const int32_t fill = is_integer ? v.fill_value() : 0;
    if ((v.storage == Storage::u8 && (fill < 0 || fill > 255)) ||
        (v.storage == Storage::i16 && fill != int16_t(fill))) {
      add("a fill that the storage can hold", "{}: a fill of {} does not fit {}", at, fill,
          name_of(v.storage));
    }
  }

  void grid(const RunSpec& spec, const GridSpec& grid) {
    group(grid.name);
    const auto is_table = [&](const TableSpec& table) { return table.name == grid.table; };
    const auto table = std::find_if(spec.tables.begin(), spec.tables.end(), is_table);
    if (table == spec.tables.end()) {
      add("a table of this run", "grid {}: there is no table '{}'", grid.name, grid.table);
    } else if (!grid.phase.empty() && grid.phase.size() != table->devices.size()) {
      add("one phase a row, or none", "grid {}: {} phases for {} devices", grid.name, grid.phase.size(),
          table->devices.size());
    }
    if (grid.period.ns <= 0)
      add("a positive period", "grid {}: the period is {} ns", grid.name, grid.period.ns);
    const auto outside = [&](int64_t phase) { return phase < 0 || phase >= grid.period.ns; };
    if (std::any_of(grid.phase.begin(), grid.phase.end(), outside)) {
      add("phases from 0 to below the period", "grid {}: a phase lies outside its period", grid.name);
    }
    if (grid.variables.empty() || grid.variables.size() > kMostVariables) {
      add("1 to 64 variables a grid", "grid {} has {} variables", grid.name, grid.variables.size());
    }
    std::set<std::string> names{"device", "time", "phase", "late"};
    for (const auto& v : grid.variables) {
      if (!is_word(v.name))
        add("letters, digits and _", "grid {}: '{}' is not a variable's name", grid.name, v.name);
      if (!names.insert(v.name).second) add("another name", "grid {}: '{}' is taken", grid.name, v.name);
      variable(grid, v);
    }
  }

  void log(const LogSpec& log) {
    group(log.name);
    if (log.columns.empty()) add("at least one column", "log {} has no column", log.name);
    std::set<std::string> names{"row"};
    for (const auto& c : log.columns) {
      if (!is_word(c.name))
        add("letters, digits and _", "log {}: '{}' is not a column's name", log.name, c.name);
      if (!names.insert(c.name).second) add("another name", "log {}: '{}' is taken", log.name, c.name);
    }
  }

  Diagnostics take() { return std::move(found_); }

 private:
  Diagnostics found_;
  std::vector<std::string> groups_;
};

}  // namespace

int32_t VariableSpec::fill_value() const {
  if (fill) return *fill;
  switch (storage) {
    case Storage::u8:
      return 255;
    case Storage::i16:
      return INT16_MIN;
    case Storage::i32:
      return INT32_MIN;
    case Storage::f64:
      break;
  }
  return 0;
}

VariableSpec variable_for(std::string name, std::string unit, double low, double high, int64_t per_unit) {
  VariableSpec v{.name = std::move(name), .unit = std::move(unit), .storage = Storage::f64};
  if (per_unit <= 0 || !std::isfinite(low) || !std::isfinite(high) || low > high) return v;
  const double steps = static_cast<double>(per_unit);
  // The type's lowest value is the fill; the offset is of whole units, so that decoded values stay short
  // decimals.
  const auto fits = [&](double most, double offset) {
    return (low - offset) * steps >= -most && (high - offset) * steps <= most;
  };
  const double middle = std::floor((low + high) / 2);
  for (const auto& [storage, most] :
       {std::pair{Storage::i16, 32767.0}, std::pair{Storage::i32, 2147483647.0}}) {
    for (const double offset : {0.0, middle}) {
      if (!fits(most, offset)) continue;
      v.storage = storage;
      v.per_unit = per_unit;
      v.offset = offset;
      return v;
    }
  }
  return v;
}

const TableSpec& RunSpec::table_of(const GridSpec& grid) const {
  const auto found =
      std::find_if(tables.begin(), tables.end(), [&](const auto& table) { return table.name == grid.table; });
  LT_CHECK(found != tables.end(), grid.table);
  return *found;
}

std::optional<GridId> RunSpec::grid(std::string_view name) const {
  const auto found =
      std::find_if(grids.begin(), grids.end(), [&](const auto& grid) { return grid.name == name; });
  if (found == grids.end()) return std::nullopt;
  return GridId(static_cast<size_t>(found - grids.begin()));
}

std::optional<LogId> RunSpec::log(std::string_view name) const {
  const auto found =
      std::find_if(logs.begin(), logs.end(), [&](const auto& log) { return log.name == name; });
  if (found == logs.end()) return std::nullopt;
  return LogId(static_cast<size_t>(found - logs.begin()));
}

Diagnostics problems(const RunSpec& spec) {
  Problems problems;
  std::set<std::string> tables;
  for (const auto& table : spec.tables) {
    problems.table(table);
    if (!tables.insert(table.name).second)
      problems.add("one name each", "table '{}' is declared twice", table.name);
  }
  for (const auto& grid : spec.grids) problems.grid(spec, grid);
  for (const auto& log : spec.logs) problems.log(log);
  if (spec.cycle.ns <= 0) problems.add("a positive cycle", "the cycle is {} ns", spec.cycle.ns);
  if (std::max(spec.grids.size(), spec.logs.size()) > kMostTargets)
    problems.add("fewer", "too many grids or logs");
  return problems.take();
}

const char* name_of(Storage storage) { return kStorageNames[static_cast<size_t>(storage)]; }
const char* name_of(ColumnType type) { return kColumnNames[static_cast<size_t>(type)]; }

std::optional<Storage> storage_named(std::string_view name) {
  const auto found = std::find(kStorageNames.begin(), kStorageNames.end(), name);
  if (found == kStorageNames.end()) return std::nullopt;
  return static_cast<Storage>(found - kStorageNames.begin());
}

std::optional<ColumnType> column_type_named(std::string_view name) {
  const auto found = std::find(kColumnNames.begin(), kColumnNames.end(), name);
  if (found == kColumnNames.end()) return std::nullopt;
  return static_cast<ColumnType>(found - kColumnNames.begin());
}

}  // namespace looptwin::twin
