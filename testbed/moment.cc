#include "testbed/moment.h"

#include <cmath>
#include <cstdio>
#include <optional>

#include "testbed/reading/values.h"

namespace looptwin::testbed {
namespace {

/// As to_string(Time) writes it.
std::optional<Time> as_printed(const std::string& text) {
  const char* rest = text.c_str();
  long day = 0, hour = 0, minute = 0;
  double second = 0;
  int read = 0;
  if (std::sscanf(rest, "%ldd %n", &day, &read) == 1 && read > 0)
    rest += read;
  else
    day = 0;
  const bool whole =
      std::sscanf(rest, "%2ld:%2ld:%lf%n", &hour, &minute, &second, &read) == 3 && rest[read] == '\0';
  if (!whole || day < 0 || day > 36500 || hour < 0 || minute < 0 || second < 0) return std::nullopt;
  return kStart + days(day) + hours(hour) + minutes(minute) + Duration{std::llround(second * 1e9)};
}

}  // namespace

Result<Time> moment_of(const std::string& option, const std::string& text) {
  if (const auto printed = as_printed(text)) return *printed;
  Diagnostics problems;
  const lang::Units units;
  const auto source = std::make_shared<const Source>(Source{option, text});
  const auto parsed = yaml::parse(source, problems);
  Reader reader{units, problems};
  if (problems.empty())
    if (const auto since_start = duration().read(reader, parsed.root)) return kStart + *since_start;
  return tl::make_unexpected(std::move(problems));
}

}  // namespace looptwin::testbed
