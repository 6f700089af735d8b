#include "testbed/rig/rig_summary.h"

#include <fmt/format.h>

#include "base/json_tree.h"
#include "base/text.h"
#include "testbed/summary.h"

namespace looptwin::testbed {
namespace {

std::string number(uint64_t n) { return grouped(static_cast<long long>(n)); }

/// What is too long is refused before anybody could read it.
uint64_t malformed(const RigSeen& seen) {
  return seen.transport.counters().malformed + seen.link.counters().too_long;
}

void print_messages(const RigSeen& seen) {
  const auto& taken = seen.transport.counters();
  const auto link = seen.link.counters();
  print_row(
      "mqtt",
      fmt::format("{} messages in, {} out; {} not understood ({} malformed, {} of a wrong type, {} of "
                  "nobody), {} of devices that are not admitted, {} without room, {} orders without a topic",
                  number(link.received), number(link.sent),
                  number(malformed(seen) + taken.wrong_types + taken.unknown), number(malformed(seen)),
                  number(taken.wrong_types), number(taken.unknown), number(taken.not_admitted),
                  number(link.dropped_in + link.shed + taken.unsent), number(taken.unaddressed)));
  if (taken.resent + link.unheard + link.refused != 0)
    print_row("", fmt::format("{} came twice; of those out nobody heard {}, and the broker refused {}",
                              number(taken.resent), number(link.unheard), number(link.refused)));
  if (seen.transport.lost() + taken.early != 0)
    print_row("", fmt::format("{} that devices kept no more before they came; {} too early, and kept",
                              number(seen.transport.lost()), number(taken.early)));
}

/// Where there is anything to say of it.
void print_broker(const RigSeen& seen) {
  if (seen.restarts != 0)
    print_row("broker", number(seen.restarts) + (seen.restarts == 1 ? " restart" : " restarts"));
  if (seen.registry == nullptr || seen.registry->failures() == 0) return;
  const auto behind = seen.registry->behind();
  print_row(
      "registry",
      fmt::format("{} {} the broker could not be told of changes; {}", number(seen.registry->failures()),
                  seen.registry->failures() == 1 ? "time" : "times",
                  behind.empty() ? "it knows of all now" : "it does not know of the newest: " + behind));
}

}  // namespace

void print_rig(const RigSeen& seen, const hil::PacedClock& clock) {
  print_row("devices there", number(seen.transport.online()));
  print_messages(seen);
  print_broker(seen);
  if (const auto text = seen.incidents.text(); !text.empty()) print_row("incidents", text);
  for (const auto& convention : seen.transport.conventions()) {
    std::vector<std::string> counted;
    for (const auto& [what, n] : convention->counters())
      if (n != 0) counted.push_back(fmt::format("{} {}", number(n), what));
    if (!counted.empty()) print_row(convention->name(), joined(counted));
  }
  const auto& pace = clock.counters();
  print_row("pace", fmt::format("{} boundaries, {} late, {} skipped; the latest by {}", number(pace.run),
                                number(pace.late), number(pace.skipped), to_string(pace.worst)));
}

std::string with_seen(const std::string& status, const RigSeen& seen) {
  auto json = load_json<OrderedJson>(status);
  auto& rig = json["rig"];
  const auto& taken = seen.transport.counters();
  const auto link = seen.link.counters();
  rig["mqtt"] = {{"received", link.received},
                 {"sent", link.sent},
                 {"malformed", malformed(seen)},
                 {"too_long", link.too_long},
                 {"wrong_type", taken.wrong_types},
                 {"unknown", taken.unknown},
                 {"not_admitted", taken.not_admitted},
                 {"without_room", link.dropped_in + link.shed + taken.unsent},
                 {"shed", link.shed},
                 {"came_twice", taken.resent},
                 {"too_early", taken.early},
                 {"lost_by_devices", seen.transport.lost()},
                 {"without_topic", taken.unaddressed},
                 {"unheard", link.unheard},
                 {"refused", link.refused},
                 {"connections", link.connections},
                 {"broker_restarts", seen.restarts},
                 {"registry_not_followed", seen.registry != nullptr ? seen.registry->failures() : 0}};
  auto& conventions = rig["conventions"] = OrderedJson::object();
  for (const auto& convention : seen.transport.conventions())
    for (const auto& [what, n] : convention->counters()) conventions[convention->name()][what] = n;
  rig["incidents"] = seen.incidents.counts();
  return dump_json(json);
}

}  // namespace looptwin::testbed
