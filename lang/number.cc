#include "lang/number.h"

#include <fmt/format.h>
#include <algorithm>
#include <charconv>
#include <cmath>

namespace looptwin::lang {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

size_t digits_at(std::string_view text, size_t at) {
  size_t n = 0;
  while (at + n < text.size() && is_digit(text[at + n])) ++n;
  return n;
}

}  // namespace

NumberText read_number(std::string_view text) {
  NumberText number;
  const auto refuse = [&](size_t length, std::string error, std::string hint) {
    number.length = length;
    number.error = std::move(error);
    number.hint = std::move(hint);
    return number;
  };
  const size_t whole = digits_at(text, 0);
  if (whole == 0) {
    const size_t decimals = text.starts_with('.') ? digits_at(text, 1) : 0;
    if (decimals == 0) return number;
    const auto written = text.substr(0, decimals + 1);
    return refuse(written.size(), fmt::format("'{}' needs a digit before the point", written),
                  fmt::format("write 0{}", written));
  }
  size_t end = whole;
  if (end < text.size() && text[end] == '.') {
    const size_t decimals = digits_at(text, end + 1);
    if (decimals > 0) {
      end += 1 + decimals;
    } else if (end + 1 >= text.size() || text[end + 1] == ' ') {
      return refuse(end + 1, fmt::format("'{}' needs a digit after the point", text.substr(0, end + 1)),
                    fmt::format("write {0}.0 or {0}", text.substr(0, end)));
    }
  }
  if (end < text.size() && (text[end] == 'e' || text[end] == 'E')) {
    const size_t sign = end + 1 < text.size() && (text[end + 1] == '+' || text[end + 1] == '-') ? 1 : 0;
    if (const size_t exponent = digits_at(text, end + 1 + sign)) end += 1 + sign + exponent;
  }
  if (whole > 1 && text[0] == '0') {
    const size_t first = std::min(text.find_first_not_of('0'), whole - 1);
    return refuse(
        end, fmt::format("'{}' has leading zeroes, which other tools read as octal", text.substr(0, end)),
        fmt::format("write {}", text.substr(first, end - first)));
  }
  if (end < text.size() && text[end] == '_' && digits_at(text, end + 1))
    return refuse(end + 1 + digits_at(text, end + 1), "a number has no separators",
                  "write the digits alone, or 1e6");
  if (end < text.size() && text[end] == ':' && digits_at(text, end + 1))
    return refuse(end + 1 + digits_at(text, end + 1), "a number has no ':'",
                  "write a span of time as 90 min, a time of day in quotes");
  number.length = end;
  // A value out of range is set to infinity or zero by the library; neither may pass silently for the number
  // written.
  const auto result = std::from_chars(text.data(), text.data() + end, number.value);
  if (result.ec != std::errc())
    return refuse(end, fmt::format("'{}' is out of range", text.substr(0, end)), "");
  return number;
}

size_t unit_gap(std::string_view after_number) {
  const size_t blanks = std::min(after_number.find_first_not_of(" \t\r\n"), after_number.size());
  if (after_number.substr(0, blanks).find('\n') != std::string_view::npos) return blanks;
  return after_number.starts_with(' ') ? 1 : 0;
}

Result<Duration> whole_duration(double seconds, const Span& at) {
  constexpr double kLongest = 9.2e9;  // 292 years
  if (!(seconds >= 0)) return failure(at, "a time cannot be negative here", "write 0 s or more");
  if (seconds > kLongest)
    return failure(at, "a time of more than 290 years does not fit", "write a shorter time");
  const auto whole = std::floor(seconds);
  const double fraction = (seconds - whole) * 1e9;
  const double rounded = std::nearbyint(fraction);
  // 0.1 ms is not a binary number: what is within the rounding of a double is meant to be whole.
  if (std::abs(fraction - rounded) > 1e-3 + seconds * 1e-6)
    return failure(at, "a time must be a whole number of nanoseconds", "write a multiple of 1 ns");
  return Duration{static_cast<int64_t>(whole) * 1'000'000'000 + static_cast<int64_t>(rounded)};
}

}  // namespace looptwin::lang
