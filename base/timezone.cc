#include "base/timezone.h"

#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "base/check.h"
#include "base/text.h"
#include "base/text_reader.h"

namespace looptwin {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

struct Period {
  int offset = 0;  ///< seconds east of UTC
  std::string abbreviation;
};

/// When in a year a POSIX rule changes: Mm.w.d, Jn or n, and a time of day that may be negative or past 24 h.
struct Change {
  char form = 'M';
  int month = 1, week = 1, day = 0;
  int seconds = 7200;

  /// Seconds since 1970 of the change's local midnight plus its time, in the offset that is left.
  int64_t local_seconds(int year) const {
    int64_t days = day_number(year, 1, 1);
    if (form == 'J') {
      days += day - 1 + (is_leap(year) && day >= 60 ? 1 : 0);  // 29 February is never counted
    } else if (form == '0') {
      days += day;
    } else {
      const int64_t first = day_number(year, month, 1);
      const int first_weekday = weekday(civil_from_days(first)) % 7;  // Sunday is 0 in POSIX
      int in_month = (day - first_weekday + 7) % 7 + (week - 1) * 7;
      if (in_month >= days_in_month(year, month)) in_month -= 7;  // week 5 is the last
      days = first + in_month;
    }
    return days * 86400 + seconds;
  }
};

/// "MST7" or "CET-1CEST,M3.5.0,M10.5.0/3": what holds after the table's last transition.
struct PosixRule {
  Period standard, summer;
  bool has_summer = false;
  Change to_summer, to_standard;

  const Period& at(int64_t t) const {
    if (!has_summer) return standard;
    const int year = utc_fields({(t + standard.offset) * kSecond}).year;
    const Period* now = &standard;
    int64_t latest = INT64_MIN;
    const auto consider = [&](int64_t instant, const Period& after) {
      if (instant <= t && instant >= latest) latest = instant, now = &after;
    };
    for (int y = year - 1; y <= year + 1; ++y) {
      consider(to_summer.local_seconds(y) - standard.offset, summer);
      consider(to_standard.local_seconds(y) - summer.offset, standard);
    }
    return *now;
  }
};

/// Reads a POSIX TZ string; ok turns false at the first thing that does not fit.
struct PosixReader : TextReader {
  int number() { return digits(1, 4); }
  std::string name() {
    const bool quoted = take('<');
    size_t n = 0;
    const auto letter = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); };
    while (n < text.size() && (quoted ? text[n] != '>' : letter(text[n]))) ++n;
    const std::string found(text.substr(0, n));
    text.remove_prefix(n);
    if (found.empty() || (quoted && !take('>'))) ok = false;
    return found;
  }
  int time() {
    const bool negative = take('-');
    if (!negative) take('+');
    int s = number() * 3600;
    if (take(':')) s += number() * 60;
    if (take(':')) s += number();
    return negative ? -s : s;
  }
  Change change() {
    Change c;
    if (take('M')) {
      c.month = number();
      expect('.');
      c.week = number();
      expect('.');
      c.day = number();
      ok = ok && c.month >= 1 && c.month <= 12 && c.week >= 1 && c.week <= 5 && c.day <= 6;
    } else {
      c.form = take('J') ? 'J' : '0';
      c.day = number();
    }
    if (take('/')) c.seconds = time();
    return c;
  }
  PosixRule rule() {
    PosixRule r;
    r.standard.abbreviation = name();
    r.standard.offset = -time();
    if (text.empty() || !ok) return r;
    r.has_summer = true;
    r.summer.abbreviation = name();
    r.summer.offset = text.empty() || text[0] == ',' ? r.standard.offset + 3600 : -time();
    expect(',');
    r.to_summer = change();
    expect(',');
    r.to_standard = change();
    ok = ok && text.empty();
    return r;
  }
};

/// Big-endian integers of a TZif file.
struct Bytes {
  std::string_view data;
  bool ok = true;

