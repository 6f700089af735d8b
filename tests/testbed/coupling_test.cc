// Coupled plants in scenarios: devices read and drive the ports of elements that they are related to.
#include <catch2/catch.hpp>
#include <cmath>

#include "base/archive.h"
#include "loading.h"
#include "mml/dispatcher.h"
#include "mml/loop.h"
#include "sim/coupling.h"
#include "sim/plant.h"
#include "testbed/assembly.h"
#include "testbed/sim_transport.h"
#include "twin/registry.h"

using namespace looptwin;
using namespace looptwin::testbed;
using namespace looptwin::testbed::test;

namespace {

// A line with a compressor and a valve. When a customer takes more, the pressure falls below what a rule
// tolerates: it stops the station and shuts the valve.
const char* kLine = R"yaml(scenario: line
duration: 10 min
seed: 3
plants:
  gas:
    exchange: 1 s
    gas_network:
      gas: {temperature: 15.556 degC, gravity: 0.6}
      nodes: {n: {count: 6}}
      pipes:
        p: {count: 2, from: "n-{i}", to: "n-{i+1}", length: 10 km, diameter: 0.9 m}
        q: {from: n-4, to: n-5, length: 10 km, diameter: 0.9 m}
      compressors:
        c: {from: n-3, to: n-4, mode: discharge_pressure, discharge_pressure: 62 bar, ramp: 30 s}
      valves:
        v: {from: n-5, to: n-6, diameter: 0.8 m, travel: 60 s}
      supplies: {s: {node: n-1, pressure: 60 bar}}
      demands: {d: {node: n-6, flow: 100 kg/s}}
models:
  transmitter:
    relations: {at: {to: gas_node, inverse: transmitters}}
    physics:
      inputs: {p: at.pressure}
    telemetry:
      pressure: {from: p, unit: bar, every: 1 s, phase: 0 s, range: [0, 100], resolution: 0.00001}
  station:
    relations: {machine: {to: gas_compressor, inverse: stations}}
    setpoints:
      discharge: {unit: bar, default: 62, range: [50, 80]}
    commands: {trip: {}}
    telemetry:
      ratio: {from: boost, unit: 1, every: 1 s, range: [0, 5], resolution: 0.001}
    controller:
      outputs:
        stopped: latch(trip, false)
        wanted: discharge
    physics:
      inputs: {boost: machine.ratio}
      drives: {machine: {discharge_pressure_wanted: wanted, running: not stopped}}
  block_valve:
    relations: {body: {to: gas_valve, inverse: actuators}}
    commands: {close: {}}
    telemetry:
      position: {from: opening, unit: 1, every: 1 s, range: [0, 1], resolution: 0.001}
    controller:
      outputs: {shut: "latch(close, false)"}
    physics:
      inputs: {opening: body.opening}
      drives: {body: {command: "if(shut, 0, 1)"}}
  customer:
    relations: {outlet: {to: gas_demand, inverse: customers}}
    physics:
      inputs: {clock: time_of_day()}
      drives: {outlet: {flow_wanted: "if(clock >= 2 min, 150 kg/s, 100 kg/s)"}}
fleet:
  transmitter: {per: gas_node, id: "{gas_node}/pt", link: radio}
  station: {per: gas_compressor, id: "{gas_compressor}/plc"}
  block_valve: {per: gas_valve, id: "{gas_valve}/actuator"}
  customer: {per: gas_demand, id: "{gas_demand}/meter"}
links: {radio: {latency: 200 ms, loss: 1 %}}
events:
  low:
    raise: min(transmitter.pressure) < 58.8 bar
    on_delay: 10 s
    min_good: 80 %
rules:
  shut:
    when_raised: low
    send: [{target: station, command: trip}, {target: block_valve, command: close}]
)yaml";

std::unique_ptr<Assembly> assemble(int threads = 1, const std::string& text = kLine) {
  auto assembly = Assembly::build(loaded({{"scenario.yaml", text}}), {.threads = threads, .out = {}});
  INFO((assembly ? std::string() : render(assembly.error())));
  REQUIRE(assembly.has_value());
  return std::move(*assembly);
}

void cycle(Assembly& a) {
  const bool done = a.loop().cycle(a.loop().now() + a.scenario().cycle, a.transport());
  INFO(render(a.transport().breakdown()));
  REQUIRE(done);
}

std::span<double> reported(Assembly& a, const std::string& model, const std::string& field) {
  const auto table = a.registry().find_model(model);
  REQUIRE(table);
  const auto& m = a.registry().model(*table);
  for (size_t f = 0; f < m.fields.size(); ++f)
    if (m.config.telemetry[f].name == field) return a.tables().values<double>(*table, m.fields[f].value);
  FAIL(model << "." << field);
  return {};
}

std::string with(const std::string& from, const std::string& to) {
  std::string text = kLine;
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

std::string refused(const std::string& from, const std::string& to) {
  const Folder folder({{"scenario.yaml", with(from, to)}});
  const auto scenario = load(folder.path());
  if (!scenario) return in_short(scenario.error());
  const auto built = Assembly::build(*scenario);
  return built ? std::string() : in_short(built.error());
}

}  // namespace

