// Civil dates and times: the proleptic Gregorian calendar and ISO 8601 texts. Which instant a local time is,
// is a timezone's matter (base/timezone.h).
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace looptwin {

struct Civil {
  int year = 1970;
  int month = 1;  ///< 1 to 12
  int day = 1;    ///< 1 to 31
  int hour = 0;   ///< 0 to 23
  int minute = 0;
  int second = 0;  ///< 0 to 59
  int64_t ns = 0;  ///< 0 to 999 999 999
  auto operator<=>(const Civil&) const = default;
};

/// Days since 1970-01-01 of a date, and back.
int64_t day_number(int year, int month, int day);
Civil civil_from_days(int64_t days);
bool is_leap(int year);
int days_in_month(int year, int month);

/// Monday is 1, Sunday 7 (ISO 8601).
int weekday(const Civil& date);
/// 1 January is 1.
int day_of_year(const Civil& date);

/// The fields of an instant in UTC, and back.
Civil utc_fields(UnixTime t);
UnixTime from_utc_fields(const Civil& c);

/// What an ISO 8601 text says: local fields and, if it ends in Z or +hh:mm, the offset from UTC in seconds.
struct IsoTime {
  Civil local;
  std::optional<int> offset;
};
/// "2019-07-15", "2019-07-15T14:00", "2019-07-15 14:00:30.25", each with or without "Z", "+02", "-07:00".
/// "24:00" is the next day's midnight. Empty when the text is nothing of that, or names a day or time that
/// does not exist.
std::optional<IsoTime> parse_iso(std::string_view text);

/// "2019-07-15T14:00:30.25", and with an offset "2019-07-15T14:00:30-07:00" ("Z" for 0).
std::string to_iso(const Civil& c, std::optional<int> offset = {});

}  // namespace looptwin
