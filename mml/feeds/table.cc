#include "mml/feeds/table.h"

#include <fmt/format.h>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>

#include "base/check.h"

namespace looptwin::mml {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
bool blank(char c) { return c == ' ' || c == '\t'; }

/// The most frequent distance of neighbouring times; the shortest of those that are equally frequent.
Duration usual_step(const std::vector<UnixTime>& times) {
  std::map<Duration, size_t> count;
  for (size_t i = 1; i < times.size(); ++i) ++count[times[i] - times[i - 1]];
  Duration best{};
  size_t most = 0;
  for (const auto& [distance, n] : count) {
    if (n > most) best = distance, most = n;
  }
  return best;
}

std::string hint_for(const Gaps& gaps, Duration hole) {
  if (gaps.fill == Gaps::Fill::refuse)
    return fmt::format("add the rows, or write longest_gap: {}", to_string(hole));
  return fmt::format("add the rows; longest_gap: {} fills shorter holes only", to_string(gaps.longest));
}

/// Puts rows of unknown values into holes that may be filled, so that they are then treated as missing values
/// are.
void insert_missing_rows(Table& table, const Gaps& gaps, const Timezone& timezone, Complaints& complaints) {
  Series& s = table.series;
  const Duration step = s.step;
  std::vector<size_t> origin;  // of each new row, or npos
  std::vector<UnixTime> times;
  std::vector<Piece> places;
  constexpr size_t kNone = std::numeric_limits<size_t>::max();
  for (size_t i = 0; i < s.times.size(); ++i) {
    if (i > 0 && 2 * (s.times[i] - s.times[i - 1]).ns > 3 * step.ns) {
      const Duration hole = s.times[i] - s.times[i - 1];
      if (gaps.fill == Gaps::Fill::refuse || hole > gaps.longest) {
        complaints.add(table.rows[i].begin, table.rows[i].end,
                       fmt::format("nothing is known for {} from {} to {}", to_string(hole),
                                   timezone.format(s.times[i - 1]), timezone.format(s.times[i])),
                       hint_for(gaps, hole));
      } else {
        for (UnixTime t = s.times[i - 1] + step; 2 * (s.times[i] - t).ns > step.ns; t = t + step) {
          times.push_back(t);
          places.push_back(table.rows[i]);
          origin.push_back(kNone);
        }
      }
    }
    times.push_back(s.times[i]);
    places.push_back(table.rows[i]);
    origin.push_back(i);
  }
  if (times.size() == s.times.size()) return;
  for (auto& signal : s.signals) {
    std::vector<double> values(times.size(), kUnknown);
    for (size_t i = 0; i < times.size(); ++i) {
      if (origin[i] != kNone) values[i] = signal.values[origin[i]];
    }
    signal.values = std::move(values);
  }
  // Rows have moved: a missing value's row is found again by its old number.
  std::map<size_t, size_t> moved;
  for (size_t i = 0; i < origin.size(); ++i) moved[origin[i]] = i;
  for (auto& m : table.missing) m.row = moved[m.row];
  s.times = std::move(times);
  table.rows = std::move(places);
}

}  // namespace

void Complaints::add(uint32_t begin, uint32_t end, std::string message, std::string hint) {
  if (count_++ < most_)
    kept_.push_back({Severity::error, {source_, begin, end}, std::move(message), std::move(hint)});
}

void Complaints::add(Diagnostics other) {
  for (auto& d : other) {
    if (count_++ < most_) kept_.push_back(std::move(d));
  }
}

tl::unexpected<Diagnostics> Complaints::failure() {
  std::stable_sort(kept_.begin(), kept_.end(),
                   [](const auto& a, const auto& b) { return a.span.begin < b.span.begin; });
  if (count_ > most_) {
    kept_.push_back(
        {Severity::error, {}, fmt::format("and {} more in {}", count_ - most_, source_->name), {}});
  }
  return tl::make_unexpected(std::move(kept_));
}

std::vector<Piece> lines_of(const Source& source) {
  const std::string_view text = source.text;
  std::vector<Piece> lines;
  size_t begin = text.starts_with("\xef\xbb\xbf") ? 3 : 0;
  while (begin < text.size()) {
    const size_t newline = std::min(text.find('\n', begin), text.size());
    const size_t end = newline > begin && text[newline - 1] == '\r' ? newline - 1 : newline;
    lines.push_back({static_cast<uint32_t>(begin), static_cast<uint32_t>(end)});
    begin = newline + 1;
  }
  return lines;
}

std::vector<Piece> cells_of(const Source& source, Piece line) {
  const std::string_view text = source.text;
  std::vector<Piece> cells;
  for (uint32_t begin = line.begin;;) {
    const auto comma = static_cast<uint32_t>(std::min<size_t>(text.find(',', begin), line.end));
    Piece cell{begin, comma};
    while (cell.begin < cell.end && blank(text[cell.begin])) ++cell.begin;
    while (cell.end > cell.begin && blank(text[cell.end - 1])) --cell.end;
    cells.push_back(cell);
    if (comma >= line.end) return cells;
    begin = comma + 1;
  }
}

std::optional<double> number(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty() || !std::isfinite(value))
    return std::nullopt;
  return value;
}

