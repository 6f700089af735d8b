// What the readers of feed files share: lines and cells with their places, collected complaints, holes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "mml/feeds/read.h"
#include "mml/feeds/series.h"

namespace looptwin::mml {

/// Errors of one file. Past `most` they are only counted, so that a broken column does not bury the screen.
class Complaints {
 public:
  Complaints(SourcePtr source, size_t most) : source_(std::move(source)), most_(most) {}
  void add(uint32_t begin, uint32_t end, std::string message, std::string hint = {});
  void add(Diagnostics other);
  bool any() const { return count_ > 0; }
  size_t count() const { return count_; }
  /// All of them in the file's order, with "and N more" at the end.
  tl::unexpected<Diagnostics> failure();
  const SourcePtr& source() const { return source_; }

 private:
  SourcePtr source_;
  size_t most_;
  size_t count_ = 0;
  Diagnostics kept_;
};

/// A piece of the source's text, [begin, end).
struct Piece {
  uint32_t begin = 0, end = 0;
  std::string_view in(const Source& source) const {
    return std::string_view(source.text).substr(begin, end - begin);
  }
};

/// The lines of a text, without their ends (LF or CR LF) and without a byte order mark.
std::vector<Piece> lines_of(const Source& source);
/// The cells of a line between commas, without the blanks around them.
std::vector<Piece> cells_of(const Source& source, Piece line);
/// A finite number and nothing else.
std::optional<double> number(std::string_view text);

/// A series with the place of each row; missing values are NaN, and in `missing` with their place.
struct Table {
  Series series;
  std::vector<Piece> rows;
  struct Missing {
    size_t signal, row;
    Piece place;
  };
  std::vector<Missing> missing;
};

/// Finds the step, complains of holes in time and missing values, or fills those that `gaps` allows.
void fill_gaps(Table& table, const Gaps& gaps, const Timezone& timezone, Complaints& complaints);

/// The signals of a weather file, in the order of WeatherSignal, without values.
enum WeatherSignal : uint8_t {
  temperature,
  dew_point,
  humidity,
  pressure,
  wind_speed,
  wind_direction,
  ghi,
  dni,
  dhi,
  weather_signals
};
std::vector<Signal> make_weather_signals(const lang::Units& units);

/// One row of a typical year: the values of the instant `minute` minutes after the local midnight that begins
/// the day.
struct TypicalRow {
  int month, day, minute;  ///< minute 1 to 1440
  Piece place;
};
/// Lays rows over the years asked for. `values` of the table's signals are one a row; `per_hour` rows an
/// hour.
Result<Series> lay_out_years(std::vector<TypicalRow> rows, Table table, int per_hour, const Site& site,
                             const ReadOptions& options, Complaints& complaints);

}  // namespace looptwin::mml
