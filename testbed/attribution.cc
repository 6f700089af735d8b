#include "testbed/attribution.h"

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include "hil/steady_time.h"

namespace looptwin::testbed {

twin::Author author_of(const std::string& by) {
  std::string name = by;
  if (name.empty())
    if (const auto* user = ::getpwuid(::geteuid())) name = user->pw_name;
  if (name.empty()) name = fmt::format("uid {}", ::geteuid());
  constexpr int64_t kMillisecond = 1'000'000;  // ns
  return {std::move(name), UnixTime{hil::civil_time().ns / kMillisecond * kMillisecond}};
}

std::string history_text(const std::vector<twin::DeviceChange>& changes) {
  std::string text =
      fmt::format("{:>7}  {:<24} {:<12} {:<20} {}\n", "version", "at (UTC)", "by", "what", "before -> after");
  for (const auto& c : changes)
    text += fmt::format("{:>7}  {:<24} {:<12} {:<20} {} -> {}\n", c.version, to_string(c.at), c.by, c.key,
                        c.before.value_or("(none)"), c.after.value_or("(none)"));
  return text;
}

}  // namespace looptwin::testbed
