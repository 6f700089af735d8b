#include "base/civil.h"

#include <fmt/format.h>

#include "base/text_reader.h"

namespace looptwin {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

constexpr int64_t floor_divide(int64_t a, int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

/// The decimals after a point, as nanoseconds; at least one, those past the ninth are dropped.
int64_t read_fraction(TextReader& r) {
  if (!r.digit_next()) r.ok = false;
  int64_t ns = 0;
  for (int64_t unit = kSecond / 10; r.ok && r.digit_next(); unit /= 10) ns += unit * r.digits(1, 1);
  return ns;
}

std::optional<int> read_offset(TextReader& r) {
  if (r.take('Z') || r.take('z')) return 0;
  const bool plus = r.take('+');
  if (!plus && !r.take('-')) return std::nullopt;
  const int hours = r.digits(2, 2);
  const int minutes = r.take(':') || r.digit_next() ? r.digits(2, 2) : 0;
  if (hours > 15 || minutes > 59) r.ok = false;
  return (plus ? 1 : -1) * (hours * 3600 + minutes * 60);
}

}  // namespace

bool is_leap(int year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

int days_in_month(int year, int month) {
  static constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && is_leap(year) ? 29 : kDays[month - 1];
}

// Years are counted from 1 March, so that the leap day comes last and the months' lengths follow one line, in
// eras of 400 years (146 097 days).
int64_t day_number(int year, int month, int day) {
  const int64_t y = year - (month <= 2 ? 1 : 0);
  const int64_t era = floor_divide(y, 400), year_of_era = y - era * 400;
  const int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

Civil civil_from_days(int64_t days) {
  const int64_t z = days + 719468;
  const int64_t era = floor_divide(z, 146097), day_of_era = z - era * 146097;
  const int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const int64_t from_march = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t shifted = (5 * from_march + 2) / 153;
  Civil c;
  c.day = static_cast<int>(from_march - (153 * shifted + 2) / 5 + 1);
  c.month = static_cast<int>(shifted < 10 ? shifted + 3 : shifted - 9);
  c.year = static_cast<int>(year_of_era + era * 400 + (c.month <= 2 ? 1 : 0));
  return c;
}

int weekday(const Civil& date) {
  const int64_t days = day_number(date.year, date.month, date.day);
  return static_cast<int>(((days + 3) % 7 + 7) % 7) + 1;  // 1970-01-01 was a Thursday
}

int day_of_year(const Civil& date) {
  return static_cast<int>(day_number(date.year, date.month, date.day) - day_number(date.year, 1, 1)) + 1;
}

Civil utc_fields(UnixTime t) {
  const int64_t day = floor_divide(t.ns, 86400 * kSecond);
  const int64_t in_day = t.ns - day * 86400 * kSecond;
  Civil c = civil_from_days(day);
  const int64_t s = in_day / kSecond;
  c.hour = static_cast<int>(s / 3600);
  c.minute = static_cast<int>(s / 60 % 60);
  c.second = static_cast<int>(s % 60);
  c.ns = in_day % kSecond;
  return c;
}

UnixTime from_utc_fields(const Civil& c) {
  const int64_t s = day_number(c.year, c.month, c.day) * 86400 + c.hour * 3600 + c.minute * 60 + c.second;
  return {s * kSecond + c.ns};
}

std::optional<IsoTime> parse_iso(std::string_view text) {
  TextReader r{text};
  IsoTime t;
  Civil& c = t.local;
  c.year = r.digits(4, 4);
  r.expect('-');
  c.month = r.digits(2, 2);
  r.expect('-');
  c.day = r.digits(2, 2);
  if (r.ok && (r.take('T') || r.take(' '))) {
    c.hour = r.digits(2, 2);
    r.expect(':');
    c.minute = r.digits(2, 2);
    if (r.ok && r.take(':')) {
      c.second = r.digits(2, 2);
      if (r.ok && r.take('.')) c.ns = read_fraction(r);
    }
    if (r.ok) t.offset = read_offset(r);
  }
  // 1700 to 2200 is what nanoseconds in 64 bits hold.
  const bool day_exists = r.ok && r.text.empty() && c.year >= 1700 && c.year <= 2200 && c.month >= 1 &&
                          c.month <= 12 && c.day >= 1 && c.day <= days_in_month(c.year, c.month);
  if (!day_exists) return std::nullopt;
  if (c.hour == 24 && c.minute == 0 && c.second == 0 && c.ns == 0) {
    c = civil_from_days(day_number(c.year, c.month, c.day) + 1);
  } else if (c.hour > 23 || c.minute > 59 || c.second > 59) {
    return std::nullopt;
  }
  return t;
}

std::string to_iso(const Civil& c, std::optional<int> offset) {
  std::string out = fmt::format("{:04d}-{:02d}-{:02d}T{:02d}:{:02d}:{:02d}", c.year, c.month, c.day, c.hour,
                                c.minute, c.second);
  if (c.ns != 0) {
    out += fmt::format(".{:09d}", c.ns);
    out.erase(out.find_last_not_of('0') + 1);
  }
  if (!offset) return out;
  if (*offset == 0) return out + "Z";
  const int minutes = (*offset < 0 ? -*offset : *offset) / 60;
  return out + fmt::format("{}{:02d}:{:02d}", *offset < 0 ? '-' : '+', minutes / 60, minutes % 60);
}

}  // namespace looptwin
