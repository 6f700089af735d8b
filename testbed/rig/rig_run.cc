#include "testbed/rig/rig_run.h"

#include <fmt/format.h>

#include "base/text.h"
#include "base/timezone.h"
#include "hil/conventions/sparkplug/sparkplug.h"
#include "hil/own_broker.h"
#include "hil/realtime.h"
#include "hil/rig_transport.h"
#include "testbed/absent_fleet.h"
#include "testbed/rig/device_mappings.h"
#include "testbed/rig/incident_log.h"
#include "testbed/rig/pace_acts.h"
#include "testbed/rig/pace_report.h"
#include "testbed/rig/rig_bindings.h"
#include "testbed/rig/rig_config.h"
#include "testbed/rig/rig_control.h"
#include "testbed/rig/rig_guard.h"
#include "testbed/rig/rig_player.h"
#include "testbed/run_folder.h"
#include "testbed/stopwatch.h"
#include "testbed/summary.h"
#include "twin/warm/disk.h"

namespace looptwin::testbed {
namespace {

/// A whole second that is still to come when all is built: a run's start is written with seconds.
UnixTime next_second(int64_t later) {
  constexpr int64_t kSecond = 1'000'000'000;
  return UnixTime{(hil::civil_time().ns / kSecond + 1 + later) * kSecond};
}

/// What a simulation alone has: trouble, people who follow a script, a truth that requirements ask for.
const char* const kSimulatedOnly[] = {"faults", "script", "requirements"};

struct ForRig {
  Scenario scenario;
  std::vector<Setting> settings;  ///< what was changed, as a replay needs it
  UnixTime start;                 ///< on the wall
};

/// The scenario with its start now, unless the rig keeps what is written.
Result<ForRig> load_for(const RigConfig& rig, const std::vector<Setting>& asked) {
  ForRig made{{}, rig.settings, next_second(rig.bindings ? 1 : 0)};
  made.settings.insert(made.settings.end(), asked.begin(), asked.end());
  auto scenario = load(rig.scenario, made.settings);
  if (!scenario) return tl::make_unexpected(std::move(scenario.error()));
  const auto zone = Timezone::load(scenario->timezone);
  if (!zone) return tl::make_unexpected(zone.error());
  if (rig.start == RigStart::now)
    made.settings.push_back({"start", "\"" + zone->format(made.start).substr(0, 19) + "\""});
  for (const auto* section : kSimulatedOnly) made.settings.push_back({section, "[]"});
  for (auto& setting : period_settings(rig)) made.settings.push_back(std::move(setting));
  scenario = load(rig.scenario, made.settings);
  if (!scenario) return tl::make_unexpected(std::move(scenario.error()));
  made.scenario = std::move(*scenario);
  return made;
}

/// Registries whose devices may connect: the rig's, and those that the fleet was drawn from.
std::vector<std::filesystem::path> registries_of(const RigConfig& rig, const Scenario& scenario) {
  std::vector<std::filesystem::path> files;
  if (!rig.registry.empty()) files.push_back(rig.registry);
  for (const auto& file : scenario.registries) {
    const auto path = (scenario.folder / file).lexically_normal();
    if (std::find(files.begin(), files.end(), path) == files.end()) files.push_back(path);
  }
  return files;
}

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

/// Says aloud what is refused: a rig that is not punctual should not surprise anybody.
Realtime ask_for(const RigConfig& rig) {
  if (!rig.realtime) return {};
  Realtime realtime{true, hil::ask_for_realtime()};
  for (const auto& refused : realtime.refused) fmt::print(stderr, "realtime: {}\n", refused);
  return realtime;
}

}  // namespace

Exit run_rig(const HilRequest& request) {
  auto rig = load_rig(request.rig);
  if (!rig) return refuse(rig.error());
  if (!request.broker.empty()) rig->broker.broker = request.broker;
  auto loaded = load_for(*rig, request.settings);
  if (!loaded) return refuse(loaded.error());
  const auto mappings = device_mappings(*rig, loaded->scenario, hil::civil_time());
  if (!mappings) return refuse(mappings.error());
  if (request.play) return play_recording(*rig, *mappings, *request.play, request.speed, request.quiet);
  for (const auto& mapping : *mappings)
    if (mapping.convention == "sparkplug") rig->broker.will = hil::sparkplug_will(mapping.sparkplug);
  std::optional<std::filesystem::path> out;
  if (!request.no_out) out = request.out.value_or(default_run_folder(rig->name));

  auto prepared = RigGuard::prepare(*rig, loaded->scenario, request.arm, out);
  if (!prepared) return refuse(prepared.error());

  std::unique_ptr<hil::OwnBroker> own;
  if (rig->broker.broker.empty()) {
    auto started = hil::OwnBroker::start({.registries = registries_of(*rig, loaded->scenario),
                                          .mappings = *mappings,
                                          .most_messages = static_cast<uint32_t>(rig->most_messages),
                                          .dies_with_us = !(*prepared)->has_safe_values()},
                                         rig->broker);
    if (!started) return refuse(started.error());
    own = std::move(*started);
  }
  // A fork, so before the threads of the broker's keeper and of the link.
  if (auto watched = (*prepared)->watch(own.get()); !watched) return refuse(watched.error());
  if (own) own->look_after([&guard = **prepared](int process) { guard.guards(process); });
  hil::MachineTime machine;
  const auto& stop = stop_asked();
  std::optional<hil::PacedClock> clock;  // before the links, whose threads tell it what arrives
  auto link = hil::connect_mqtt(rig->broker);
  if (!link) return refuse(link.error());
  std::unique_ptr<hil::MqttLink> bridge_link;
  if (rig->bindings) {
    auto connected = hil::connect_mqtt(bridge_options(*rig));
    if (!connected) return refuse(connected.error());
    bridge_link = std::move(*connected);
    loaded = load_for(*rig, request.settings);  // connecting took its time: the run's start is later
    if (!loaded) return refuse(loaded.error());
  }
  auto& [scenario, settings, start] = *loaded;
  const auto hash = hash_of(scenario, settings);
  scenario.snapshots.reset();  // what devices are doing is in no snapshot
  stop_on_signals();
  std::unique_ptr<RigBindings> bound;
  if (rig->bindings) {
    auto made = RigBindings::make(*rig, scenario, *mappings, *bridge_link, start,
                                  [&clock, &machine] { return clock->at(machine.now()); });
    if (!made) return refuse(made.error());
    bound = std::move(*made);
  }
  AssemblyOptions options;
  options.out = out;
  options.packets = rig->recording;
  options.fleet = [](const twin::Registry&, twin::Tables&) { return std::make_unique<AbsentFleet>(); };
  BoundTransport* transport = nullptr;
  IncidentLog incidents(out, request.quiet);
  options.world = [&](const twin::Registry& registry, mml::Broker& broker, std::vector<twin::Shard> shards) {
    auto real = std::make_unique<hil::RigTransport>(
        **link, registry, broker, std::move(shards), *mappings,
        hil::RigTransport::RigTime{[&clock](Duration steady) { return clock->at(steady); }, loaded->start});
    real->watch([&incidents](const hil::Incident& incident) { incidents.take(incident); });
    auto made = std::make_unique<BoundTransport>(
        std::move(real), bound ? std::optional(bound->bound()) : std::nullopt, registry);
    transport = made.get();
    return made;
  };
  auto built = Assembly::build(std::move(scenario), options);
  if (!built) return refuse(built.error());
  Assembly& assembly = **built;
  if (auto addressed = check_addresses(*rig, *mappings, assembly.registry()); !addressed)
    return refuse(addressed.error());
  if (own) own->keep_sessions();  // now that the transport has subscribed
  std::fputs(render(assembly.warnings()).c_str(), stderr);
  if (out)
    if (auto noted = note_scenario(assembly, *out, {rig->scenario, settings, hash, kStart, {}, true}); !noted)
      return refuse(noted.error());
  const auto guard = std::move(*prepared);  // ends before what it speaks by
  auto driver = Driver::make(assembly, out, settings);
  if (!driver) return refuse(driver.error());

  // Building took its time: the run's start may have gone by, and its first boundaries with it.
  const Duration begun = hil::civil_time() - start;
  const Duration begun_at = machine.now();
  clock.emplace(hil::PacedClock::Options{.start = start,
                                         .cycle = assembly.scenario().cycle,
                                         .least = assembly.scenario().least_cycle.value_or(Duration{}),
                                         .end = kStart + assembly.scenario().duration,
                                         .policy = rig->overrun,
                                         .tolerance = rig->tolerance,
                                         .begun = begun},
                guard->time(), stop);
  (*link)->on_arrival([&clock] { clock->arrived(); });
  transport->on_request([&clock] { clock->arrived(); });
  auto pace_acts = PaceActs::make(*rig, assembly);
  if (!pace_acts) return refuse(pace_acts.error());
  guard->begin(assembly, transport->rig(), **link, bound ? &bound->bindings() : nullptr);
  auto control = open_control(rig->name, out, assembly, *transport, *guard);
  if (!control) return refuse(control.error());
  if (bound) bound->start();
  if (!request.quiet) fmt::print(stderr, "{} at {}\n", rig->name, rig->broker.broker);
  const auto realtime = ask_for(*rig);
  const Stopwatch watch;
  const auto end = driver->run(*clock, stop, [&](Time) { pace_acts->look(*clock, *transport); });
  transport->close();
  guard->close();
  control->reset();
  guard->finish(assembly.loop().now());
  Diagnostics problems = driver->error();
  const auto& broken = assembly.loop_transport().breakdown();
  problems.insert(problems.end(), broken.begin(), broken.end());
  if (clock->aborted())
    problems.push_back({Severity::error,
                        {},
                        fmt::format("a boundary was late by {}", to_string(clock->counters().last)),
                        "write overrun: catch_up, or a longer cycle"});
  if (auto finished = assembly.finish(guard->with_rig(status_json(assembly, end, watch.seconds())));
      !finished && problems.empty())
    problems = finished.error();
  if (out) {
    const auto pace = pace_json(clock->counters(), machine.now() - begun_at, realtime);
    if (auto written = twin::write_whole_file(*out / "pace.json", pace); !written && problems.empty())
      problems = written.error();
  }
  if (bound && out)
    if (auto written = bound->write(*out, transport->swaps()); !written && problems.empty())
      problems = written.error();
  if (!request.quiet) {
    print_summary(assembly, *driver, end, watch.seconds());
    print_rig(transport->rig(), **link, *clock, incidents);
    if (bound) bound->print(transport->swaps());
    guard->print();
    if (out) print_row("run folder", out->string());
  }
  if (!problems.empty()) return refuse(problems);
  if (!guard->is_safe()) {
    std::fputs("error: devices have not confirmed their safe values\n", stderr);
    return Exit::failed;
  }
  return guard->is_valid() ? Exit::held : Exit::invalid;
}

}  // namespace looptwin::testbed
