#include "base/time.h"

#include <fmt/format.h>

#include "base/civil.h"

namespace looptwin {
namespace {

/// ".25" of 250 ms; empty for whole seconds.
std::string fraction(int64_t ns) {
  if (ns == 0) return {};
  std::string digits = fmt::format(".{:09d}", ns);
  digits.erase(digits.find_last_not_of('0') + 1);
  return digits;
}

}  // namespace

std::string to_string(Time t) {
  const bool negative = t.ns < 0;
  const uint64_t ns = negative ? 0 - static_cast<uint64_t>(t.ns) : static_cast<uint64_t>(t.ns);
  const uint64_t s = ns / 1'000'000'000;
  std::string out = negative ? "-" : "";
  if (s >= 86400) out += fmt::format("{}d ", s / 86400);
  return out + fmt::format("{:02d}:{:02d}:{:02d}{}", s / 3600 % 24, s / 60 % 60, s % 60,
                           fraction(static_cast<int64_t>(ns % 1'000'000'000)));
}

std::string to_string(Duration d) {
  if (d.ns < 0) return "-" + to_string(-d);
  if (d.ns == 0) return "0 s";
  if (d.ns < 1'000) return fmt::format("{} ns", d.ns);
  if (d.ns < 1'000'000) return fmt::format("{:g} us", static_cast<double>(d.ns) / 1e3);
  if (d.ns < 1'000'000'000) return fmt::format("{:g} ms", static_cast<double>(d.ns) / 1e6);
  const int64_t s = d.ns / 1'000'000'000;
  std::string out;
  const auto part = [&](int64_t n, const char* unit) {
    if (n != 0) out += fmt::format("{}{}{}", out.empty() ? "" : " ", n, unit);
  };
  part(s / 86400, " d");
  part(s / 3600 % 24, " h");
  part(s / 60 % 60, " min");
  const std::string rest = fraction(d.ns % 1'000'000'000);
  if (s % 60 != 0 || !rest.empty()) out += fmt::format("{}{}{} s", out.empty() ? "" : " ", s % 60, rest);
  return out;
}

std::string to_string(UnixTime t) { return to_iso(utc_fields(t), 0); }

}  // namespace looptwin