void fill_gaps(Table& table, const Gaps& gaps, const Timezone& timezone, Complaints& complaints) {
  Series& s = table.series;
  s.step = usual_step(s.times);
  const bool all_hold = std::all_of(s.signals.begin(), s.signals.end(),
                                    [](const Signal& x) { return x.interpolation == Interpolation::hold; });
  // What holds until the next row has no holes, however far the rows are apart.
  if (!all_hold && s.times.size() > 2) insert_missing_rows(table, gaps, timezone, complaints);

  std::map<std::pair<size_t, size_t>, Piece> places;
  for (const auto& m : table.missing) places[{m.signal, m.row}] = m.place;
  for (size_t k = 0; k < s.signals.size(); ++k) {
    auto& values = s.signals[k].values;
    for (size_t first = 0; first < values.size(); ++first) {
      if (values[first] == values[first]) continue;
      size_t next = first;
      while (next < values.size() && values[next] != values[next]) ++next;
      const bool inside = first > 0 && next < values.size();
      const Duration hole = s.times[std::min(next, values.size() - 1)] - s.times[first > 0 ? first - 1 : 0];
      const bool may_fill = gaps.fill != Gaps::Fill::refuse && hole <= gaps.longest &&
                            (inside || (gaps.fill == Gaps::Fill::hold && first > 0));
      if (!may_fill) {
        const auto found = places.find({k, first});
        const Piece place = found == places.end() ? table.rows[first] : found->second;
        const size_t rows = next - first;
        complaints.add(place.begin, std::max(place.end, place.begin + 1),
                       fmt::format("{} is missing{}", s.signals[k].name,
                                   rows > 1 ? fmt::format(" in {} rows from here", rows) : ""),
                       inside ? hint_for(gaps, hole) : "a series begins and ends with known values");
      } else {
        const double before = values[first - 1];
        for (size_t i = first; i < next; ++i) {
          const double part = inside ? (s.times[i] - s.times[first - 1]).seconds() / hole.seconds() : 0;
          values[i] = gaps.fill == Gaps::Fill::hold ? before : before + (values[next] - before) * part;
        }
      }
      first = next;
    }
  }
}

std::vector<Signal> make_weather_signals(const lang::Units& units) {
  struct Row {
    const char *name, *unit;
    Interpolation interpolation;
  };
  static constexpr Row kRows[] = {
      {"temperature", "degC", Interpolation::linear}, {"dew_point", "degC", Interpolation::linear},
      {"humidity", "%", Interpolation::linear},       {"pressure", "Pa", Interpolation::linear},
      {"wind_speed", "m/s", Interpolation::linear},   {"wind_direction", "deg", Interpolation::hold},
      {"ghi", "W/m2", Interpolation::interval},       {"dni", "W/m2", Interpolation::interval},
      {"dhi", "W/m2", Interpolation::interval},
  };
  std::vector<Signal> signals;
  for (const auto& row : kRows) {
    const auto source = std::make_shared<Source>(Source{"weather", row.unit});
    const auto unit = units.unit({source, 0, static_cast<uint32_t>(source->text.size())});
    LT_CHECK(unit.has_value(), row.unit);
    signals.push_back({row.name, *unit, row.interpolation, {}});
  }
  return signals;
}

Result<Series> lay_out_years(std::vector<TypicalRow> rows, Table table, int per_hour, const Site& site,
                             const ReadOptions& options, Complaints& complaints) {
  const bool leap_day =
      std::any_of(rows.begin(), rows.end(), [](const auto& r) { return r.month == 2 && r.day == 29; });
  // Holes are looked for in the one year of the file, dated in one of as many days.
  const int dated = leap_day ? 2000 : 2001;
  const auto stamp = [&](int year, int month, int day, int minute) {
    return from_utc_fields({year, month, day}) + minutes(minute) + seconds(-site.offset_s);
  };
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto& r = rows[i];
    table.series.times.push_back(stamp(dated, r.month, r.day, r.minute));
    table.rows.push_back(r.place);
    if (i > 0 && table.series.times[i] <= table.series.times[i - 1]) {
      complaints.add(r.place.begin, r.place.end, "this hour does not come after the one before it",
                     "order the rows from January to December");
    }
  }
  if (complaints.any()) return complaints.failure();
  fill_gaps(table, options.gaps, Timezone::fixed(site.offset_s), complaints);
  const size_t want = static_cast<size_t>(leap_day ? 366 : 365) * 24 * static_cast<size_t>(per_hour);
  const size_t n = table.series.times.size();
  if (!complaints.any() && n != want) {
    const Piece last = table.rows.back();
    complaints.add(last.begin, last.end, fmt::format("the year has {} rows instead of {}", n, want),
                   "a weather file covers 1 January to 31 December");
  }
  if (complaints.any()) return complaints.failure();

  const size_t per_day = 24 * static_cast<size_t>(per_hour);
  Series out;
  out.site = site;
  out.step = minutes(60 / per_hour);
  out.signals = table.series.signals;
  for (auto& signal : out.signals) signal.values.clear();
  const auto append = [&](UnixTime t, size_t row) {
    out.times.push_back(t);
    for (size_t k = 0; k < out.signals.size(); ++k)
      out.signals[k].values.push_back(table.series.signals[k].values[row]);
  };
  append(stamp(options.first_year, 1, 1, 0), n - 1);
  for (int year = options.first_year; year <= options.last_year; ++year) {
    for (int month = 1; month <= 12; ++month) {
      for (int day = 1; day <= days_in_month(year, month); ++day) {
        const int source_day = month == 2 && day == 29 && !leap_day ? 28 : day;
        const size_t of_year = static_cast<size_t>(day_of_year({dated, month, source_day}) - 1);
        for (size_t i = 0; i < per_day; ++i) {
          append(stamp(year, month, day, 0) + Duration{out.step.ns * static_cast<int64_t>(i + 1)},
                 of_year * per_day + i);
        }
      }
    }
  }
  return out;
}

}  // namespace looptwin::mml
