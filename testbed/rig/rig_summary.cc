#include "testbed/rig/rig_summary.h"

#include <fmt/format.h>

#include "base/text.h"
#include "testbed/summary.h"

namespace looptwin::testbed {

void print_rig(const hil::RigTransport& transport, const hil::MqttLink& link, const hil::PacedClock& clock,
               const IncidentLog& incidents) {
  const auto& taken = transport.counters();
  const auto number = [](uint64_t n) { return grouped(static_cast<long long>(n)); };
  print_row("devices there", number(transport.online()));
  print_row(
      "mqtt",
      fmt::format("{} messages in, {} out; {} not understood ({} malformed, {} of a wrong type, {} of "
                  "nobody), {} of devices that are not admitted, {} without room, {} orders without a topic",
                  number(link.counters().received), number(link.counters().sent),
                  number(taken.malformed + taken.wrong_types + taken.unknown), number(taken.malformed),
                  number(taken.wrong_types), number(taken.unknown), number(taken.not_admitted),
                  number(link.counters().dropped_in + link.counters().shed + taken.unsent),
                  number(taken.unaddressed)));
  const auto& sent = link.counters();
  if (taken.resent + sent.unheard + sent.refused != 0)
    print_row("", fmt::format("{} came twice; of those out nobody heard {}, and the broker refused {}",
                              number(taken.resent), number(sent.unheard), number(sent.refused)));
  if (transport.lost() + taken.early != 0)
    print_row("", fmt::format("{} that devices kept no more before they came; {} too early, and kept",
                              number(transport.lost()), number(taken.early)));
  if (const auto text = incidents.text(); !text.empty()) print_row("incidents", text);
  for (const auto& convention : transport.conventions()) {
    std::vector<std::string> counted;
    for (const auto& [what, n] : convention->counters())
      if (n != 0) counted.push_back(fmt::format("{} {}", number(n), what));
    if (!counted.empty()) print_row(convention->name(), joined(counted));
  }
  const auto& pace = clock.counters();
  print_row("pace", fmt::format("{} boundaries, {} late, {} skipped; the latest by {}", number(pace.run),
                                number(pace.late), number(pace.skipped), to_string(pace.worst)));
}

void print_broker(uint64_t restarts, const hil::BrokerRegistry* registry) {
  const auto number = [](uint64_t n) { return grouped(static_cast<long long>(n)); };
  if (restarts != 0) print_row("broker", number(restarts) + (restarts == 1 ? " restart" : " restarts"));
  if (registry == nullptr || registry->failures() == 0) return;
  const auto behind = registry->behind();
  print_row(
      "registry",
      fmt::format("{} {} the broker could not be told of changes; {}", number(registry->failures()),
                  registry->failures() == 1 ? "time" : "times",
                  behind.empty() ? "it knows of all now" : "it does not know of the newest: " + behind));
}

}  // namespace looptwin::testbed