  uint64_t big_endian(size_t n) {
    uint64_t value = 0;
    const std::string_view part = skip(n);
    for (const char c : part) value = value << 8 | static_cast<unsigned char>(c);
    return value;
  }
  std::string_view skip(size_t n) {
    if (n > data.size()) {
      ok = false;
      data = {};
      return {};
    }
    const std::string_view part = data.substr(0, n);
    data.remove_prefix(n);
    return part;
  }
};

struct Header {
  char version = 0;
  uint64_t utc_flags = 0, standard_flags = 0, leaps = 0, times = 0, types = 0, letters = 0;
  size_t size(size_t time_size) const {
    return times * (time_size + 1) + types * 6 + letters + leaps * (time_size + 4) + standard_flags +
           utc_flags;
  }
};

Header read_header(Bytes& b) {
  Header h;
  if (b.skip(4) != "TZif") b.ok = false;
  const auto version = b.skip(1);
  h.version = version.empty() ? '\0' : version[0];
  b.skip(15);
  for (uint64_t* count : {&h.utc_flags, &h.standard_flags, &h.leaps, &h.times, &h.types, &h.letters})
    *count = b.big_endian(4);
  return h;
}

std::string directory() {
  const char* given = std::getenv("ZONEINFO");
  return given != nullptr && *given != '\0' ? given : "/usr/share/zoneinfo";
}

