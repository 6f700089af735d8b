#include "testbed/attribution.h"

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include "hil/steady_time.h"

namespace looptwin::testbed {
namespace {

constexpr int64_t kMillisecond = 1'000'000;  // ns

/// To the millisecond, in which changes are kept: instants below each other are of the same length.
std::string instant(UnixTime at) {
  constexpr int64_t kSecond = 1000 * kMillisecond;
  const int64_t past = (at.ns % kSecond + kSecond) % kSecond;
  const std::string second = to_string(UnixTime{at.ns - past});
  return fmt::format("{}.{:03}Z", second.substr(0, second.size() - 1), past / kMillisecond);
}

}  // namespace

twin::Author author_of(const std::string& by) {
  std::string name = by;
  if (name.empty())
    if (const auto* user = ::getpwuid(::geteuid())) name = user->pw_name;
  if (name.empty()) name = fmt::format("uid {}", ::geteuid());
  return {std::move(name), UnixTime{hil::civil_time().ns / kMillisecond * kMillisecond}};
}

std::string history_text(const std::vector<twin::DeviceChange>& changes) {
  std::string text =
      fmt::format("{:>7}  {:<24} {:<12} {:<20} {}\n", "version", "at (UTC)", "by", "what", "before -> after");
  for (const auto& c : changes)
    text += fmt::format("{:>7}  {:<24} {:<12} {:<20} {} -> {}\n", c.version, instant(c.at), c.by, c.key,
                        c.before.value_or("(none)"), c.after.value_or("(none)"));
  return text;
}

}  // namespace looptwin::testbed
