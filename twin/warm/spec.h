// What a run folder holds, declared before the run: tables of devices, grids (devices x slots) and logs
// (typed rows). A grid's sample lies at slot * period + phase[row] since the start; what does not fit that
// goes into a log.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"

namespace looptwin::twin {

using GridId = Id<struct GridTag>;  ///< a grid, in the order of RunSpec::grids
using LogId = Id<struct LogTag>;    ///< a log, in the order of RunSpec::logs

/// How a cell lies in memory, in the journal and in a segment.
enum class Storage : uint8_t { u8, i16, i32, f64 };

/// A quantity of a grid. Its value is raw / per_unit + offset, or raw * scale + offset where per_unit is 0;
/// an f64 is stored as it is. One raw value, the fill, means "no sample": NaN for f64, else `fill` or the
/// type's default (u8 255, i16 -32768, i32 -2147483648).
struct VariableSpec {
  std::string name;
  std::string unit = "1";  ///< as udunits and CF write it: "degC", "kW"
  std::string long_name;
  Storage storage = Storage::i16;
  int64_t per_unit = 0;  ///< whole steps in one unit: 10 for a resolution of 0.1
  double scale = 1;      ///< units in one step; counts only where per_unit is 0
  double offset = 0;     ///< in `unit`
  std::optional<int32_t> fill;
  std::vector<std::string> words;  ///< of an enumeration, by code from 0; else empty

  int32_t fill_value() const;  ///< of integers
  bool operator==(const VariableSpec&) const = default;
};

/// The smallest storage (i16, i32, else f64) that holds [low, high] at `per_unit` steps a unit, with an
/// offset of whole units where the range needs one. per_unit 0 means that no resolution is known: f64.
VariableSpec variable_for(std::string name, std::string unit, double low, double high, int64_t per_unit);

/// Devices in row order; a grid's rows are its table's.
struct TableSpec {
  std::string name;
  std::vector<std::string> devices;
  bool operator==(const TableSpec&) const = default;
};

struct GridSpec {
  std::string name;  ///< "home/raw", "home/15min": also the group's path in each segment
  std::string table;
  Duration period;
  std::vector<int64_t> phase;  ///< ns in [0, period), one a row; empty: all 0
  std::vector<VariableSpec> variables;
  bool operator==(const GridSpec&) const = default;
};

enum class ColumnType : uint8_t { i64, i32, u8, f64, text, time };

/// A column of a log. A time is int64 ns since the run's start; kNever stands for "none". Text is UTF-8
/// without NUL.
struct ColumnSpec {
  std::string name;
  ColumnType type = ColumnType::i64;
  std::string unit;  ///< empty: none
  std::string long_name;
  bool operator==(const ColumnSpec&) const = default;
};

struct LogSpec {
  std::string name;
  std::vector<ColumnSpec> columns;
  bool operator==(const LogSpec&) const = default;
};

/// A run folder that the run looked back into before its first cycle.
struct EarlierRun {
  std::string folder;    ///< as the scenario names it
  std::string scenario;  ///< of that run
  std::string digest;    ///< of all that was taken from it: XXH3-128
  bool operator==(const EarlierRun&) const = default;
};

struct RunSpec {
  std::string scenario;
  std::string program;  ///< name and version of what writes: "looptwin 0.1.0"
  UnixTime start;
  std::string timezone = "UTC";  ///< of the people beside the devices: an IANA name
  Duration cycle;
  uint64_t seed = 0;
  std::vector<EarlierRun> history_from;
  std::vector<TableSpec> tables;
  std::vector<GridSpec> grids;
  std::vector<LogSpec> logs;

  const TableSpec& table_of(const GridSpec& grid) const;
  std::optional<GridId> grid(std::string_view name) const;
  std::optional<LogId> log(std::string_view name) const;
  uint32_t rows(const GridSpec& grid) const { return static_cast<uint32_t>(table_of(grid).devices.size()); }
  bool operator==(const RunSpec&) const = default;
};

/// All that is wrong with a spec: bad or double names, unknown tables, phases outside the period, ...
Diagnostics problems(const RunSpec& spec);

const char* name_of(Storage storage);
const char* name_of(ColumnType type);
std::optional<Storage> storage_named(std::string_view name);
std::optional<ColumnType> column_type_named(std::string_view name);

}  // namespace looptwin::twin
