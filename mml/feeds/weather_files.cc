// TMY2 (Marion and Urban, User's Manual for TMY2s, NREL 1995, table 3-2: fixed columns) and EPW (EnergyPlus
// Auxiliary Programs, weather data dictionary: comma-separated).
#include <fmt/format.h>
#include <algorithm>
#include <limits>

#include "mml/feeds/table.h"

namespace looptwin::mml {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

/// A value of a file: where it stands, its factor to the signal's unit, and from which number on it means
/// "missing".
struct Field {
  WeatherSignal signal;
  uint32_t at, length;  ///< TMY2: first column (from 0) and width; EPW: number of the cell, length unused
  double factor;
  double missing;
};

constexpr Field kTmy2[] = {
    {temperature, 67, 4, 0.1, 9999}, {dew_point, 73, 4, 0.1, 9999},   {humidity, 79, 3, 1, 999},
    {pressure, 84, 4, 100, 9999},    {wind_direction, 90, 3, 1, 999}, {wind_speed, 95, 3, 0.1, 999},
    {ghi, 17, 4, 1, 9999},           {dni, 23, 4, 1, 9999},           {dhi, 29, 4, 1, 9999},
};
constexpr uint32_t kTmy2Length = 142, kTmy2Header = 59;

constexpr Field kEpw[] = {
    {temperature, 6, 0, 1, 99.9}, {dew_point, 7, 0, 1, 99.9},      {humidity, 8, 0, 1, 999},
    {pressure, 9, 0, 1, 999999},  {wind_direction, 20, 0, 1, 999}, {wind_speed, 21, 0, 1, 999},
    {ghi, 13, 0, 1, 9999},        {dni, 14, 0, 1, 9999},           {dhi, 15, 0, 1, 9999},
};
constexpr size_t kEpwCells = 22;  ///< up to the last that is used; files have 32 to 35

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

class WeatherReader {
 public:
  WeatherReader(const SourcePtr& source, const lang::Units& units, const ReadOptions& options)
      : source_(source),
        options_(options),
        complaints_(source, options.most_diagnostics),
        lines_(lines_of(*source)) {
    table_.series.signals = make_weather_signals(units);
  }

  Result<Series> tmy2() {
    read_tmy2_header();
    for (size_t i = 1; i < lines_.size(); ++i) {
      const Piece line = lines_[i];
      if (line.begin == line.end) continue;
      if (line.end - line.begin < kTmy2Length) {
        complain(line, fmt::format("a row of TMY2 has {} characters, this one {}", kTmy2Length,
                                   line.end - line.begin));
        continue;
      }
      const auto part = [&](uint32_t at, uint32_t length) {
        return Piece{line.begin + at, line.begin + at + length};
      };
      const auto month = value(part(3, 2)), day = value(part(5, 2)), hour = value(part(7, 2));
      if (!month || !day || !hour || !add_row(line, *month, *day, *hour, 60)) continue;
      for (const Field& f : kTmy2) add_value(f, part(f.at, f.length));
    }
    return finish(1);
  }

  Result<Series> epw() {
    int per_hour = 1;
    bool in_data = false;
    read_epw_location();
    for (size_t i = 1; i < lines_.size(); ++i) {
      const Piece line = lines_[i];
      const auto cells = cells_of(*source_, line);
      if (!in_data) {
        if (cells[0].in(*source_) != "DATA PERIODS") continue;
        in_data = true;
        per_hour = read_data_periods(cells);
        continue;
      }
      if (line.begin == line.end) continue;
      if (cells.size() < kEpwCells) {
        complain(line,
                 fmt::format("this row has {} columns; wind speed is column {}", cells.size(), kEpwCells));
        continue;
      }
      const auto month = value(cells[1]), day = value(cells[2]), hour = value(cells[3]),
                 minute = value(cells[4]);
      if (!month || !day || !hour || !minute) continue;
      // With one row an hour files write the minute as 0, 30 or 60; the row stands for the hour's end all the
      // same.
      const double within = per_hour == 1 || *minute == 0 ? 60 : *minute;
      if (!add_row(line, *month, *day, *hour, within)) continue;
      for (const Field& f : kEpw) add_value(f, cells[f.at]);
    }
    if (!in_data) complain(lines_.empty() ? Piece{} : lines_[0], "the file has no DATA PERIODS line");
    return finish(per_hour);
  }

 private:
  void complain(Piece p, std::string message, std::string hint = {}) {
    complaints_.add(p.begin, std::max(p.end, p.begin + 1), std::move(message), std::move(hint));
  }

  std::optional<double> value(Piece p) {
    const auto text = trimmed(p.in(*source_));
    const auto v = number(text);
    if (!v) complain(p, fmt::format("'{}' is not a number", text));
    return v;
  }

