#include "testbed/rig/rig_session.h"

#include <fmt/format.h>

#include "base/timezone.h"
#include "hil/broker_echo.h"
#include "hil/conventions/sparkplug/sparkplug.h"
#include "hil/descriptors.h"
#include "hil/realtime.h"
#include "hil/spread_link.h"
#include "mml/loop.h"
#include "testbed/absent_fleet.h"
#include "testbed/driver.h"
#include "testbed/recorder.h"
#include "testbed/rig/device_facts.h"
#include "testbed/rig/device_mappings.h"
#include "testbed/rig/rig_access.h"
#include "testbed/rig/rig_control.h"
#include "testbed/rig/rig_effects.h"
#include "testbed/run_folder.h"
#include "testbed/scenario.h"
#include "testbed/stopwatch.h"
#include "testbed/summary.h"
#include "twin/registry.h"
#include "twin/transport.h"
#include "twin/warm/disk.h"

namespace looptwin::testbed {
namespace {

/// A whole second that is still to come when all is built: a run's start is written with seconds.
UnixTime next_second(int64_t later) {
  constexpr int64_t kSecond = 1'000'000'000;
  return UnixTime{(hil::civil_time().ns / kSecond + 1 + later) * kSecond};
}

std::string echo_topic(const RigConfig& rig) { return fmt::format("looptwin/rig/{}/echo", rig.name); }

/// So long a broker may take to read who may come in: its plugin looks ten times a second.
constexpr Duration kViewIsRead = seconds(2);

/// What a simulation alone has: trouble, people who follow a script, a truth that requirements ask for.
const char* const kSimulatedOnly[] = {"faults", "script", "requirements"};

Diagnostic refused_subscription(const hil::MqttOptions& broker, const std::string& filter) {
  const auto who = broker.user.empty() ? std::string("looptwin") : "user " + broker.user;
  return {Severity::error,
          {},
          fmt::format("{} does not let {} subscribe to '{}'", broker.broker, who, filter),
          fmt::format("let the broker grant it: in an acl_file of Mosquitto's `topic readwrite {}`", filter)};
}

/// Says aloud what is refused: a rig that is not punctual should not surprise anybody.
Realtime ask_for(const RigConfig& rig) {
  if (!rig.realtime) return {};
  Realtime realtime{true, hil::ask_for_realtime()};
  for (const auto& refused : realtime.refused) fmt::print(stderr, "realtime: {}\n", refused);
  return realtime;
}

}  // namespace

RigSession::RigSession(RigConfig rig, const HilRequest& request)
    : request_(request),
      rig_(std::move(rig)),
      out_(request.no_out ? std::nullopt : request.out),
      incidents_(out_, request.quiet) {}

/// The scenario with its start now, unless the rig keeps what is written.
Result<void> RigSession::load() {
  start_ = next_second(rig_.bindings ? 1 : 0);
  settings_ = rig_.settings;
  settings_.insert(settings_.end(), request_.settings.begin(), request_.settings.end());
  auto scenario = testbed::load(rig_.scenario, settings_);
  if (!scenario) return tl::make_unexpected(std::move(scenario.error()));
  const auto zone = Timezone::load(scenario->timezone);
  if (!zone) return tl::make_unexpected(zone.error());
  if (rig_.start == RigStart::now)
    settings_.push_back({"start", "\"" + zone->format(start_).substr(0, 19) + "\""});
  for (const auto* section : kSimulatedOnly) settings_.push_back({section, "[]"});
  for (auto& setting : period_settings(rig_)) settings_.push_back(std::move(setting));
  if (sequence_) settings_.push_back(sequence_->duration(scenario->cycle));
  scenario = testbed::load(rig_.scenario, settings_);
  if (!scenario) return tl::make_unexpected(std::move(scenario.error()));
  scenario_ = std::move(*scenario);
  return {};
}

Result<void> RigSession::prepare() {
  if (request_.sequence) {
    auto sequence = SequenceSession::load(
        *request_.sequence, true,
        fmt::format("answer: looptwin rig answer {} yes", out_ ? out_->string() : request_.rig.string()));
    if (!sequence) return tl::make_unexpected(std::move(sequence.error()));
    sequence_ = std::move(*sequence);
  }
  if (auto loaded = load(); !loaded) return loaded;
  auto mappings = device_mappings(rig_, scenario_);
  if (!mappings) return tl::make_unexpected(std::move(mappings.error()));
  mappings_ = std::move(*mappings);
  if (auto all = check_effects(rig_, mappings_, !registries_of(rig_, scenario_).empty()); !all) return all;
  for (const auto& mapping : mappings_)
    if (mapping.convention == "sparkplug") {
      rig_.broker.will = hil::sparkplug_will(mapping.sparkplug);
      rig_.broker.arrivals.longest = hil::sparkplug::kLongestPayload;
    }
  auto guard = RigGuard::prepare(rig_, scenario_, request_.arm, out_);
  if (!guard) return tl::make_unexpected(std::move(guard.error()));
  guard_ = std::move(*guard);
  if (!rig_.inventory.empty()) stop_on_signals();  // who waits for devices may give up
  auto inventory =
      RigInventory::reserve(rig_, scenario_, {request_.reservation, request_.owner}, stop_asked());
  if (!inventory) return tl::make_unexpected(std::move(inventory.error()));
  inventory_ = std::move(*inventory);
  if (!inventory_) return {};
  if (!inventory_->not_free().empty())
    return failure(rig_.inventory_span, fmt::format("the devices are not free: {}", inventory_->not_free()),
                   "write reserve: {wait: 1 h} to wait for them");
  return inventory_->name(mappings_);
}

/// One of our own where none is named, which asks the rig's registries; where one is named, what it may ask
/// of them.
Result<void> RigSession::find_broker() {
  if (!rig_.broker.broker.empty()) {
    if (rig_.view.empty()) return {};
    auto view = hil::BrokerRegistry::start({.view = rig_.view,
                                            .registries = registries_of(rig_, scenario_),
                                            .mappings = mappings_,
                                            .user = rig_.broker.user,
                                            .secret = rig_.broker.password,
                                            .most_messages = static_cast<uint32_t>(rig_.most_messages)});
    if (!view) return tl::make_unexpected(std::move(view.error()));
    view_ = std::move(*view);
    return {};
  }
  auto started = hil::OwnBroker::start({.registries = registries_of(rig_, scenario_),
                                        .mappings = mappings_,
                                        .most_messages = static_cast<uint32_t>(rig_.most_messages),
                                        .dies_with_us = !guard_->has_safe_values()},
                                       rig_.broker);
  if (!started) return tl::make_unexpected(std::move(started.error()));
  own_ = std::move(*started);
  return {};
}

/// A broker that reads a view may not have read the new one yet.
Result<std::unique_ptr<hil::MqttLink>> RigSession::connect_link() {
  const Duration until = machine_.now() + (view_ ? kViewIsRead : Duration{});
  for (;;) {
    auto link = hil::connect_mqtt(rig_.broker);
    if (link || machine_.now() >= until) return link;
    machine_.sleep_until(machine_.now() + milliseconds(100));
  }
}

Result<void> RigSession::connect() {
  // Before a broker of ours is started, which has as many.
  if (rig_.bindings) hil::raise_descriptor_limit();
  if (auto found = find_broker(); !found) return found;
  // A fork, so before the threads of the broker's keeper and of the links.
  if (auto watched = guard_->watch(own_.get()); !watched) return watched;
  if (inventory_) inventory_->keep(ask_to_stop);
  if (own_) own_->look_after();
  if (view_) view_->follow();
  auto link = connect_link();
  if (!link) return tl::make_unexpected(std::move(link.error()));
  link_ = std::move(*link);
  if (rig_.ingest_connections != 0)
    link_ = std::make_unique<hil::SpreadLink>(std::move(link_), rig_.broker, rig_.ingest_connections);
  if (rig_.bindings) {
    auto bridge_link = hil::connect_mqtt(bridge_options(rig_));
    if (!bridge_link) return tl::make_unexpected(std::move(bridge_link.error()));
    bridge_link_ = std::move(*bridge_link);
  }
  kept_back_ = !own_ && hil::keeps_back(rig_.broker, echo_topic(rig_));
  if (!rig_.bindings && !kept_back_) return {};
  return load();  // this took its time: the run's start is later
}

Result<void> RigSession::assemble() {
  hash_ = hash_of(scenario_, settings_);
  scenario_.snapshots.reset();  // what devices are doing is in no snapshot
  if (!inventory_) stop_on_signals();
  if (rig_.bindings) {
    auto made = RigBindings::make(
        rig_, scenario_, mappings_, *bridge_link_, start_, [this] { return clock_->at(machine_.now()); },
        registry() != nullptr);
    if (!made) return tl::make_unexpected(std::move(made.error()));
    bound_ = std::move(*made);
    bound_->say_farewell_by(guard_->watchdog());
  }
  AssemblyOptions options;
  options.out = out_;
  options.packets = rig_.recording;
  options.fleet = [](const twin::Registry&, twin::Tables&) { return std::make_unique<AbsentFleet>(); };
  options.world = [this](const twin::Registry& registry, mml::Broker& broker,
                         std::vector<twin::Shard> shards) {
    auto real = std::make_unique<hil::RigTransport>(
        *link_, registry, broker, std::move(shards), mappings_,
        hil::RigTransport::RigTime{[this](Duration steady) { return clock_->at(steady); }, start_,
                                   hil::civil_time() + -machine_.now()});
    real->watch([this](const hil::Incident& incident) { incidents_.take(incident); });
    if (inventory_) {
      gate_ = std::make_unique<hil::IdentityGate>(registry, mappings_);
      inventory_->guard(*gate_, registry,
                        [this](const hil::Incident& incident) { incidents_.take(incident); });
      real->admit_by(*gate_);
    }
    if (rig_.own_connections) real->models_have_sessions();
    auto made = std::make_unique<BoundTransport>(
        std::move(real), bound_ ? std::optional(bound_->bound()) : std::nullopt, registry);
    transport_ = made.get();
    return made;
  };
  if (sequence_) sequence_->join(options, false, [this] { return clock_->at(machine_.now()); });
  auto built = Assembly::build(std::move(scenario_), options);
  if (!built) return tl::make_unexpected(std::move(built.error()));
  assembly_ = std::move(*built);
  if (auto addressed = check_addresses(rig_, mappings_, assembly_->registry()); !addressed) return addressed;
  if (auto heard = check_subscriptions(); !heard) {
    forget_run();
    return heard;
  }
  if (kept_back_) tell_of_echo();
  if (auto planned = plan_sequence(); !planned) return planned;
  if (auto* recorder = assembly_->recorder())
    recorder->send_once(rig_.durable ? SentOnce::durable : SentOnce::journalled);
  if (own_) own_->keep_sessions();  // now that the transport has subscribed
  std::fputs(render(assembly_->warnings()).c_str(), stderr);
  if (out_)
    if (auto noted = note_scenario(*assembly_, *out_, {rig_.scenario, settings_, hash_, kStart, {}, true});
        !noted)
      return noted;
  auto driver = Driver::make(*assembly_, out_, settings_);
  if (!driver) return tl::make_unexpected(std::move(driver.error()));
  driver_.emplace(std::move(*driver));
  return {};
}

Result<void> RigSession::begin() {
  // Building took its time: the run's start may have gone by, and its first boundaries with it.
  const Duration begun = hil::civil_time() - start_;
  begun_at_ = machine_.now();
  const auto& scenario = assembly_->scenario();
  clock_.emplace(hil::PacedClock::Options{.start = start_,
                                          .cycle = scenario.cycle,
                                          .least = scenario.least_cycle.value_or(Duration{}),
                                          .end = kStart + scenario.duration,
                                          .policy = rig_.overrun,
                                          .tolerance = rig_.tolerance,
                                          .begun = begun},
                 guard_->loop_time(), stop());
  link_->on_arrival([this] { clock_->arrived(); });
  transport_->on_request([this] { clock_->arrived(); });
  // A boundary that comes on arrival comes of it as well; a fixed one comes when it is due.
  requests_.on_request([this] {
    clock_->urgent();
    clock_->arrived();
  });
  clock_->on_urgent([this](Time now) { requests_.do_at_once(now); });
  transport_->watch_swaps([this](const Swap& swap) { guard_->note(swap); });
  transport_->watch_pace([this] { return clock_->counters(); });
  guard_->begin(*assembly_, transport_->rig(), *link_, requests_, bound_ ? &bound_->bindings() : nullptr,
                inventory_.get());
  if (auto heard = check_subscriptions(); !heard) return heard;  // the stop's topic has come
  for (const auto& mapping : mappings_) {
    if (mapping.convention != "sparkplug" || state_) continue;
    auto state = hil::SparkplugState::announce(rig_.broker, mapping.sparkplug.host);
    if (!state) return tl::make_unexpected(std::move(state.error()));
    state_ = std::move(*state);
  }
  if (sequence_)
    sequence_->begin(*assembly_, &guard_->forces(), stop_asked(), [this] {
      return guard_->safety().stops() > 0 ? std::string("the rig was stopped") : std::string();
    });
  auto control = open_control(rig_, out_, *assembly_, *transport_, *guard_, requests_, inventory_.get(),
                              sequence_ ? &sequence_->answers() : nullptr);
  if (!control) return tl::make_unexpected(std::move(control.error()));
  control_ = std::move(*control);
  if (bound_) bound_->start();
  if (!request_.quiet) fmt::print(stderr, "{} at {}\n", rig_.name, rig_.broker.broker);
  return {};
}

Exit RigSession::run() {
  const auto realtime = ask_for(rig_);
  const Stopwatch watch;
  auto how = driver_->advance(*clock_, stop(), [&](Time boundary) {
    take_incidents(boundary);
    if (sequence_) sequence_->look(boundary);
  });
  if (sequence_) how = sequence_->end_of(how);
  how = driver_->end(how);
  transport_->close();
  state_.reset();
  requests_.close();
  control_.reset();
  guard_->finish(assembly_->loop().now());
  if (inventory_) inventory_->release();
  take_incidents(assembly_->loop().now());
  const double wall_s = watch.seconds();
  const auto problems = end(how, wall_s, realtime);
  if (!request_.quiet) print(how, wall_s);
  Exit exit = guard_->is_valid() ? Exit::held : Exit::invalid;
  if (sequence_)
    exit = end_sequence(problems.empty() ? "the run ended" : problems.front().message, realtime, exit);
  if (!request_.quiet && out_) print_row("run folder", out_->string());
  if (!problems.empty()) return refuse(problems);
  if (!guard_->is_safe()) {
    std::fputs("error: devices have not confirmed their safe values\n", stderr);
    return Exit::failed;
  }
  return exit;
}

void RigSession::take_incidents(Time boundary) {
  const auto take = [&](std::vector<hil::Incident> all) {
    for (auto& incident : all) {
      incident.at = boundary;
      incidents_.take(incident);
    }
  };
  take(link_->take_incidents());
  if (bridge_link_) take(bridge_link_->take_incidents());
  if (registry() != nullptr) take(registry()->take_incidents());
}

/// What the loop, or its simulated devices, would never hear. What the broker may keep to itself is an
/// incident, as anything else.
Result<void> RigSession::check_subscriptions() {
  Diagnostics problems;
  for (auto* link : {link_.get(), bridge_link_.get()}) {
    if (link == nullptr) continue;
    for (const auto& incident : link->take_incidents())
      if (incident.kind == hil::kSubscriptionRefused && !hil::BrokerStatus::is_status(incident.detail))
        problems.push_back(refused_subscription(rig_.broker, incident.detail));
      else
        incidents_.take(incident);
  }
  if (problems.empty()) return {};
  return tl::make_unexpected(std::move(problems));
}

/// Writes what the run folder gets at the end; gives what went wrong.
Diagnostics RigSession::end(mml::RunEnd how, double wall_s, const Realtime& realtime) {
  Diagnostics problems = driver_->error();
  const auto& broken = assembly_->loop_transport().breakdown();
  problems.insert(problems.end(), broken.begin(), broken.end());
  if (clock_->aborted())
    problems.push_back({Severity::error,
                        {},
                        fmt::format("a boundary was late by {}", to_string(clock_->counters().last)),
                        "write overrun: catch_up, or a longer cycle"});
  if (inventory_)
    for (const auto& problem : inventory_->problems()) problems.push_back(problem);
  const auto keep = [&](const Result<void>& done) {
    if (!done && problems.empty()) problems = done.error();
  };
  keep(assembly_->finish(
      with_seen(guard_->with_rig(status_json(*assembly_, driver_->last(), how, wall_s)), seen())));
  if (!out_) return problems;
  keep(twin::write_whole_file(*out_ / "pace.json",
                              pace_json(clock_->counters(), machine_.now() - begun_at_, realtime)));
  if (inventory_) keep(inventory_->write(*out_));
  if (bound_) keep(bound_->write(*out_, transport_->swaps(), bridge_link_->counters()));
  return problems;
}

/// It need not be wrong: an account may read what devices say, and not this.
void RigSession::tell_of_echo() {
  const auto& user = rig_.broker.user;
  incidents_.take(
      {kStart, "no_echo", "",
       fmt::format(
           "{} keeps what we publish on '{}' to itself, and may keep back what devices say as well: let it "
           "grant all, in an acl_file of Mosquitto's {}`topic readwrite #`",
           rig_.broker.broker, echo_topic(rig_),
           user.empty() ? std::string() : fmt::format("`user {}` and ", user))});
}

RigSeen RigSession::seen() const {
  return {transport_->rig(), *link_, incidents_, own_ ? own_->restarts() : 0, registry()};
}

void RigSession::print(mml::RunEnd how, double wall_s) const {
  print_summary(*assembly_, *driver_, how, wall_s);
  print_rig(seen(), *clock_);
  if (inventory_) inventory_->print();
  if (bound_) bound_->print(transport_->swaps(), bridge_link_->counters());
  guard_->print();
}

/// Nothing is left of a run that did not begin.
void RigSession::forget_run() {
  transport_ = nullptr;
  assembly_.reset();
  std::error_code ignored;
  if (out_) std::filesystem::remove_all(*out_, ignored);
}

// ---- a sequence of test steps

Result<void> RigSession::plan_sequence() {
  if (!sequence_) return {};
  auto planned = sequence_->plan(*assembly_, out_, nullptr);
  if (!planned) forget_run();
  return planned;
}

SequenceFacts RigSession::facts(const Realtime& realtime) const {
  SequenceFacts facts;
  facts.run = facts_of(*assembly_, hash_);
  facts.run.push_back({"rig", rig_.name});
  facts.run.push_back({"broker", rig_.broker.broker});
  if (const auto& version = transport_->rig().status().version(); !version.empty())
    facts.run.push_back({"broker's version", version});
  facts.devices =
      device_facts(assembly_->registry(), bound_ ? &bound_->bindings() : nullptr, inventory_.get());
  facts.pace = pace_json(clock_->counters(), machine_.now() - begun_at_, realtime);
  return facts;
}

/// What the sequence makes of the run's exit code: `otherwise` where all is well with it.
Exit RigSession::end_sequence(const std::string& why, const Realtime& realtime, Exit otherwise) {
  const auto exit = sequence_->finish(out_, facts(realtime), request_.quiet, why);
  if (!exit) return refuse(exit.error());
  return *exit == Exit::held ? otherwise : *exit;
}

}  // namespace looptwin::testbed
