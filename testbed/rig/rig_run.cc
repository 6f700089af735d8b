#include "testbed/rig/rig_run.h"

#include <fmt/format.h>

#include "base/text.h"
#include "base/timezone.h"
#include "hil/conventions/sparkplug/sparkplug.h"
#include "hil/mosquitto.h"
#include "hil/rig_transport.h"
#include "testbed/absent_fleet.h"
#include "testbed/rig/device_mappings.h"
#include "testbed/rig/rig_bindings.h"
#include "testbed/rig/rig_config.h"
#include "testbed/rig/rig_control.h"
#include "testbed/rig/rig_guard.h"
#include "testbed/rig/rig_player.h"
#include "testbed/run_folder.h"
#include "testbed/stopwatch.h"
#include "testbed/summary.h"

namespace looptwin::testbed {
namespace {

/// The next whole second: a run's start is written with seconds.
UnixTime next_second() {
  constexpr int64_t kSecond = 1'000'000'000;
  return UnixTime{(hil::civil_time().ns / kSecond + 1) * kSecond};
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
  ForRig made{{}, rig.settings, next_second()};
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

void print_rig(const hil::RigTransport& transport, const hil::MqttLink& link, const hil::PacedClock& clock) {
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
                  number(link.counters().dropped_in + taken.unsent), number(taken.unaddressed)));
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

}  // namespace

Exit run_rig(const HilRequest& request) {
  auto rig = load_rig(request.rig);
  if (!rig) return refuse(rig.error());
  if (!request.broker.empty()) rig->broker.broker = request.broker;
  if (request.play) return play_recording(*rig, *request.play, request.speed, request.quiet);
  auto loaded = load_for(*rig, request.settings);
  if (!loaded) return refuse(loaded.error());
  const auto mappings = device_mappings(*rig, loaded->scenario, hil::civil_time());
  if (!mappings) return refuse(mappings.error());
  for (const auto& mapping : *mappings)
    if (mapping.convention == "sparkplug") rig->broker.will = hil::sparkplug_will(mapping.sparkplug);
  std::optional<std::filesystem::path> out;
  if (!request.no_out) out = request.out.value_or(default_run_folder(rig->name));

  auto prepared = RigGuard::prepare(*rig, loaded->scenario, request.arm, out);
  if (!prepared) return refuse(prepared.error());

  std::unique_ptr<hil::Mosquitto> own;
  if (rig->broker.broker.empty()) {
    auto started = hil::Mosquitto::start({.dies_with_us = !(*prepared)->has_safe_values()});
    if (!started) return refuse(started.error());
    own = std::move(*started);
    rig->broker.broker = own->address();
  }
  if (auto watched = (*prepared)->watch(own.get()); !watched) return refuse(watched.error());
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
  hil::MachineTime machine;
  const auto& stop = stop_asked();
  stop_on_signals();
  std::optional<hil::PacedClock> clock;
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
  options.world = [&](const twin::Registry& registry, mml::Broker& broker, std::vector<twin::Shard> shards) {
    auto real = std::make_unique<hil::RigTransport>(
        **link, registry, broker, std::move(shards), *mappings,
        hil::RigTransport::RigTime{[&clock](Duration steady) { return clock->at(steady); }, loaded->start});
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
  std::fputs(render(assembly.warnings()).c_str(), stderr);
  if (out)
    if (auto noted = note_scenario(assembly, *out, {rig->scenario, settings, hash, kStart, {}, true}); !noted)
      return refuse(noted.error());
  const auto guard = std::move(*prepared);  // ends before what it speaks by
  auto driver = Driver::make(assembly, out, settings);
  if (!driver) return refuse(driver.error());

  // Building took its time: the run's start may have gone by, and its first boundaries with it.
  const Duration begun = hil::civil_time() - start;
  clock.emplace(hil::PacedClock::Options{.start = start,
                                         .cycle = assembly.scenario().cycle,
                                         .end = kStart + assembly.scenario().duration,
                                         .policy = rig->overrun,
                                         .tolerance = rig->tolerance,
                                         .begun = begun},
                guard->loop_time(), stop);
  guard->begin(assembly, transport->rig(), **link, bound ? &bound->bindings() : nullptr);
  auto control = open_control(rig->name, out, assembly, *transport, *guard);
  if (!control) return refuse(control.error());
  if (bound) bound->start();
  if (!request.quiet) fmt::print(stderr, "{} at {}\n", rig->name, rig->broker.broker);
  const Stopwatch watch;
  const auto end = driver->run(*clock, stop);
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
  if (bound && out)
    if (auto written = bound->write(*out, transport->swaps()); !written && problems.empty())
      problems = written.error();
  if (!request.quiet) {
    print_summary(assembly, *driver, end, watch.seconds());
    print_rig(transport->rig(), **link, *clock);
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