  /// " 23183 PHOENIX                AZ  -7 N 33 26 W 112  1   339"
  void read_tmy2_header() {
    const Piece line = lines_.empty() ? Piece{} : lines_[0];
    if (line.end - line.begin < kTmy2Header) {
      complain(line, "the first line is not the station of a TMY2 file");
      return;
    }
    const auto part = [&](uint32_t at, uint32_t length) {
      return Piece{line.begin + at, std::min(line.end, line.begin + at + length)};
    };
    const auto zone = value(part(33, 3)), lat_deg = value(part(39, 2)), lat_min = value(part(42, 2)),
               long_deg = value(part(47, 3)), long_min = value(part(51, 2)), elevation = value(part(55, 4));
    if (!zone || !lat_deg || !lat_min || !long_deg || !long_min || !elevation) return;
    site_.name = fmt::format("{}, {}", trimmed(part(7, 22).in(*source_)), trimmed(part(30, 2).in(*source_)));
    site_.latitude = (part(37, 1).in(*source_) == "S" ? -1 : 1) * (*lat_deg + *lat_min / 60);
    site_.longitude = (part(45, 1).in(*source_) == "W" ? -1 : 1) * (*long_deg + *long_min / 60);
    site_.elevation = *elevation;
    site_.offset_s = static_cast<int>(*zone * 3600);
  }

  /// LOCATION,Denver,CO,USA,TMY--23062,724690,39.76,-104.86,-7.0,1611.0
  void read_epw_location() {
    const Piece line = lines_.empty() ? Piece{} : lines_[0];
    const auto cells = cells_of(*source_, line);
    if (cells.size() < 10 || cells[0].in(*source_) != "LOCATION") {
      complain(line, "the first line is not a LOCATION with ten columns");
      return;
    }
    const auto latitude = value(cells[6]), longitude = value(cells[7]), zone = value(cells[8]),
               elevation = value(cells[9]);
    if (!latitude || !longitude || !zone || !elevation) return;
    site_ = {fmt::format("{}, {}", cells[1].in(*source_), cells[2].in(*source_)), *latitude, *longitude,
             *elevation, static_cast<int>(*zone * 3600)};
  }

  int read_data_periods(const std::vector<Piece>& cells) {
    const auto per_hour = cells.size() > 2 ? value(cells[2]) : std::nullopt;
    const bool divides =
        per_hour && *per_hour >= 1 && *per_hour <= 60 && 60 % static_cast<int>(*per_hour) == 0;
    if (divides) return static_cast<int>(*per_hour);
    complain(cells[0], "the number of rows an hour does not divide 60");
    return 1;
  }

  bool add_row(Piece line, double month, double day, double hour, double minute) {
    const bool month_right = month >= 1 && month <= 12;
    if (!month_right || day < 1 || day > days_in_month(2000, static_cast<int>(month)) || hour < 1 ||
        hour > 24 || minute < 1 || minute > 60) {
      complain(line, fmt::format("there is no month {}, day {}, hour {}", month, day, hour),
               "hours are 1 to 24");
      return false;
    }
    rows_.push_back(
        {static_cast<int>(month), static_cast<int>(day), static_cast<int>((hour - 1) * 60 + minute), line});
    return true;
  }

  void add_value(const Field& f, Piece p) {
    Signal& signal = table_.series.signals[f.signal];
    const auto v = value(p);
    const bool known = v && *v < f.missing;
    if (v && !known) table_.missing.push_back({static_cast<size_t>(f.signal), rows_.size() - 1, p});
    signal.values.push_back(known ? signal.unit.to_si(*v * f.factor) : kUnknown);
  }

  Result<Series> finish(int per_hour) {
    if (rows_.empty() && !complaints_.any())
      complain(lines_.empty() ? Piece{} : lines_.back(), "the file has no rows");
    if (complaints_.any()) return complaints_.failure();
    return lay_out_years(std::move(rows_), std::move(table_), per_hour, site_, options_, complaints_);
  }

  const SourcePtr& source_;
  const ReadOptions& options_;
  Complaints complaints_;
  std::vector<Piece> lines_;
  Site site_;
  Table table_;
  std::vector<TypicalRow> rows_;
};

}  // namespace

Result<Series> read_tmy2(const SourcePtr& source, const lang::Units& units, const ReadOptions& options) {
  return WeatherReader(source, units, options).tmy2();
}

Result<Series> read_epw(const SourcePtr& source, const lang::Units& units, const ReadOptions& options) {
  return WeatherReader(source, units, options).epw();
}

}  // namespace looptwin::mml
