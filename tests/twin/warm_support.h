// A small run for the tests of the run folder: every value is a function of (row, slot), so that any reader
// can tell what must be there from how far the run came.
#pragma once

#include <unistd.h>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "base/hash.h"
#include "base/workers.h"
#include "twin/warm/run_reader.h"
#include "twin/warm/run_writer.h"

namespace looptwin::twin::warm_test {

namespace fs = std::filesystem;

/// A folder of its own, removed at the end.
class Scratch {
 public:
  Scratch() {
    std::string pattern = (fs::temp_directory_path() / "looptwin-warm-XXXXXX").string();
    REQUIRE(mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~Scratch() { fs::remove_all(path_); }
  fs::path operator/(const std::string& name) const { return path_ / name; }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

inline RunSpec small_spec(uint32_t homes = 7) {
  RunSpec spec;
  spec.scenario = "smart-meters";
  spec.program = "looptwin 0.1.0";
  spec.start = UnixTime{1563174000'000000000};  // 2019-07-15T07:00:00Z
  spec.cycle = seconds(1);
  spec.seed = 42;
  TableSpec home{"home", {}};
  GridSpec raw{"home/raw", "home", seconds(10), {}, {}};
  for (uint32_t row = 0; row < homes; ++row) {
    home.devices.push_back("block-" + std::to_string(row % 2 + 1) + "/home-" + std::to_string(row));
    raw.phase.push_back(seconds(row * 3 % 10).ns);
  }
  raw.variables = {variable_for("temperature", "degC", -40, 60, 10), variable_for("power", "kW", 0, 30, 100)};
  raw.variables[0].long_name = "room temperature";
  raw.variables.push_back({.name = "quality", .storage = Storage::u8, .words = {"good", "bad"}});
  raw.variables.push_back({.name = "received_after", .unit = "s", .storage = Storage::i32, .per_unit = 1000});
  GridSpec rollup{
      "home/minute", "home", minutes(1), {}, {{.name = "mean", .unit = "kW", .storage = Storage::f64}}};
  spec.tables = {home};
  spec.grids = {raw, rollup};
  spec.logs = {{"decisions",
                {{"time", ColumnType::time},
                 {"rule", ColumnType::text},
                 {"device", ColumnType::i32},
                 {"value", ColumnType::f64, "degC"},
                 {"accepted", ColumnType::u8},
                 {"id", ColumnType::i64}}}};
  return spec;
}

inline RunOptions small_options() {
  RunOptions options;
  options.segment_length = seconds(60);
  options.late_within = seconds(10);
  return options;
}

inline int16_t temperature_of(uint32_t row, int64_t slot) {
  return static_cast<int16_t>(200 + (row * 31 + slot * 7) % 97);
}
inline int16_t power_of(uint32_t row, int64_t slot) {
  return static_cast<int16_t>((row * 13 + slot * 29) % 3001);
}
inline double mean_of(uint32_t row, int64_t slot) { return 0.125 * row + 1.5 * static_cast<double>(slot); }

/// What the loop would put in the cycle that ends at `second`: the homes whose phase is there, one lane a
/// part.
inline void put_cycle(RunWriter& writer, int64_t second, size_t lanes) {
  const auto& raw = writer.spec().grids[0];
  const auto homes = static_cast<uint32_t>(writer.spec().tables[0].devices.size());
  const auto put_part = [&](size_t part) {
    auto& lane = writer.lane(part);
    for (auto row = static_cast<uint32_t>(part); row < homes; row += static_cast<uint32_t>(lanes)) {
      const int64_t since = second - raw.phase[row] / seconds(1).ns;
      if (since < 0 || since % 10 != 0) continue;
      const int64_t slot = since / 10;
      const int16_t temperature[] = {temperature_of(row, slot)}, power[] = {power_of(row, slot)};
      const uint8_t quality[] = {static_cast<uint8_t>(row == 3)};
      const int32_t after[] = {static_cast<int32_t>(slot % 50)};
      const uint32_t rows[] = {row};
      if (row % 2)
        lane.put(GridId(0), slot, row, {Cells(temperature), Cells(power), Cells(quality), Cells(after)});
      else
        lane.put_rows(GridId(0), slot, rows,
                      {Cells(temperature), Cells(power), Cells(quality), Cells(after)});
    }
  };
  for (size_t part = 0; part < lanes; ++part) put_part(part);
  if (second % 60 == 0) {
    std::vector<double> means(homes);
    for (uint32_t row = 0; row < homes; ++row) means[row] = mean_of(row, second / 60 - 1);
    writer.lane(0).put(GridId(1), second / 60 - 1, 0, {Cells(means)});
  }
  if (second % 7 == 0) {
    const std::string rule = "rule-" + std::to_string(second % 3);
    writer.lane(0).append(LogId(0), {Time{seconds(second).ns}, rule, int32_t(second % 5),
                                     0.5 * static_cast<double>(second), uint8_t(second % 2), second * 1000});
  }
}

/// Cycles that end at `from` + 1 s, ... , `to` seconds.
inline void run_seconds(RunWriter& writer, int64_t from, int64_t to, size_t lanes = 1) {
  for (int64_t second = from + 1; second <= to; ++second) {
    put_cycle(writer, second, lanes);
    writer.end_cycle(Time{seconds(second).ns});
  }
}

/// Everything that a run up to `second` must hold is there, and nothing else.
inline bool holds_all_up_to(RunReader& run, int64_t second) {
  const auto& raw = run.spec().grids[0];
  const auto homes = static_cast<uint32_t>(run.spec().tables[0].devices.size());
  const SlotRange slots{0, second / 10 + 2};
  const auto width = static_cast<size_t>(slots.size());
  const auto temperature = run.read(GridId(0), 0, {0, homes}, slots),
             power = run.read(GridId(0), 1, {0, homes}, slots);
  const auto means = run.read(GridId(1), 0, {0, homes}, {0, second / 60 + 1});
  if (!temperature || !power || !means) return false;
  for (uint32_t row = 0; row < homes; ++row) {
    for (int64_t slot = 0; slot < slots.end; ++slot) {
      const int64_t at = slot * 10 + raw.phase[row] / seconds(1).ns;
      const bool is_there = at >= 1 && at <= second;
      const double t = (*temperature)[row * width + static_cast<size_t>(slot)],
                   p = (*power)[row * width + static_cast<size_t>(slot)];
      if (is_there ? t != temperature_of(row, slot) / 10.0 || p != power_of(row, slot) / 100.0
                   : t == t || p == p)
        return false;
    }
    for (int64_t slot = 0; slot <= second / 60; ++slot) {
      const double mean = (*means)[row * static_cast<size_t>(second / 60 + 1) + static_cast<size_t>(slot)];
      if (slot < second / 60 ? mean != mean_of(row, slot) : mean == mean) return false;
    }
  }
  const auto times = run.read_log(LogId(0), 0), rules = run.read_log(LogId(0), 1),
             ids = run.read_log(LogId(0), 5);
  if (!times || !rules || !ids || rows_of(*times) != static_cast<size_t>(second / 7)) return false;
  for (int64_t i = 0; i < second / 7; ++i) {
    const int64_t when = (i + 1) * 7;
    const auto at = static_cast<size_t>(i);
    if (std::get<std::vector<int64_t>>(*times)[at] != seconds(when).ns) return false;
    if (std::get<Texts>(*rules)[at] != "rule-" + std::to_string(when % 3)) return false;
    if (std::get<std::vector<int64_t>>(*ids)[at] != when * 1000) return false;
  }
  return true;
}

inline std::string bytes_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void write_bytes(const fs::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

/// The names and bytes of all files of a folder.
inline std::map<std::string, std::string> files_in(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::directory_iterator(folder))
    files[entry.path().filename()] = bytes_of(entry.path());
  return files;
}

/// A Result's value, or a failed test that shows its diagnostics.
template <typename T>
T good(Result<T> result) {
  if (!result) FAIL(render(result.error()));
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

}  // namespace looptwin::twin::warm_test
