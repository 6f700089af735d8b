#include "testbed/testing/written_series.h"

#include <fmt/format.h>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/text.h"

namespace looptwin::testbed {
namespace {

constexpr size_t kMostPieces = 100'000;
constexpr const char* kForms =
    "write 3 kW x 60 s, ramp 3 kW to 9 kW over 30 s, stale x 2 min, 9 kW noise 0.1 kW";

std::string_view text_of(const Span& span) {
  return std::string_view(span.source->text).substr(span.begin, span.end - span.begin);
}

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

Span trimmed(Span span) {
  const auto& text = span.source->text;
  while (span.begin < span.end && is_space(text[span.begin])) ++span.begin;
  while (span.end > span.begin && is_space(text[span.end - 1])) --span.end;
  return span;
}

Span part(const Span& of, size_t begin, size_t end) {
  return trimmed({of.source, of.begin + static_cast<uint32_t>(begin), of.begin + static_cast<uint32_t>(end)});
}

/// Whether something follows `word` at the begin.
bool begins_with_word(std::string_view text, std::string_view word) {
  return text.starts_with(word) && text.size() > word.size() && is_space(text[word.size()]);
}

/// Where `word` stands alone outside of brackets, the last time; npos where nowhere.
size_t find_word(std::string_view text, std::string_view word) {
  size_t found = std::string_view::npos;
  int depth = 0;
  for (size_t i = 0; i + word.size() <= text.size(); ++i) {
    if (text[i] == '(') ++depth;
    if (text[i] == ')') --depth;
    const bool alone = (i == 0 || is_space(text[i - 1]) || text[i - 1] == ')') &&
                       (i + word.size() == text.size() || is_space(text[i + word.size()]));
    if (depth == 0 && alone && text.substr(i, word.size()) == word) found = i;
  }
  return found;
}

}  // namespace

class SeriesReader {
 public:
  SeriesReader(const lang::Units& units, const CourseOf& of) : units_(units), of_(of) {}

  Result<WrittenSeries> read(const Span& text) {
    WrittenSeries series;
    add(trimmed(text), series.pieces_);
    if (problems_.empty() && series.pieces_.empty()) refuse(text, "nothing is written here", kForms);
    Time begin = kStart;
    for (size_t i = 0; problems_.empty() && i < series.pieces_.size(); ++i) {
      auto& piece = series.pieces_[i];
      if (piece.length.ns == 0 && i + 1 < series.pieces_.size())
        refuse(text, fmt::format("piece {} of {} has no length", i + 1, series.pieces_.size()),
               "only the last one may go without, as it lasts to the end: write x 60 s after the others");
      piece.begin = begin;
      begin = begin + piece.length;
    }
    if (!problems_.empty()) return tl::make_unexpected(std::move(problems_));
    series.end_ = begin;
    return series;
  }

 private:
  using Pieces = std::vector<WrittenSeries::Piece>;

  void refuse(const Span& span, std::string message, std::string hint) {
    if (problems_.empty()) problems_.push_back({Severity::error, span, std::move(message), std::move(hint)});
  }

  void add(const Span& list, Pieces& out) {
    const auto text = text_of(list);
    int depth = 0;
    size_t begin = 0;
    for (size_t i = 0; i <= text.size(); ++i) {
      const char c = i < text.size() ? text[i] : ',';
      if (c == '(') ++depth;
      if (c == ')' && --depth < 0) return refuse(part(list, i, i + 1), "a bracket closes none", "remove it");
      if (c != ',' || depth > 0) continue;
      add_piece(part(list, begin, i), out);
      begin = i + 1;
    }
    if (depth > 0) refuse(list, "a bracket is not closed", "write ) where it ends");
  }

  void add_piece(const Span& span, Pieces& out) {
    const auto text = text_of(span);
    if (text.empty()) return refuse(span, "nothing stands before or after a comma", "remove the comma");
    const size_t times = find_word(text, "x");
    const Span what = part(span, 0, times == std::string_view::npos ? text.size() : times);
    const auto of_what = text_of(what);
    if (of_what.empty()) return refuse(span, "nothing stands before 'x'", kForms);
    if (of_what.front() == '(') return repeat(span, what, times, out);
    WrittenSeries::Piece piece = read_piece(what);
    if (times != std::string_view::npos) {
      const Span length = part(span, times + 1, text.size());
      if (piece.is == WrittenSeries::Is::ramp)
        return refuse(length, "a ramp has its length already", "remove 'x' and what follows it");
      piece.length = duration(length);
    }
    out.push_back(piece);
    if (out.size() > kMostPieces)
      refuse(span, fmt::format("more than {} pieces", kMostPieces), "repeat less often");
  }

