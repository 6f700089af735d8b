// Readers of feed files. The format is told from the content: our CSV (docs/formats/feed-csv.md), TMY2, or
// EPW. A file with defects is refused with all of them at once, each with its place; nothing is repaired in
// silence.
#pragma once

#include <optional>
#include <string_view>

#include "base/result.h"
#include "base/timezone.h"
#include "lang/units.h"
#include "mml/feeds/series.h"

namespace looptwin::mml {

/// What is done about holes: missing rows and missing values. A hole is as long as the time between the known
/// values around it; a longer one than `longest` is an error in any case.
struct Gaps {
  enum class Fill : uint8_t { refuse, hold, interpolate };
  Fill fill = Fill::refuse;
  Duration longest{};
};

struct ReadOptions {
  Timezone timezone = Timezone::utc();  ///< of a CSV's times without an offset; TMY2 and EPW name their own
  int first_year = 2019;                ///< a typical year is laid out over these years
  int last_year = 2019;
  Gaps gaps;
  size_t most_diagnostics = 20;  ///< the rest becomes "and N more"
};

enum class FeedFormat : uint8_t { csv, tmy2, epw };
std::optional<FeedFormat> sniff(std::string_view text);

Result<Series> read_series(const SourcePtr& source, const lang::Units& units, const ReadOptions& options);

Result<Series> read_csv(const SourcePtr& source, const lang::Units& units, const ReadOptions& options);

// Weather files have the signals temperature, dew_point [degC], humidity [%], pressure [Pa], wind_speed
// [m/s], wind_direction [deg, from north over east], ghi, dni, dhi [W/m2]. Hours are 1 to 24 in local
// standard time, all year: hour h stands for the instant h:00, which its temperatures, pressure and wind are
// of, and for the hour that ends there, whose mean the irradiances are (Interpolation::interval). Month, day
// and hour are laid out over the years asked for; 29 February repeats the 28th unless the file has one; the
// very first instant, 1 January 0:00, is that of the last hour of December.
Result<Series> read_tmy2(const SourcePtr& source, const lang::Units& units, const ReadOptions& options);
Result<Series> read_epw(const SourcePtr& source, const lang::Units& units, const ReadOptions& options);

}  // namespace looptwin::mml
