#include <fmt/format.h>
#include <algorithm>
#include <limits>

#include "mml/feeds/table.h"

namespace looptwin::mml {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

bool identifier(std::string_view text) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  if (text.empty() || !letter(text[0])) return false;
  return std::all_of(text.begin(), text.end(), [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

class CsvReader {
 public:
  CsvReader(const SourcePtr& source, const lang::Units& units, const ReadOptions& options)
      : source_(source), units_(units), options_(options), complaints_(source, options.most_diagnostics) {}

  Result<Series> read() {
    bool header = false;
    for (const Piece line : lines_of(*source_)) {
      const auto cells = cells_of(*source_, line);
      const auto first = cells[0].in(*source_);
      if (first.starts_with('#') || (cells.size() == 1 && first.empty())) continue;
      if (!header) {
        read_header(cells);
        header = true;
        if (complaints_.any()) return complaints_.failure();  // every row would be wrong for the same reason
      } else {
        read_row(line, cells);
      }
    }
    if (table_.series.times.empty() && !complaints_.any()) {
      const auto size = static_cast<uint32_t>(source_->text.size());
      complaints_.add(size, size, "there is no row of values",
                      "write at least one line: 2019-07-15T00:00,30.5");
    }
    // Where a row was not understood there would be a hole.
    if (!row_lost_ && !table_.series.times.empty())
      fill_gaps(table_, options_.gaps, options_.timezone, complaints_);
    if (complaints_.any()) return complaints_.failure();
    return std::move(table_.series);
  }

 private:
  void read_header(const std::vector<Piece>& cells) {
    if (cells[0].in(*source_) != "time") {
      complaints_.add(cells[0].begin, cells[0].end, "the first column is not `time`",
                      "write: time,temperature [degC],...");
    }
    if (cells.size() < 2)
      complaints_.add(cells[0].begin, cells[0].end, "the header names no signal",
                      "write: time,temperature [degC],...");
    for (size_t i = 1; i < cells.size(); ++i) read_signal(cells[i]);
  }

  /// `ghi [W/m2] interval`
  void read_signal(Piece cell) {
    const auto text = cell.in(*source_);
    const auto open = text.find('['), close = text.find(']');
    if (open == text.npos || close == text.npos || close < open) {
      complaints_.add(cell.begin, cell.end, fmt::format("the column '{}' has no unit", text),
                      "write: name [unit], and [1] for a ratio");
      return;
    }
    auto name = text.substr(0, open);
    while (!name.empty() && name.back() == ' ') name.remove_suffix(1);
    auto word = text.substr(close + 1);
    while (!word.empty() && word.front() == ' ') word.remove_prefix(1);
    Signal signal;
    signal.name = std::string(name);
    const auto at = [&](size_t offset) { return cell.begin + static_cast<uint32_t>(offset); };
    if (!identifier(name)) {
      complaints_.add(cell.begin, at(open), fmt::format("'{}' is not a name", name),
                      "use letters, digits and _");
    }
    if (table_.series.find(name))
      complaints_.add(cell.begin, cell.end, fmt::format("there are two columns '{}'", name));
    if (word == "hold") {
      signal.interpolation = Interpolation::hold;
    } else if (word == "interval") {
      signal.interpolation = Interpolation::interval;
    } else if (!word.empty() && word != "linear") {
      complaints_.add(cell.end - static_cast<uint32_t>(word.size()), cell.end,
                      fmt::format("'{}' is no way to interpolate", word), "write linear, hold or interval");
    }
    if (auto unit = units_.unit({source_, at(open + 1), at(close)})) {
      signal.unit = *unit;
    } else {
      complaints_.add(std::move(unit.error()));
    }
    table_.series.signals.push_back(std::move(signal));
  }

  void read_row(Piece line, const std::vector<Piece>& cells) {
    auto& series = table_.series;
    const size_t want = series.signals.size() + 1;
    if (cells.size() != want) {
      complaints_.add(line.begin, line.end,
                      fmt::format("this row has {} columns, the header {}", cells.size(), want));
      row_lost_ = true;
      return;
    }
    const auto t = read_time(cells[0]);
    row_lost_ |= !t;
    if (!t) return;
    if (!series.times.empty() && *t <= series.times.back()) {
      complaints_.add(cells[0].begin, cells[0].end,
                      *t == series.times.back()
                          ? "this time is there already in the row before"
                          : fmt::format("this time is before that of the row before, {}",
                                        options_.timezone.format(series.times.back())),
                      "order the rows by time, one a time");
      row_lost_ = true;
      return;
    }
    series.times.push_back(*t);
    table_.rows.push_back(line);
    for (size_t i = 1; i < cells.size(); ++i) read_value(cells[i], i - 1);
  }

  std::optional<UnixTime> read_time(Piece cell) {
    const auto text = cell.in(*source_);
    const auto iso = parse_iso(text);
    if (!iso) {
      complaints_.add(cell.begin, std::max(cell.end, cell.begin + 1), fmt::format("'{}' is not a time", text),
                      "write: 2019-07-15T14:00");
      return std::nullopt;
    }
    if (iso->offset) return options_.timezone.to_utc(*iso);
    const auto instants = options_.timezone.instants(iso->local);
    if (instants.kind == Timezone::Kind::gap) {
      complaints_.add(
          cell.begin, cell.end,
          fmt::format("there is no {} in {}: clocks are set forward over it", text, options_.timezone.name()),
          "write the offset from UTC: " + std::string(text) + "+01:00");
      return std::nullopt;
    }
    // Where clocks are set back an hour comes twice; the rows' order tells which one is meant.
    const bool second = !table_.series.times.empty() && instants.earlier <= table_.series.times.back();
    return second ? instants.later : instants.earlier;
  }

  void read_value(Piece cell, size_t k) {
    Signal& signal = table_.series.signals[k];
    const auto text = cell.in(*source_);
    if (text.empty()) {
      table_.missing.push_back({k, table_.series.times.size() - 1, cell});
      signal.values.push_back(kUnknown);
    } else if (const auto value = number(text)) {
      signal.values.push_back(signal.unit.to_si(*value));
    } else {
      complaints_.add(cell.begin, cell.end, fmt::format("'{}' is not a number", text),
                      "leave the cell empty where the value is missing");
      signal.values.push_back(0);  // it is not missing as well
    }
  }

  const SourcePtr& source_;
  const lang::Units& units_;
  const ReadOptions& options_;
  Complaints complaints_;
  bool row_lost_ = false;
  Table table_;
};

}  // namespace

Result<Series> read_csv(const SourcePtr& source, const lang::Units& units, const ReadOptions& options) {
  return CsvReader(source, units, options).read();
}

}  // namespace looptwin::mml