  /// `(a, b) x 5`
  void repeat(const Span& span, const Span& what, size_t times, Pieces& out) {
    if (text_of(what).back() != ')') return refuse(what, "something follows the bracket", kForms);
    Pieces once;
    add(part(what, 1, text_of(what).size() - 1), once);
    uint64_t count = 1;
    if (times != std::string_view::npos) {
      const Span number = part(span, times + 1, text_of(span).size());
      const auto digits = text_of(number);
      const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), count);
      if (error != std::errc() || end != digits.data() + digits.size() || count == 0)
        return refuse(number, fmt::format("'{}' is not how often", digits),
                      "write a whole number: (a x 5 s, b x 5 s) x 10");
    }
    for (const auto& piece : once)
      if (piece.length.ns == 0 && count > 1)
        return refuse(what, "what is repeated has a piece without a length", "write x 60 s after it");
    if (once.size() * count > kMostPieces)
      return refuse(span, fmt::format("more than {} pieces", kMostPieces), "repeat less often");
    for (uint64_t i = 0; i < count; ++i) out.insert(out.end(), once.begin(), once.end());
  }

  WrittenSeries::Piece read_piece(const Span& span) {
    const auto text = text_of(span);
    if (text == "stale") return {WrittenSeries::Is::stale};
    if (text == "missing" && of_.of_samples) return {WrittenSeries::Is::missing};
    if (begins_with_word(text, "forced") && of_.of_samples) return read_forced(part(span, 7, text.size()));
    if (begins_with_word(text, "ramp")) return read_ramp(span);
    WrittenSeries::Piece piece;
    const size_t noise = find_word(text, "noise");
    if (noise != std::string_view::npos) {
      const Span deviation = part(span, noise + 5, text.size());
      if (!of_.unit || !of_.of_samples)
        refuse(deviation, "only numbers that devices report are noisy", "remove 'noise' and what follows it");
      else
        piece.noise = number(deviation, true);
      if (piece.noise < 0) refuse(deviation, "a deviation is not negative", "write it without the minus");
    }
    piece.from = value(part(span, 0, noise == std::string_view::npos ? text.size() : noise));
    return piece;
  }

  /// `forced 9 kW`, `forced ramp 3 kW to 9 kW over 30 s`
  WrittenSeries::Piece read_forced(const Span& span) {
    const auto text = text_of(span);
    if (text == "stale" || text == "missing" || begins_with_word(text, "forced"))
      refuse(span, "only a value is forced", "write forced 3 kW x 60 s");
    auto piece = read_piece(span);
    piece.forced = true;
    return piece;
  }

  /// `ramp 3 kW to 9 kW over 30 s`
  WrittenSeries::Piece read_ramp(const Span& span) {
    const auto text = text_of(span);
    const size_t to = find_word(text, "to"), over = find_word(text, "over");
    if (to == std::string_view::npos || over == std::string_view::npos || over < to || !of_.unit) {
      refuse(span, of_.unit ? "a ramp goes from one value to another" : "only numbers have ramps",
             of_.unit ? "write ramp 3 kW to 9 kW over 30 s" : "write the values one after another");
      return {};
    }
    WrittenSeries::Piece piece{WrittenSeries::Is::ramp};
    piece.from = value(part(span, 5, to));
    piece.to = value(part(span, to + 2, over));
    piece.length = duration(part(span, over + 4, text.size()));
    return piece;
  }

  double value(const Span& span) {
    const auto text = text_of(span);
    if (of_.words != nullptr) {
      const auto found = std::find(of_.words->begin(), of_.words->end(), text);
      if (found != of_.words->end()) return static_cast<double>(found - of_.words->begin());
      refuse(span, fmt::format("'{}' is not one of its words", text), "write one of " + joined(*of_.words));
      return 0;
    }
    if (of_.boolean) {
      if (text != "true" && text != "false")
        refuse(span, fmt::format("'{}' is neither true nor false", text), "write true x 60 s, false");
      return text == "true" ? 1 : 0;
    }
    return number(span, false);
  }

  double number(const Span& span, bool difference) {
    auto read = units_.quantity(span, of_.unit, difference);
    if (!read) {
      auto& first = read.error().front();
      if (first.hint.empty()) first.hint = kForms;
      refuse(first.span, first.message, first.hint);
      return 0;
    }
    auto wanted = of_.unit->type, got = read->unit.type;
    const bool bare = read->unit.text.empty();
    const bool fits =
        bare || (wanted.dimension == got.dimension && (difference || wanted.point == got.point));
    if (!fits)
      refuse(span, fmt::format("'{}' is of another kind than {}", text_of(span), of_.unit->text),
             fmt::format("write it in {}", of_.unit->text));
    return read->value;
  }

  Duration duration(const Span& span) {
    auto read = units_.duration(span);
    if (!read) {
      refuse(read.error().front().span, read.error().front().message, "write how long: x 60 s");
      return seconds(1);
    }
    if (read->ns <= 0) refuse(span, "a piece takes some time", "write how long: x 60 s");
    return *read;
  }

  const lang::Units& units_;
  const CourseOf& of_;
  Diagnostics problems_;
};

Result<WrittenSeries> WrittenSeries::read(const lang::Units& units, const Span& text, const CourseOf& of) {
  return SeriesReader(units, of).read(text);
}

const WrittenSeries::Piece& WrittenSeries::at(Time t) const {
  const auto after = std::upper_bound(pieces_.begin(), pieces_.end(), t,
                                      [](Time time, const Piece& piece) { return time < piece.begin; });
  return after == pieces_.begin() ? pieces_.front() : *(after - 1);
}

double WrittenSeries::value(const Piece& piece, Time t) {
  switch (piece.is) {
    case Is::value:
      return piece.from;
    case Is::ramp: {
      const double share = std::min(1.0, (t - piece.begin).seconds() / piece.length.seconds());
      return piece.from + (piece.to - piece.from) * share;
    }
    case Is::stale:
    case Is::missing:
      break;
  }
  return std::numeric_limits<double>::quiet_NaN();
}

}  // namespace looptwin::testbed
