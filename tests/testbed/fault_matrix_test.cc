// Every kind of trouble on both shipped scenarios, with the decisions that it must cause; all others it must
// not. docs/trouble.md has the same table in words.
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "loading.h"
#include "mml/broker.h"
#include "mml/dispatcher.h"
#include "mml/loop.h"
#include "mml/processor.h"
#include "mml/rules.h"
#include "sim/fleet.h"
#include "testbed/driver.h"
#include "testbed/notes.h"
#include "testbed/virtual_clock.h"
#include "testbed/wiring.h"

namespace looptwin::testbed {
namespace {

using test::Folder;
using Names = std::set<std::string>;
/// The devices on which each event, or alarm with its own condition, has risen; none where it is absent.
using Rose = std::map<std::string, Names>;

struct Outcome {
  Rose rose;
  mml::BrokerCounters broker;
  mml::ProcessorCounters telemetry;
  sim::FleetCounters fleet;
  uint64_t issued = 0, repeated = 0, failed = 0;
  mml::ClaimCounters claims;
  std::set<double> desired;           ///< by the devices of the rules' first override, of its setpoint
  std::vector<std::string> rivals;    ///< as check lists them
  std::vector<std::string> warnings;  ///< as check gives them
  std::string fingerprint;
};

void note(Assembly& assembly, Rose& rose) {
  for (const auto& event : assembly.wired().events) {
    const auto standing = assembly.tables().values<uint8_t>(event.table, event.standing);
    for (size_t row = 0; row < standing.size(); ++row)
      if (standing[row] == 1)
        rose[event.config.name].emplace(assembly.registry().id({event.table, Row(row)}));
  }
}

Outcome run(const std::filesystem::path& scenario, std::vector<Setting> settings, int threads = 1) {
  auto loaded = load(scenario, settings);
  INFO((loaded ? std::string() : render(loaded.error())));
  REQUIRE(loaded.has_value());
  auto built = Assembly::build(std::move(*loaded), {.threads = threads});
  INFO((built ? std::string() : render(built.error())));
  REQUIRE(built.has_value());
  Assembly& assembly = **built;
  auto driver = Driver::make(assembly, {}, {});
  REQUIRE(driver.has_value());
  std::atomic<bool> stop{false};
  const auto& s = assembly.scenario();
  VirtualClock clock(s.start, s.cycle, kStart + s.duration, stop);
  Outcome out;
  CHECK(driver->run(clock, stop, [&](Time) { note(assembly, out.rose); }) == mml::RunEnd::reached_end);
  out.broker = assembly.broker().counters();
  out.telemetry = assembly.processor().counters();
  out.fleet = assembly.fleet().counters();
  const auto commands = assembly.dispatcher().counters();
  out.issued = commands.issued, out.repeated = commands.repeated, out.failed = commands.failed;
  out.claims = assembly.rules().counters();
  for (const auto& rule : assembly.wired().rules) {
    if (rule.overrides.empty() || !out.desired.empty()) continue;
    const TableId table = rule.overrides[0].target.table;
    const auto setpoint = rule.overrides[0].set[0].setpoint;
    const auto desired =
        assembly.tables().values<double>(table, assembly.registry().model(table).setpoints[setpoint].desired);
    out.desired.insert(desired.begin(), desired.end());
  }
  out.rivals = rivals(assembly.wired().rules, assembly.registry());
  for (const auto& warning : assembly.warnings()) out.warnings.push_back(warning.message);
  out.fingerprint = assembly.loop().fingerprint();
  return out;
}

struct Case {
  const char* what;
  std::string faults;
  Rose rose;
  std::vector<Setting> settings = {};
  std::function<bool(const Outcome&)> shows = {};  ///< in which counter it is seen
};

void check(const std::filesystem::path& scenario, const std::vector<Setting>& base, const Case& c) {
  CAPTURE(c.what);
  auto settings = base;
  settings.push_back({"faults", "[" + c.faults + "]"});
  settings.insert(settings.end(), c.settings.begin(), c.settings.end());
  const auto outcome = run(scenario, settings);
  Names all;
  for (const auto& [event, devices] : outcome.rose) all.insert(event);
  for (const auto& [event, devices] : c.rose) all.insert(event);
  for (const auto& event : all) {
    CAPTURE(event);
    const auto of = [&](const Rose& rose) { return rose.count(event) ? rose.at(event) : Names{}; };
    CHECK(of(outcome.rose) == of(c.rose));
  }
  if (c.shows) CHECK(c.shows(outcome));
  CHECK(run(scenario, settings, 2).fingerprint == outcome.fingerprint);
}

const Names kBoth = {"block-1", "block-2"};
const Names kFirst = {"block-1"};
uint64_t quality(const Outcome& o, twin::Quality q) { return o.telemetry.by_quality[static_cast<size_t>(q)]; }

/// Two blocks of forty homes in a hot afternoon; trouble begins after an hour.
const std::vector<Setting> kHomes = {{"fleet.block.count", "2"},
                                     {"fleet.home.count", "40"},
                                     {"models.block.parameters.limit.default", "260 kW"},
                                     {"links.lte.outage.every", "100000 d"},
                                     {"start", "\"2019-07-15T10:00:00\""},
                                     {"duration", "100 min"}};
std::string on_first(const std::string& kind, const std::string& more = ", lasts: 20 min") {
  return "{after: 1 h, device: \"block-1/*\", kind: " + kind + more + "}";
}
std::string read(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}
Names every(const std::string& what, int count) {
  Names names;
  for (int n = 1; n <= count; ++n) names.insert(what + "-" + std::to_string(n));
  return names;
}
std::string sensor(const std::string& kind, const std::string& more = "") {
  return on_first(kind, ", sensor: power, lasts: 20 min" + more);
}

}  // namespace

TEST_CASE("fault matrix: smart-meters") {
  const Case table[] = {
      {"nothing", "", {}},
      {"a power meter that is stuck", sensor("stuck"), {}},
      {"one that reads too much", sensor("bias", ", value: 0.2 kW"), {}},
      {"one that drifts", sensor("drift", ", value: 0.1 kW/h"), {}},
      {"one that is noisy", sensor("noise", ", value: 5"), {}},
      {"one that takes no samples", sensor("dropout", ", value: 100 %"), {{"meters_silent", kFirst}}},
      {"one that reads nonsense",
       sensor("out_of_range", ", value: 90 kW"),
       {{"meters_silent", kFirst}},
       {},
       [](const Outcome& o) { return quality(o, twin::Quality::out_of_range) > 4000; }},
      {"links down", on_first("link_down"), {{"meters_silent", kFirst}}},
      {"links down for two minutes", on_first("link_down", ", lasts: 2 min"), {}},
      {"half of all messages lost",
       on_first("loss", ", value: 50 %, lasts: 20 min"),
       {},
       {},
       [](const Outcome& o) { return o.fleet.lost > 2000 && o.telemetry.gaps > 2000; }},
      {"bursts in which all is lost",
       "",
       {},
       {{"links.lte.bursts", "{up: exponential(10 min), down: exponential(20 s), shared: block}"}},
       [](const Outcome& o) { return o.fleet.lost > 500; }},
      {"a cell without power",
       "",
       {{"meters_silent", kBoth}},
       {{"links.lte.outage", "{up: constant(1 h), down: constant(20 min), shared: block}"}},
       [](const Outcome& o) { return o.fleet.outages == 80; }},
      {"an uplink that the block's homes fill",
       "",
       {{"meters_silent", kBoth}},
       {{"links.lte.bandwidth", "{rate: 1000, shared: block}"}}},
      {"an uplink that is wide enough", "", {}, {{"links.lte.bandwidth", "{rate: 9600, shared: block}"}}},
      {"messages that take many seconds", "", {}, {{"links.lte.latency", "lognormal(8 s, 0.5)"}}},
      {"messages that come twice, late and out of order",
       "",
       {},
       {{"links.lte.duplication", "5 %"}, {"links.lte.reordering", "{share: 5 %, delay: 1 min}"}},
       [](const Outcome& o) {
         return o.telemetry.duplicates > 1000 && quality(o, twin::Quality::late) > 1000;
       }},
      {"thermostats whose compressor is stuck",
       on_first("actuator_stuck", ", signal: compressor, lasts: 20 min"),
       {}},
      // As power returns all homes cool at once.
      {"power cut", on_first("device_off"), {{"meters_silent", kFirst}, {"peak_ahead", kFirst}}},
      {"devices that restart",
       on_first("restart", ", lasts: 20 s"),
       {},
       {},
       [](const Outcome& o) { return o.telemetry.restarts == 80; }},
      {"messages that cannot be read",
       on_first("malformed"),
       {{"meters_silent", kFirst}},
       {},
       [](const Outcome& o) { return o.broker.malformed > 4000; }},
      {"values of another type",
       on_first("wrong_type"),
       {{"meters_silent", kFirst}},
       {},
       [](const Outcome& o) { return o.broker.wrong_types > 4000; }},
      {"ids that nobody has",
       on_first("unknown_device"),
       {{"meters_silent", kFirst}},
       {},
       [](const Outcome& o) { return o.broker.unknown_devices > 4000; }},
      {"credentials of others",
       on_first("foreign_credentials"),
       {{"meters_silent", kFirst}},
       {},
       [](const Outcome& o) { return o.broker.foreign_credentials > 4000; }},
      {"clocks that run ahead",
       "",
       {},
       {{"models.home.clock", "{offset: \"normal(1 min, 5 s)\", drift: \"normal(0, 50)\"}"}},
       [](const Outcome& o) { return quality(o, twin::Quality::future) > 10000; }},
      {"clocks that are ten minutes behind",
       "",
       {{"meters_silent", kBoth}},
       {{"models.home.clock", "{offset: constant(-10 min)}"}}},
      {"clocks that drift by minutes, and are set every half hour",
       "",
       {},
       {{"models.home.clock", "{drift: \"normal(0, 20000)\", sync: 30 min}"}},
       [](const Outcome& o) { return quality(o, twin::Quality::future) > 5000; }},
      {"the broker restarts",
       "{after: 1 h, kind: restart, of: broker, lasts: 1 min}",
       {},
       {},
       [](const Outcome& o) { return o.broker.restarts == 1 && o.fleet.outages == 80; }},
      {"the broker is away for a quarter of an hour",
       "{after: 1 h, kind: restart, of: broker, lasts: 15 min, persistent: false}",
       {{"meters_silent", kBoth}}},
      {"the MML restarts", "{after: 1 h, kind: restart, of: mml, lasts: 15 min}", {}},
      {"the MML restarts, and nothing was kept for it",
       "{after: 1 h, kind: restart, of: mml, lasts: 15 min, persistent: false}",
       {}},
  };
  for (const auto& c : table) check(LT_SOURCE_DIR "/scenarios/smart-meters", kHomes, c);

  // A second rule wants it cooler than the setback, and is served first.
  const Folder folder;
  const std::filesystem::path shipped = LT_SOURCE_DIR "/scenarios/smart-meters";
  std::filesystem::copy(shipped, folder.path(), std::filesystem::copy_options::recursive);
  auto rules = read(shipped / "rules.yaml");
  rules.insert(rules.find("\nrules:\n") + 8,
               "  comfort:\n    while: peak_ahead\n"
               "    override: {target: homes, set: {cool: default(cool) - 1 K}, priority: 1}\n");
  folder.write("rules.yaml", rules);
  check(folder.path(), kHomes,
        {"a rule that outranks the setback",
         on_first("device_off"),
         {{"meters_silent", kFirst}, {"peak_ahead", kFirst}, {"overload", kFirst}},
         {},
         [](const Outcome& o) {
           return o.claims.outranked > 0 && o.claims.conflicts == 0 &&
                  o.desired == std::set{296.15, 297.15} && o.rivals.size() == 1;
         }});
}

TEST_CASE("fault matrix: gas-pipeline") {
  const std::vector<Setting> quiet = {{"models.rupture.parameters.opens_at.default", "48 h"},
                                      {"links.radio.outage.every", "100000 d"},
                                      {"duration", "30 min"}};
  auto leaking = quiet;
  leaking[0].value = "10 min";
  leaking.push_back({"plants.gas.gas_network.leaks.hole.pipe", "p-17"});
  leaking.push_back({"models.rupture.parameters.size.default", "80 cm2"});
  const auto on = [](const std::string& device, const std::string& kind, const std::string& more) {
    return "{after: 8 min, device: \"" + device + "\", kind: " + kind + ", " + more + "}";
  };
  const auto silent = [](const char* device) { return Rose{{"segment_silent", {device}}}; };
  // A station's segments and their valves share one mast.
  const std::string mast = "[station, opens_to.station, ends.station]";
  Names some_masts = every("seg", 40);
  for (int n = 21; n <= 30; ++n) some_masts.erase("seg-" + std::to_string(n));
  const Case no_leak[] = {
      {"nothing", "", {}},
      {"a terminal unit without power", on("seg-17", "device_off", "lasts: 10 min"), silent("seg-17")},
      {"one that restarts", on("seg-17", "restart", "lasts: 30 s"), {}},
      {"a valve's drive that restarts", on("valve-17", "restart", "lasts: 30 s"), {}},
      {"a radio that is down", on("seg-17", "link_down", "lasts: 10 min"), silent("seg-17")},
      {"messages that cannot be read", on("seg-17", "malformed", "lasts: 10 min"), silent("seg-17")},
      {"values of another type", on("seg-17", "wrong_type", "lasts: 10 min"), silent("seg-17")},
      {"ids that nobody has", on("seg-17", "unknown_device", "lasts: 10 min"), silent("seg-17")},
      {"credentials of others", on("seg-17", "foreign_credentials", "lasts: 10 min"), silent("seg-17")},
      {"a gauge that reads nonsense",
       on("seg-17", "out_of_range", "sensor: pressure_in, value: 200 bar, lasts: 10 min"), silent("seg-17")},
      {"a gauge that is stuck", on("seg-17", "stuck", "sensor: pressure_in, lasts: 20 min"), {}},
      {"a meter that is stuck", on("seg-17", "stuck", "sensor: flow_in, lasts: 20 min"), {}},
      {"a meter that reads too little",
       on("seg-17", "bias", "sensor: flow_out, value: -40 kg/s, lasts: 20 min"),
       {{"meters_disagree", {"seg-17"}}}},
      {"a gauge that reads too much",
       on("seg-17", "bias", "sensor: pressure_in, value: 3 bar, lasts: 20 min"),
       {{"gauges_disagree", {"seg-17"}}}},
      {"a gauge that drifts",
       on("seg-17", "drift", "sensor: pressure_in, value: 0.1 bar/min, lasts: 20 min"),
       {{"gauges_disagree", {"seg-17"}}}},
      {"a gauge that is noisy", on("seg-17", "noise", "sensor: pressure_in, value: 5, lasts: 20 min"), {}},
      {"a gauge that takes no samples",
       on("seg-17", "dropout", "sensor: pressure_in, value: 100 %, lasts: 20 min"), silent("seg-17")},
      {"a valve that is stuck", on("valve-17", "actuator_stuck", "signal: shut, lasts: 20 min"), {}},
      {"a third of all messages lost", on("**", "loss", "value: 33 %, lasts: 20 min"), {}},
      {"a mast of each station that fails at its own time",
       "",
       {{"segment_silent", some_masts}},
       {{"links.radio.outage", "{up: \"exponential(1 h)\", down: constant(10 min), shared: " + mast + "}"}}},
      {"a radio network that is down as a whole",
       "",
       {{"segment_silent", every("seg", 40)}},
       {{"links.radio.outage", "{up: constant(8 min), down: constant(10 min), shared: all}"}},
       [](const Outcome& o) { return o.fleet.outages == 162; }},
      {"bursts in which all is lost",
       "",
       {},
       {{"links.radio.bursts", "{up: exponential(5 min), down: exponential(10 s)}"}},
       [](const Outcome& o) { return o.fleet.lost > 300; }},
      {"a channel that is wide enough", "", {}, {{"links.radio.bandwidth", "{rate: 1200}"}}},
      {"a channel that a station's units fill",
       "",
       {{"segment_silent", every("seg", 40)}},
       {{"links.radio.bandwidth", "{rate: 1000, shared: " + mast + "}"}}},
      {"messages that take many seconds", "", {}, {{"links.radio.latency", "lognormal(8 s, 0.5)"}}},
      {"messages that come twice, late and out of order",
       "",
       {},
       {{"links.radio.duplication", "5 %"}, {"links.radio.reordering", "{share: 5 %, delay: 20 s}"}},
       [](const Outcome& o) {
         return o.telemetry.duplicates > 300 && quality(o, twin::Quality::late) > 300;
       }},
      {"clocks half a second apart",
       "",
       {},
       {{"models.rtu.clock", "{offset: \"normal(0 s, 0.5 s)\", drift: \"normal(0, 50)\", sync: 10 min}"}}},
      {"clocks a minute ahead",
       "",
       {},
       {{"models.rtu.clock", "{offset: \"normal(1 min, 5 s)\", drift: \"normal(0, 50)\"}"}},
       [](const Outcome& o) { return quality(o, twin::Quality::future) > 10000; }},
      {"clocks ten minutes behind",
       "",
       {{"segment_silent", every("seg", 40)}},
       {{"models.rtu.clock", "{offset: constant(-10 min)}"}}},
      {"clocks a minute apart",
       "",
       {},
       {{"models.rtu.clock", "{offset: \"normal(0 s, 30 s)\"}"}},
       [](const Outcome& o) { return quality(o, twin::Quality::future) > 3000; }},
      {"clocks that drift by a quarter of a minute, and are set every ten",
       "",
       {},
       {{"models.rtu.clock", "{drift: \"normal(0, 20000)\", sync: 10 min}"}},
       [](const Outcome& o) { return quality(o, twin::Quality::future) > 3000; }},
      {"a station's controller that restarts", on("station-2", "restart", "lasts: 30 s"), {}},
      // The machine stops, and is loaded over half an hour as power returns.
      {"a station's controller without power", on("station-2", "restart", "lasts: 10 min"), {}},
      {"the same, and it goes on as it was", on("station-2", "device_off", "lasts: 10 min"), {}},
      {"a valve's drive without power", on("valve-17", "device_off", "lasts: 20 min"), {}},
      {"a valve's gauge that jumps",
       on("valve-17", "bias", "sensor: pressure, value: -5 bar, lasts: 10 min"),
       {{"gauges_disagree", {"seg-16", "seg-17"}}, {"valve_gauges_disagree", {"valve-17"}}}},
      {"a customer's meter that reads too little",
       on("customer-1", "bias", "sensor: flow, value: -15 kg/s, lasts: 20 min"),
       {{"meters_disagree", {"seg-10"}}, {"customer_meters_disagree", {"customer-1"}}}},
      {"a station's meter that reads too little",
       on("station-2", "bias", "sensor: flow, value: -40 kg/s, lasts: 20 min"),
       {{"station_meter_disagrees", {"station-2"}}}},
      {"the broker is away for a quarter of an hour",
       "{after: 8 min, kind: restart, of: broker, lasts: 15 min, persistent: false}",
       {{"segment_silent", every("seg", 40)}}},
      {"the broker restarts", "{after: 8 min, kind: restart, of: broker, lasts: 20 s}", {}},
      {"the MML restarts", "{after: 8 min, kind: restart, of: mml, lasts: 5 min}", {}},
      {"the MML restarts, and nothing was kept for it",
       "{after: 8 min, kind: restart, of: mml, lasts: 5 min, persistent: false}",
       {}},
  };
  for (const auto& c : no_leak) {
    check(LT_SOURCE_DIR "/scenarios/gas-pipeline", quiet, c);
  }
  // From minute 8 on two rules want the stations to hold 71 and 68 bar.
  const Folder folder;
  std::filesystem::copy(LT_SOURCE_DIR "/scenarios/gas-pipeline", folder.path(),
                        std::filesystem::copy_options::recursive);
  auto rules = read(LT_SOURCE_DIR "/scenarios/gas-pipeline/rules.yaml");
  rules.insert(rules.find("\nevents:\n") + 9,
               "  cold: {each: station, raise: discharge_pressure > 0 bar, on_delay: 8 min}\n");
  rules.insert(rules.find("\nrules:\n") + 8,
               "  push_more:\n    while: cold\n"
               "    override: {target: self, set: {discharge: default(discharge) + 1 bar}, priority: 1}\n");
  folder.write("rules.yaml", rules);
  const auto near = [&](const Names& segments) {
    return Rose{
        {"cold", every("station", 4)}, {"near_maop", segments}, {"pushes_too_hard", every("station", 4)}};
  };
  const Rose low = near({"seg-1", "seg-11", "seg-21", "seg-31"});
  const Rose high =
      near({"seg-1", "seg-2", "seg-11", "seg-12", "seg-21", "seg-22", "seg-31", "seg-32", "seg-33"});
  const auto held = [](double bar, uint64_t outranked, uint64_t conflicts) {
    return [=](const Outcome& o) {
      const auto rivals = [](const std::string& text) {
        return text.find("both set station.discharge") != text.npos;
      };
      return o.claims.outranked == outranked && o.claims.conflicts == conflicts &&
             o.desired == std::set{bar * 1e5} && o.rivals.size() == 1 &&
             std::any_of(o.warnings.begin(), o.warnings.end(), rivals) == (conflicts > 0);
    };
  };
  for (const auto& c :
       {Case{"a rule that outranks another", "", high, {{"fleet.rtu.maop", "70.5 bar"}}, held(71, 4, 0)},
        Case{"a rule that is outranked by another",
             "",
             low,
             {{"fleet.rtu.maop", "70.5 bar"},
              {"rules.push_less.override",
               "{target: self, set: {discharge: default(discharge) - 2 bar}, priority: 2}"}},
             held(68, 4, 0)},
        Case{"two rules of one priority",
             "",
             low,
             {{"fleet.rtu.maop", "70.5 bar"}, {"rules.push_more.override.priority", "0"}},
             held(68, 0, 4)}})
    check(folder.path(), quiet, c);

  const Rose found = {{"leak", {"seg-17"}}, {"station_down", {"station-2"}}};
  Rose found_silent = found;
  for (int n = 30; n <= 39; ++n) found_silent["segment_silent"].insert("seg-" + std::to_string(n));
  const auto all_closed = [](const Outcome& o) { return o.failed == 0 && o.issued >= 3; };
  const Case leaks[] = {
      {"a leak", "", found, {}, all_closed},
      {"a leak, and some messages lost",
       on("**", "loss", "value: 3 %, lasts: 22 min"),
       found,
       {},
       all_closed},
      {"a leak while the MML is away",
       "{after: 9 min, kind: restart, of: mml, lasts: 2 min}",
       found,
       {},
       all_closed},
      {"a leak, and the broker restarts as the valves are told to close",
       "{after: 12 min, kind: restart, of: broker, lasts: 30 s, persistent: false}",
       found,
       {},
       all_closed},
      {"a leak, and the drives restart", on("valve-*", "restart", "lasts: 20 s"), found, {}, all_closed},
      {"a leak, and a meter elsewhere that reads too little",
       on("seg-30", "bias", "sensor: flow_out, value: -8 kg/s, lasts: 22 min"),
       found,
       {},
       all_closed},
      {"a leak, and the masts of another station and of its own further down fail",
       on("seg-3?", "link_down", "lasts: 22 min") + ", " + on("valve-2?", "link_down", "lasts: 22 min"),
       found_silent,
       {},
       all_closed},
      {"a leak, and clocks two seconds apart",
       "",
       found,
       {{"models.rtu.clock", "{offset: \"normal(0 s, 2 s)\"}"}},
       all_closed},
      {"a leak, and messages that come twice, late and out of order",
       "",
       found,
       {{"links.radio.duplication", "5 %"}, {"links.radio.reordering", "{share: 5 %, delay: 20 s}"}},
       all_closed},
  };
  for (const auto& c : leaks) check(LT_SOURCE_DIR "/scenarios/gas-pipeline", leaking, c);
}

}  // namespace looptwin::testbed
