#include "testbed/summary.h"

#include <sys/resource.h>

#include <fmt/format.h>
#include <algorithm>
#include <map>
#include <numeric>

#include "base/json_tree.h"
#include "base/simd.h"
#include "base/text.h"
#include "mml/alarms.h"
#include "mml/broker.h"
#include "mml/dispatcher.h"
#include "mml/events.h"
#include "mml/loop.h"
#include "mml/operator.h"
#include "mml/processor.h"
#include "mml/rules.h"
#include "sim/fleet.h"
#include "testbed/assembly.h"
#include "testbed/driver.h"
#include "testbed/requirements/report.h"
#include "testbed/requirements/requirements.h"
#include "testbed/scenario.h"
#include "testbed/wiring.h"
#include "twin/hot.h"
#include "twin/registry.h"

namespace looptwin::testbed {
namespace {

const char* told(mml::RunEnd end) {
  switch (end) {
    case mml::RunEnd::reached_end:
      return "reached its end";
    case mml::RunEnd::stopped:
      return "stopped by the user";
    case mml::RunEnd::failed:
      return "failed";
  }
  return "";
}

template <typename N>
std::string number(N n) {
  return grouped(static_cast<long long>(n));
}

void telemetry_rows(Assembly& a, double wall) {
  const auto p = a.processor().counters();
  const auto f = a.fleet().counters();
  const auto status = a.processor().devices_by_status();
  const uint64_t in_no_window = a.in_no_window();
  const uint64_t forced = p.by_quality[static_cast<size_t>(twin::Quality::forced)];
  const uint64_t devices = a.registry().devices();
  const uint64_t with_telemetry = std::accumulate(status.begin(), status.end(), uint64_t{0});
  print_row(
      "devices",
      fmt::format("{}  online {}, stale {}, offline {}, faulty {}, deviating {}{}{}", number(devices),
                  number(status[0]), number(status[1]), number(status[2]), number(status[3]),
                  number(status[4]), status[5] == 0 ? "" : fmt::format(", diverging {}", number(status[5])),
                  devices == with_telemetry
                      ? ""
                      : fmt::format("; without telemetry {}", number(devices - with_telemetry))));
  print_row("messages",
            fmt::format("{} ({}/s); sent {}, lost {}{}, duplicates {}, gaps {}, restarts {}",
                        number(p.messages), number(static_cast<double>(p.messages) / wall), number(f.sent),
                        number(f.lost), f.dropped == 0 ? "" : fmt::format(", dropped {}", number(f.dropped)),
                        number(p.duplicates), number(p.gaps), number(p.restarts)));
  print_row(
      "samples",
      fmt::format("{} ({}/s); late {}, future {}, out of range {}, missing {}, rate {}, flat {}, shed {}{}{}",
                  number(p.samples), number(static_cast<double>(p.samples) / wall),
                  number(p.by_quality[static_cast<size_t>(twin::Quality::late)]),
                  number(p.by_quality[static_cast<size_t>(twin::Quality::future)]),
                  number(p.by_quality[static_cast<size_t>(twin::Quality::out_of_range)]),
                  number(p.by_quality[static_cast<size_t>(twin::Quality::missing)]),
                  number(p.by_quality[static_cast<size_t>(twin::Quality::rate)]),
                  number(p.by_quality[static_cast<size_t>(twin::Quality::flat)]), number(p.shed),
                  forced == 0 ? "" : fmt::format(", forced {}", number(forced)),
                  in_no_window == 0 ? "" : fmt::format(", in no window {}", number(in_no_window))));
}

void rules_rows(Assembly& a) {
  const auto& r = a.rules().counters();
  const auto d = a.dispatcher().counters();
  print_row("overrides",
            fmt::format("claims {}, released {}, yielded to residents {}, conflicts {}, outranked {}",
                        number(r.claims), number(r.releases), number(r.yields), number(r.conflicts),
                        number(r.outranked)));
  if (const auto& steps = r.sequences; steps.begun > 0)
    print_row("sequences",
              fmt::format("begun {}, done {}, aborted {}; steps timed out {}", number(steps.begun),
                          number(steps.done), number(steps.aborted), number(steps.timed_out)));
  print_row("commands",
            fmt::format("issued {}, acknowledged {}, verified {}, refused {}, failed {}, expired {}, "
                        "superseded {}, repeated {}",
                        number(d.issued), number(d.acknowledged), number(d.verified), number(d.refused),
                        number(d.failed), number(d.expired), number(d.superseded), number(d.repeated)));
}

/// Only where events can be bypassed or are latched: what nobody should forget.
void events_row(Assembly& a) {
  const auto& events = a.events().all();
  const bool any = std::any_of(events.begin(), events.end(), [](const auto& event) {
    return event.config.latched || event.config.bypassed_while.has_value();
  });
  if (!any) return;
  const auto& counters = a.events().counters();
  const auto waiting = a.events().waiting();
  print_row("events",
            fmt::format("bypasses {}, withheld {}, resets refused {}; at the end bypassed {}, waiting for "
                        "their reset {}",
                        number(counters.bypasses), number(counters.withheld), number(counters.refused_resets),
                        number(waiting.bypassed), number(waiting.latched)));
  if (waiting.bypassed == 0) return;
  const auto& oldest = events[waiting.oldest];
  print_row("", fmt::format("bypassed for {}: {} on {}", to_string(a.loop().now() - waiting.oldest_since),
                            oldest.config.name, a.registry().id({oldest.table, Row(waiting.oldest_row)})));
}

void alarms_rows(Assembly& a) {
  const auto& alarms = a.alarms().counters();
  print_row("alarms", fmt::format("raised {} (urgent {}, high {}, medium {}, low {}), returned {}",
                                  number(alarms.raised), number(alarms.raised_by_priority[3]),
                                  number(alarms.raised_by_priority[2]), number(alarms.raised_by_priority[1]),
                                  number(alarms.raised_by_priority[0]), number(alarms.returned)));
  const auto figures = a.alarms().figures().report(a.loop().now());
  if (figures.annunciated + figures.hidden > 0) {
    print_row(
        "", fmt::format("{:.2f} per 10 min, at the most {}; in flood {:.1f} % of the time; top ten {:.0f} %",
                        figures.per_period, number(figures.peak), 100 * figures.in_flood,
                        100 * figures.top_share));
    print_row("",
              fmt::format(
                  "standing {}, unacknowledged {}, late {}, chattering {}, stale {}, raised while hidden {}",
                  number(figures.standing), number(figures.unacknowledged), number(figures.late),
                  number(figures.chattering), number(figures.stale), number(figures.hidden)));
  }
  for (const auto& raised : a.alarms().latest()) {
    const auto& config = a.wired().alarms[raised.alarm].config;
    print_row("",
              fmt::format("{} {} on {}{}{}", to_string(raised.at - kStart), config.event.name,
                          a.registry().id(raised.device), raised.cause.empty() ? "" : ": ", raised.cause));
  }
}

void requirements_rows(Assembly& a) {
  const auto& all = a.requirements().all();
  if (all.empty()) return;
  const auto shown = lines(all, a.requirements().results(), a.loop().now());
  for (size_t i = 0; i < shown.size(); ++i) print_row(i == 0 ? "requirements" : "", shown[i]);
}

void broker_row(Assembly& a) {
  const auto& b = a.broker().counters();
  print_row("broker",
            fmt::format("refused: no session {}, malformed {}, unknown device {}, foreign credentials {}, "
                        "wrong type {}; commands held {}, expired {}, lost {}; restarts {}",
                        number(b.refused_messages), number(b.malformed), number(b.unknown_devices),
                        number(b.foreign_credentials), number(b.wrong_types), number(b.held),
                        number(b.expired), number(b.lost), number(b.restarts)));
}

}  // namespace

void print_row(const char* what, const std::string& text) { fmt::print("  {:<22} {}\n", what, text); }

void print_summary(Assembly& a, const Driver& driver, mml::RunEnd end, double wall) {
  const Duration lasted = driver.last() - kStart;
  fmt::print("\n{}: {}\n", a.scenario().name, told(end));
  print_row(a.real() ? "went on" : "simulated",
            fmt::format("{} in {:.1f} s ({:.0f}x)", to_string(lasted), wall, lasted.seconds() / wall));
  telemetry_rows(a, wall);
  rules_rows(a);
  events_row(a);
  alarms_rows(a);
  if (const auto& people = a.people().counters(); !a.scenario().people.empty())
    print_row("people", fmt::format("actions {}, refused {}; inputs expired {}", number(people.actions),
                                    number(people.refused), number(people.expired)));
  print_row("published by rules", number(a.rules().counters().published));
  broker_row(a);
  if (driver.restarts() > 0)
    print_row("mml", fmt::format("restarts {}, boundaries missed {}", number(driver.restarts()),
                                 number(driver.missed())));
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  requirements_rows(a);
  print_row("decisions", number(a.loop().decisions()));
  print_row("memory", fmt::format("{} MiB at the most; hot history {} MiB", usage.ru_maxrss / 1024,
                                  a.hot().bytes() >> 20));
  print_row("fingerprint", a.loop().fingerprint());
}

std::string status_json(Assembly& a, Time reached, mml::RunEnd end, double wall) {
  const auto p = a.processor().counters();
  const auto d = a.dispatcher().counters();
  const auto f = a.fleet().counters();
  const auto of = [&](twin::Quality q) { return p.by_quality[static_cast<size_t>(q)]; };
  Json json{{"state", mml::name_of(end)},
            {"simulated_s", reached.seconds()},
            {"wall_s", wall},
            {"threads", a.loop().workers().threads()},
            {"simd", looptwin::name_of(simd())},
            {"devices", a.registry().devices()},
            {"messages", p.messages},
            {"sent", f.sent},
            {"lost", f.lost},
            {"dropped", f.dropped},
            {"duplicates", p.duplicates},
            {"gaps", p.gaps},
            {"restarts", p.restarts},
            {"samples", p.samples},
            {"late", of(twin::Quality::late)},
            {"future", of(twin::Quality::future)},
            {"out_of_range", of(twin::Quality::out_of_range)},
            {"missing", of(twin::Quality::missing)},
            {"rate", of(twin::Quality::rate)},
            {"flat", of(twin::Quality::flat)},
            {"shed", p.shed},
            {"in_no_rollup", a.in_no_rollup()},
            {"in_no_window", a.in_no_window()},
            {"decisions", a.loop().decisions()},
            {"commands_issued", d.issued},
            {"alarms_raised", a.alarms().counters().raised}};
  if (const auto& all = a.requirements().all(); !all.empty()) {
    std::map<Verdict, size_t> of_verdict;
    for (const auto& tally : tallies(all, a.requirements().results())) ++of_verdict[tally.verdict()];
    for (const Verdict v : {Verdict::held, Verdict::violated, Verdict::undecided})
      json[fmt::format("requirements_{}", name_of(v))] = of_verdict[v];
  }
  return dump_json(json);
}

}  // namespace looptwin::testbed
