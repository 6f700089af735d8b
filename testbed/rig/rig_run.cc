#include "testbed/rig/rig_run.h"

#include <fmt/format.h>

#include "base/text.h"
#include "base/timezone.h"
#include "hil/conventions/sparkplug/sparkplug.h"
#include "hil/mosquitto.h"
#include "hil/rig_transport.h"
#include "testbed/absent_fleet.h"
#include "testbed/rig/device_mappings.h"
#include "testbed/rig/rig_config.h"
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

/// The scenario with its start now; what was changed is in `settings`, as a replay needs it.
Result<Scenario> load_for(const RigConfig& rig, std::vector<Setting>& settings) {
  auto scenario = load(rig.scenario, settings);
  if (!scenario) return scenario;
  const auto zone = Timezone::load(scenario->timezone);
  if (!zone) return tl::make_unexpected(zone.error());
  const auto local = zone->format(next_second());
  settings.push_back({"start", "\"" + local.substr(0, 19) + "\""});
  for (const auto* section : kSimulatedOnly) settings.push_back({section, "[]"});
  for (auto& setting : period_settings(rig)) settings.push_back(std::move(setting));
  return load(rig.scenario, settings);
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
  auto settings = request.settings;
  auto scenario = load_for(*rig, settings);
  if (!scenario) return refuse(scenario.error());
  const auto mappings = device_mappings(*rig, *scenario, hil::civil_time());
  if (!mappings) return refuse(mappings.error());
  for (const auto& mapping : *mappings)
    if (mapping.convention == "sparkplug") rig->broker.will = hil::sparkplug_will(mapping.sparkplug);
  std::optional<std::filesystem::path> out;
  if (!request.no_out) out = request.out.value_or(default_run_folder(rig->name));

  std::unique_ptr<hil::Mosquitto> own;
  if (rig->broker.broker.empty()) {
    auto started = hil::Mosquitto::start({});
    if (!started) return refuse(started.error());
    own = std::move(*started);
    rig->broker.broker = own->address();
  }
  auto link = hil::connect_mqtt(rig->broker);
  if (!link) return refuse(link.error());
  const auto hash = hash_of(*scenario, settings);
  const UnixTime start = scenario->start;
  scenario->snapshots.reset();  // what devices are doing is in no snapshot
  hil::MachineTime machine;
  const auto& stop = stop_asked();
  stop_on_signals();
  std::optional<hil::PacedClock> clock;
  AssemblyOptions options;
  options.out = out;
  options.fleet = [](const twin::Registry&, twin::Tables&) { return std::make_unique<AbsentFleet>(); };
  hil::RigTransport* transport = nullptr;
  options.world = [&](const twin::Registry& registry, mml::Broker& broker, std::vector<twin::Shard> shards) {
    auto made = std::make_unique<hil::RigTransport>(
        **link, registry, broker, std::move(shards), *mappings,
        hil::RigTransport::RigTime{[&clock](Duration steady) { return clock->at(steady); }, start});
    transport = made.get();
    return made;
  };
  auto built = Assembly::build(std::move(*scenario), options);
  if (!built) return refuse(built.error());
  Assembly& assembly = **built;
  if (auto addressed = check_addresses(*rig, *mappings, assembly.registry()); !addressed)
    return refuse(addressed.error());
  std::fputs(render(assembly.warnings()).c_str(), stderr);
  if (out)
    if (auto noted = note_scenario(assembly, *out, {rig->scenario, settings, hash, kStart, {}, true}); !noted)
      return refuse(noted.error());
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
                machine, stop);
  if (!request.quiet) fmt::print(stderr, "{} at {}\n", rig->name, rig->broker.broker);
  const Stopwatch watch;
  const auto end = driver->run(*clock, stop);
  Diagnostics problems = driver->error();
  if (clock->aborted())
    problems.push_back({Severity::error,
                        {},
                        fmt::format("a boundary was late by {}", to_string(clock->counters().last)),
                        "write overrun: catch_up, or a longer cycle"});
  if (auto finished = assembly.finish(status_json(assembly, end, watch.seconds()));
      !finished && problems.empty())
    problems = finished.error();
  if (!request.quiet) {
    print_summary(assembly, *driver, end, watch.seconds());
    print_rig(*transport, **link, *clock);
    if (out) print_row("run folder", out->string());
  }
  return problems.empty() ? Exit::held : refuse(problems);
}

}  // namespace looptwin::testbed