TEST_CASE("coupling: devices see the plant's values of the last exchange, the plant theirs of just before") {
  // Without a link's delay a sample at t is taken in at t.
  const auto a = assemble(1, with(", link: radio", ""));
  auto plant = a->scenario().plants.front().build(1);
  REQUIRE(plant.has_value());
  const auto port = [&](const char* name) {
    const auto found = sim::find_port(**plant, name);
    REQUIRE(found.has_value());
    return *found;
  };
  const size_t wanted = port("demand.d.flow_wanted"), node = port("node.n-5.pressure");
  for (int t = 1; t <= 170; ++t) {
    // The customer's wish at grid point t - 1 acts from t on.
    (*plant)->advance(kStart + seconds(t));
    cycle(*a);
    INFO(t);
    REQUIRE(reported(*a, "transmitter", "pressure")[4] ==
            Approx((*plant)->values()[node]).epsilon(1e-9).margin(0.6));
    (*plant)->values()[wanted] = t - 1 >= 120 ? 150 : 100;
  }
  CHECK(reported(*a, "transmitter", "pressure")[4] < 61.4e5);
}

TEST_CASE("coupling: rules act on the plant through commands, and see it") {
  const auto a = assemble();
  const double before = [&] {
    for (int t = 0; t < 100; ++t) cycle(*a);
    return reported(*a, "station", "ratio")[0];
  }();
  CHECK(before > 1.03);
  while (a->loop().now() < kStart + minutes(10)) cycle(*a);
  CHECK(a->dispatcher().counters().acknowledged >= 2);
  CHECK(reported(*a, "station", "ratio")[0] < before);
  CHECK(reported(*a, "block_valve", "position")[0] == 0);
}

TEST_CASE("coupling: decides the same at any number of threads, and from any saved state") {
  const auto fingerprint = [](int threads) {
    const auto a = assemble(threads);
    for (int t = 0; t < 400; ++t) cycle(*a);
    return a->loop().fingerprint();
  };
  const auto once = fingerprint(1);
  CHECK(fingerprint(2) == once);
  CHECK(fingerprint(5) == once);

  const auto trunk = assemble();
  auto branch = assemble();
  for (int t = 0; t < 400; ++t) {
    ArchiveWriter writer;
    trunk->save(writer);
    ArchiveReader reader(writer.bytes());
    branch->restore(reader);
    REQUIRE((reader.ok() && reader.at_end()));
    cycle(*trunk);
    cycle(*branch);
    const auto ours = reported(*trunk, "transmitter", "pressure");
    const auto theirs = reported(*branch, "transmitter", "pressure");
    for (size_t i = 0; i < ours.size(); ++i)
      REQUIRE((ours[i] == theirs[i] || (std::isnan(ours[i]) && std::isnan(theirs[i]))));
    REQUIRE(trunk->loop().fingerprint() == branch->loop().fingerprint());
  }
  CHECK(trunk->loop().fingerprint() == once);
}

TEST_CASE("coupling: what cannot be is refused with its place and what to write") {
  CHECK_THAT(refused("customer: {per: gas_demand, id: \"{gas_demand}/meter\"}",
                     "customer: {count: 2, outlet: [gas/demand/d, gas/demand/d]}"),
             Catch::Contains("'customer-1' and 'customer-2' both drive the flow_wanted of 'gas/demand/d'"));
  CHECK_THAT(refused("running: not stopped", "runing: not stopped"),
             Catch::Contains("gas_compressor has no port 'runing' to drive"));
  CHECK_THAT(refused("drives: {body:", "drives: {bodi:"),
             Catch::Contains("'bodi' is no relation to an element of a plant"));
  CHECK_THAT(refused("command: \"if(shut, 0, 1)\"", "command: \"if(shut, 0 s, 1 s)\""),
             Catch::Contains("takes"));
  CHECK_THAT(refused("{p: at.pressure}", "{p: at.presure}"), Catch::Contains("did you mean 'pressure'"));
  CHECK_THAT(
      refused("length: 10 km, diameter: 0.9 m}\n        q", "length: 10 bar, diameter: 0.9 m}\n        q"),
      Catch::Contains("scenario.yaml"));
  CHECK_THAT(refused("{node: n-6, flow", "{node: n-66, flow"), Catch::Contains("n-66"));
  CHECK_THAT(refused("gas_network:", "gas_netwrok:"), Catch::Contains("did you mean 'gas_network'"));
  CHECK_THAT(refused("diameter: 0.8 m, travel: 60 s}", "diameter: 0.8 m, kind: short_pipe, loss: 2}"),
             Catch::Contains("scenario.yaml:16:68: a short pipe has no loss") &&
                 Catch::Contains("one of the pipes:"));
  CHECK_THAT(refused("travel: 60 s}", "travel: 60 s, kind: check_valve}"),
             Catch::Contains("a check valve has no travel"));
}
