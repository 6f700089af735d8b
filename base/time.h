// Time in looptwin: int64 nanoseconds. Time counts from the run's start, UnixTime from 1970; only a Clock
// converts. Both have now() deleted: what time it is is an argument, asked of nobody.
#pragma once

#include <compare>
#include <cstdint>
#include <limits>
#include <string>

namespace looptwin {

struct Duration {
  int64_t ns = 0;
  constexpr auto operator<=>(const Duration&) const = default;
  constexpr double seconds() const { return static_cast<double>(ns) / 1e9; }
  constexpr Duration operator-() const { return {-ns}; }
  friend constexpr Duration operator+(Duration a, Duration b) { return {a.ns + b.ns}; }
  friend constexpr Duration operator-(Duration a, Duration b) { return {a.ns - b.ns}; }
  friend constexpr Duration operator*(Duration a, int64_t k) { return {a.ns * k}; }
  friend constexpr int64_t operator/(Duration a, Duration b) { return a.ns / b.ns; }
};

constexpr Duration nanoseconds(int64_t n) { return {n}; }
constexpr Duration microseconds(int64_t n) { return {n * 1'000}; }
constexpr Duration milliseconds(int64_t n) { return {n * 1'000'000}; }
constexpr Duration seconds(int64_t n) { return {n * 1'000'000'000}; }
constexpr Duration minutes(int64_t n) { return seconds(n * 60); }
constexpr Duration hours(int64_t n) { return seconds(n * 3600); }
constexpr Duration days(int64_t n) { return hours(n * 24); }

/// Since the run's start.
struct Time {
  int64_t ns = 0;
  static Time now() = delete;
  constexpr auto operator<=>(const Time&) const = default;
  constexpr double seconds() const { return static_cast<double>(ns) / 1e9; }
  friend constexpr Time operator+(Time t, Duration d) { return {t.ns + d.ns}; }
  friend constexpr Time operator-(Time t, Duration d) { return {t.ns - d.ns}; }
  friend constexpr Duration operator-(Time a, Time b) { return {a.ns - b.ns}; }
};
inline constexpr Time kStart{0};
inline constexpr Time kNever{std::numeric_limits<int64_t>::max()};
inline constexpr Time kLongAgo{std::numeric_limits<int64_t>::min() / 2};

/// Since 1970-01-01T00:00:00Z, without leap seconds.
struct UnixTime {
  int64_t ns = 0;
  static UnixTime now() = delete;
  constexpr auto operator<=>(const UnixTime&) const = default;
  friend constexpr UnixTime operator+(UnixTime t, Duration d) { return {t.ns + d.ns}; }
  friend constexpr Duration operator-(UnixTime a, UnixTime b) { return {a.ns - b.ns}; }
};

/// The last instant of a grid {k·period} at or before t; period > 0. Works for negative times as well.
constexpr Time floor_to(Time t, Duration period) {
  const int64_t r = t.ns % period.ns;
  return {t.ns - (r < 0 ? r + period.ns : r)};
}
/// The first instant of the grid at or after t.
constexpr Time ceil_to(Time t, Duration period) {
  const Time f = floor_to(t, period);
  return f == t ? t : f + period;
}

/// "14:03:20.500" of a Time ("1d 02:00:00" past a day), "90 s", "1h 30min" of a Duration.
std::string to_string(Time t);
std::string to_string(Duration d);
/// ISO 8601 in UTC, "2019-07-15T07:00:00Z", with as many decimals as are not zero.
std::string to_string(UnixTime t);

}  // namespace looptwin
