#include "testbed/rig/rig_run.h"

#include <fmt/format.h>

#include "base/text.h"
#include "base/timezone.h"
#include "hil/access_files.h"
#include "hil/own_broker.h"
#include "hil/rig_transport.h"
#include "testbed/absent_fleet.h"
#include "testbed/reading/csv.h"
#include "testbed/rig/incident_log.h"
#include "testbed/rig/rig_config.h"
#include "testbed/run_folder.h"
#include "testbed/stopwatch.h"
#include "testbed/summary.h"
#include "twin/registry_store.h"
#include "twin/warm/disk.h"

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
  return load(rig.scenario, settings);
}

Result<std::vector<hil::Mapping>> mappings_for(const RigConfig& rig, const Scenario& scenario) {
  std::vector<hil::Mapping> mappings;
  std::vector<std::string> names;
  for (const auto& model : scenario.models) names.push_back(model.name);
  for (const auto& mapping : rig.devices)
    if (std::find(names.begin(), names.end(), mapping.model) == names.end())
      return failure(mapping.span, fmt::format("'{}' is no model of {}", mapping.model, scenario.name),
                     "its models: " + joined(names));
  for (const auto& model : scenario.models) {
    mappings.push_back(hil::plain_mapping(model.name));
    for (const auto& mapping : rig.devices) {
      if (mapping.model != model.name) continue;
      mappings.back() = mapping;
      for (const auto& place : mapping.fields)
        if (std::none_of(model.telemetry.begin(), model.telemetry.end(),
                         [&](const auto& field) { return field.name == place.field; }))
          return failure(mapping.span,
                         fmt::format("{} has no telemetry field '{}'", model.name, place.field));
    }
  }
  return mappings;
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
  auto mappings = mappings_for(*rig, *scenario);
  if (!mappings) return refuse(mappings.error());
  std::optional<std::filesystem::path> out;
  if (!request.no_out) out = request.out.value_or(default_run_folder(rig->name));

  std::unique_ptr<hil::OwnBroker> own;
  if (rig->broker.broker.empty()) {
    auto started = hil::OwnBroker::start({.registries = registries_of(*rig, *scenario),
                                          .mappings = *mappings,
                                          .most_messages = static_cast<uint32_t>(rig->most_messages)},
                                         rig->broker);
    if (!started) return refuse(started.error());
    own = std::move(*started);
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
  IncidentLog incidents(out, request.quiet);
  options.world = [&](const twin::Registry& registry, mml::Broker& broker, std::vector<twin::Shard> shards) {
    auto made = std::make_unique<hil::RigTransport>(
        **link, registry, broker, std::move(shards), std::move(*mappings),
        hil::RigTransport::RigTime{[&clock](Duration steady) { return clock->at(steady); }, start});
    transport = made.get();
    transport->watch([&incidents](const hil::Incident& incident) { incidents.take(incident); });
    return made;
  };
  auto built = Assembly::build(std::move(*scenario), options);
  if (!built) return refuse(built.error());
  Assembly& assembly = **built;
  if (own) own->keep_sessions();  // now that the transport has subscribed
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
    print_rig(*transport, **link, *clock, incidents);
    if (out) print_row("run folder", out->string());
  }
  return problems.empty() ? Exit::held : refuse(problems);
}

namespace {

Result<std::map<std::string, std::string>> read_secrets(const std::filesystem::path& file) {
  std::map<std::string, std::string> secrets;
  if (file.empty()) return secrets;
  auto text = twin::read_whole_file(file);
  if (!text) return tl::make_unexpected(std::move(text.error()));
  Diagnostics problems;
  CsvRows rows(std::make_shared<const Source>(Source{file.string(), std::move(*text)}), {}, problems);
  while (const auto row = rows.next()) {
    const yaml::Node *id = nullptr, *secret = nullptr;
    for (const auto& entry : row->entries) {
      if (entry.key == "id") id = &entry.value;
      if (entry.key == "secret") secret = &entry.value;
    }
    if (id == nullptr || secret == nullptr)
      return failure(row->span, "a row of secrets has an id and a secret",
                     "write id,secret on the first line");
    secrets[id->text] = secret->text;
  }
  if (has_errors(problems)) return tl::make_unexpected(std::move(problems));
  return secrets;
}

/// All that the files are made of: devices, and the secrets of those that are known.
Result<void> write_access(const AclRequest& request, const RigConfig& rig, const Scenario& scenario) {
  const auto mappings = mappings_for(rig, scenario);
  if (!mappings) return tl::make_unexpected(mappings.error());
  hil::BrokerView view;
  for (const auto& mapping : *mappings) view.models.push_back(hil::topics_of(mapping));
  const auto registries = registries_of(rig, scenario);
  if (registries.empty())
    return failure(fmt::format("{} has no registry", rig.name), "write registry: FILE into its rig.yaml");
  for (const auto& file : registries) {
    const auto store = twin::RegistryStore::open(file, twin::RegistryStore::Access::read);
    if (!store) return tl::make_unexpected(store.error());
    if (auto added = hil::add_devices(view, *store, *mappings); !added) return added;
  }
  auto secrets = read_secrets(request.secrets);
  if (!secrets) return tl::make_unexpected(std::move(secrets.error()));
  const std::string user = rig.broker.user.empty() ? "looptwin" : rig.broker.user;
  if (!rig.broker.password.empty()) secrets->emplace(user, rig.broker.password);
  std::error_code error;
  std::filesystem::create_directories(request.out, error);
  if (error) return twin::disk_failure("make", request.out, error.value());
  if (auto done = twin::write_whole_file(request.out / "acl_file", hil::acl_file(view, user)); !done)
    return done;
  if (auto done = twin::write_whole_file(request.out / "password_file", hil::password_file(*secrets)); !done)
    return done;
  fmt::print("{} devices in {}, {} passwords in {}\n", view.devices.size(),
             (request.out / "acl_file").string(), secrets->size(), (request.out / "password_file").string());
  return {};
}

}  // namespace

Exit write_acl(const AclRequest& request) {
  const auto rig = load_rig(request.rig);
  if (!rig) return refuse(rig.error());
  const auto scenario = load(rig->scenario, {});
  if (!scenario) return refuse(scenario.error());
  if (const auto written = write_access(request, *rig, *scenario); !written) return refuse(written.error());
  return Exit::held;
}

}  // namespace looptwin::testbed