std::vector<std::string> known_names() {
  std::vector<std::string> names;
  std::error_code error;
  const std::filesystem::path root = directory();
  for (auto it = std::filesystem::recursive_directory_iterator(root, error);
       !error && it != std::filesystem::end(it); it.increment(error)) {
    const auto name = it->path().lexically_relative(root).string();
    if (name == "posix" || name == "right") it.disable_recursion_pending();
    if (it->is_regular_file(error) && !name.empty() && name[0] >= 'A' && name[0] <= 'Z')
      names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

struct Timezone::Rules {
  std::string name;
  std::vector<int64_t> transitions;  ///< seconds since 1970, rising
  std::vector<uint8_t> types;        ///< after each transition
  std::vector<Period> periods;       ///< periods[0] holds before the first transition
  PosixRule posix;
  bool has_posix = false;

  const Period& at(UnixTime time) const {
    const int64_t t = time.ns / kSecond - (time.ns % kSecond < 0 ? 1 : 0);
    if (transitions.empty() || t < transitions.front())
      return transitions.empty() && has_posix ? posix.at(t) : periods.front();
    if (t >= transitions.back() && has_posix) return posix.at(t);
    const auto next = std::upper_bound(transitions.begin(), transitions.end(), t);
    return periods[types[static_cast<size_t>(next - transitions.begin()) - 1]];
  }
};

Result<Timezone> Timezone::load(std::string_view name) {
  const std::string text(name);
  const bool plausible =
      !name.empty() && name.front() != '/' && name.find("..") == std::string_view::npos && name.back() != '/';
  std::error_code error;
  const std::filesystem::path path = std::filesystem::path(directory()) / text;
  if (!plausible || !std::filesystem::is_regular_file(path, error)) {
    auto hint = did_you_mean(name, known_names());
    return failure(fmt::format("there is no timezone '{}' in {}", name, directory()),
                   hint.empty() ? "write an IANA name as 'America/Phoenix' or 'UTC'" : hint);
  }
  std::ifstream file(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  return from_bytes(text, bytes);
}

Result<Timezone> Timezone::from_bytes(std::string name, std::string_view data) {
  const auto broken = [&](const char* what) {
    return failure(fmt::format("the timezone file of '{}' {}", name, what),
                   "install the package tzdata anew");
  };
  Bytes b{data};
  const Header first = read_header(b);
  if (!b.ok) return broken("is not a TZif file");
  if (first.version < '2') return broken("has version 1, which ends in 2037");
  b.skip(first.size(4));
  const Header h = read_header(b);
  if (!b.ok || h.types == 0 || h.size(8) > b.data.size()) return broken("ends early");

  auto rules = std::make_shared<Rules>();
  rules->name = std::move(name);
  for (uint64_t i = 0; i < h.times; ++i) rules->transitions.push_back(static_cast<int64_t>(b.big_endian(8)));
  for (uint64_t i = 0; i < h.times; ++i) rules->types.push_back(static_cast<uint8_t>(b.big_endian(1)));
  std::vector<size_t> letters;
  for (uint64_t i = 0; i < h.types; ++i) {
    Period p;
    p.offset = static_cast<int32_t>(b.big_endian(4));
    b.skip(1);
    letters.push_back(b.big_endian(1));
    rules->periods.push_back(p);
  }
  const std::string_view names = b.skip(h.letters);
  for (size_t i = 0; i < letters.size(); ++i) {
    if (letters[i] >= names.size()) return broken("names no abbreviation");
    const auto rest = names.substr(letters[i]);
    rules->periods[i].abbreviation = std::string(rest.substr(0, rest.find('\0')));
  }
  for (const uint8_t type : rules->types) {
    if (type >= rules->periods.size()) return broken("refers to a period that it does not have");
  }
  if (!std::is_sorted(rules->transitions.begin(), rules->transitions.end()))
    return broken("has transitions out of order");
  b.skip(h.leaps * 12 + h.standard_flags + h.utc_flags);
  if (!b.ok || b.skip(1) != "\n") return broken("has no footer");
  if (const auto footer = b.data.substr(0, b.data.find('\n')); !footer.empty()) {
    PosixReader reader{{footer}};
    rules->posix = reader.rule();
    rules->has_posix = true;
    if (!reader.ok) return broken("has a footer that is no POSIX rule");
  }
  return Timezone(std::move(rules));
}

Timezone Timezone::fixed(int offset_s) {
  auto rules = std::make_shared<Rules>();
  const int minutes = std::abs(offset_s) / 60;
  rules->name = offset_s == 0
                    ? "UTC"
                    : fmt::format("UTC{}{:02d}:{:02d}", offset_s < 0 ? '-' : '+', minutes / 60, minutes % 60);
  rules->periods.push_back({offset_s, rules->name});
  return Timezone(std::move(rules));
}

const std::string& Timezone::name() const { return rules_->name; }
int Timezone::offset_at(UnixTime t) const { return rules_->at(t).offset; }
std::string Timezone::abbreviation_at(UnixTime t) const { return rules_->at(t).abbreviation; }
Civil Timezone::to_local(UnixTime t) const { return utc_fields(t + seconds(offset_at(t))); }

// A local time's offset is one of those in force a day before and a day after it; each is right if it holds
// at the instant that it leads to.
Timezone::Instants Timezone::instants(const Civil& local) const {
  const UnixTime read = from_utc_fields(local);
  const int before = offset_at(read + days(-1)), after = offset_at(read + days(1));
  const UnixTime first = read + seconds(-before), second = read + seconds(-after);
  const bool first_holds = offset_at(first) == before, second_holds = offset_at(second) == after;
  if (before == after && first_holds) return {Kind::unique, first, first};
  if (first_holds && second_holds) return {Kind::fold, std::min(first, second), std::max(first, second)};
  if (first_holds) return {Kind::unique, first, first};
  if (second_holds) return {Kind::unique, second, second};
  return {Kind::gap, std::min(first, second), std::max(first, second)};
}

UnixTime Timezone::to_utc(const Civil& local) const {
  const Instants i = instants(local);
  return i.kind == Kind::gap ? i.later : i.earlier;
}

UnixTime Timezone::to_utc(const IsoTime& t) const {
  return t.offset ? from_utc_fields(t.local) + seconds(-*t.offset) : to_utc(t.local);
}

std::string Timezone::format(UnixTime t) const { return to_iso(to_local(t), offset_at(t)); }

}  // namespace looptwin
