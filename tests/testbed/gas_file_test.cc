// Published networks in scenarios: the file gives the network and its profiles, the scenario adds what it
// needs.
#include <catch2/catch.hpp>

#include "loading.h"
#include "mml/loop.h"
#include "testbed/assembly.h"
#include "testbed/sim_transport.h"
#include "testbed/snapshots.h"
#include "twin/registry.h"

using namespace looptwin;
using namespace looptwin::testbed;
using namespace looptwin::testbed::test;

namespace {

// Two pipes of 10 km; the customer takes 100 kg/s, and 150 kg/s from half a minute on.
const FileTexts kFiles = {
    {"a.net", "# type,in,out\nP,1,2,10000.0,0.9144,0,0.00006\nP,2,3,10000,0.9144,0,0.00006\n"},
    {"a.ini", "T0 = 15.556\nRs = 478.4807\ntH = 3600\nup = 65|65\nuq = 100|150\ncp = 66|66\nut = 0|30\n"},
    {"scenario.yaml", R"yaml(scenario: published
duration: 2 min
plants:
  gas:
    gas_network:
      file: a.net
      boundary: a.ini
      gauges: {middle: {pipe: "1", position: 5 km}}
models:
  meter:
    relations: {demand: {to: gas_demand, inverse: meters}}
    physics: {inputs: {taken: demand.flow}}
    telemetry: {flow: {from: taken, unit: kg/s, every: 1 s, phase: 0 s, range: [0, 500], resolution: 0.1}}
  gauge:
    relations: {place: {to: gas_gauge, inverse: readers}}
    physics: {inputs: {p: place.pressure}}
    telemetry: {pressure: {from: p, unit: bar, every: 1 s, phase: 0 s, range: [0, 100], resolution: 0.001}}
fleet:
  meter: {per: gas_demand, id: "{gas_demand}/meter"}
  gauge: {per: gas_gauge, id: "{gas_gauge}/reader"}
)yaml"}};

std::string refused(const std::string& from, const std::string& to) {
  FileTexts files = kFiles;
  for (auto& [name, text] : files)
    if (const auto at = text.find(from); at != std::string::npos) text.replace(at, from.size(), to);
  return problems(files);
}

}  // namespace

TEST_CASE("gas files: a scenario takes network and profiles from a file and adds its gauges") {
  const Folder folder(kFiles);
  const auto scenario = load(folder.path());
  INFO((scenario ? std::string() : render(scenario.error())));
  REQUIRE(scenario.has_value());
  auto built = Assembly::build(*scenario, {.threads = 1, .out = {}});
  INFO((built ? std::string() : render(built.error())));
  REQUIRE(built.has_value());
  Assembly& a = **built;
  const auto reported = [&](const char* model) {
    const auto table = *a.registry().find_model(model);
    return a.tables().values<double>(table, a.registry().model(table).fields[0].value)[0];
  };
  const auto until = [&](int second) {
    while (a.loop().now() < kStart + seconds(second))
      REQUIRE(a.loop().cycle(a.loop().now() + a.scenario().cycle, a.transport()));
  };
  until(29);
  CHECK(reported("meter") == Approx(100e0));
  const double before = reported("gauge");
  CHECK(before > 64e5);
  CHECK(before < 65e5);
  until(120);
  CHECK(reported("meter") == Approx(150e0));
  CHECK(reported("gauge") < before);
}

TEST_CASE("gas files: what is wrong in a scenario's network file is shown there") {
  CHECK(refused("file: a.net", "file: b.net").find("b.net") != std::string::npos);
  CHECK(refused("P,2,3,10000", "P,2,3,-10000").find("a.net:3") != std::string::npos);
  CHECK(refused("pipe: \"1\"", "pipe: \"9\"").find("scenario.yaml:8") != std::string::npos);
}

TEST_CASE("gas files: what a profile gives cannot be driven as well") {
  FileTexts files = kFiles;
  auto& text = files["scenario.yaml"];
  text.replace(text.find("physics: {inputs: {taken: demand.flow}}"), 39,
               "physics: {inputs: {taken: demand.flow}, drives: {demand: {flow_wanted: 5 kg/s}}}");
  const Folder folder(files);
  const auto scenario = load(folder.path());
  REQUIRE(scenario.has_value());
  const auto built = Assembly::build(*scenario, {.threads = 1, .out = {}});
  REQUIRE(!built);
  CHECK(in_short(built.error()).find("flow_wanted") != std::string::npos);
}

TEST_CASE("gas files: a network needs no gas of its own, and a supply is of one kind") {
  const auto written = [](const char* supply) {
    return problems({{"scenario.yaml", std::string(R"yaml(scenario: plain
duration: 2 min
plants:
  gas:
    gas_network:
      nodes: {a: {}, b: {}}
      pipes: {ab: {from: a, to: b, length: 5 km, diameter: 0.5 m}}
      supplies: {s: )yaml") + supply + R"yaml(}
models:
  gauge: {relations: {place: {to: gas_node, inverse: readers}}, physics: {inputs: {p: place.pressure}}}
fleet:
  gauge: {per: gas_node, id: "{gas_node}/reader"}
)yaml"}});
  };
  CHECK(written("{node: a, pressure: 50 bar}") == "");
  const std::string both = written("{node: a, pressure: 50 bar, flow: 3 kg/s}");
  CHECK(both.find("scenario.yaml:8:") != std::string::npos);
  CHECK(both.find("a supply has a pressure or a flow, not both") != std::string::npos);
}

TEST_CASE("gas files: what a scenario says of its gas and its cells is refused where it stands") {
  const auto written = [](const std::string& line) {
    return problems({{"scenario.yaml", R"yaml(scenario: plain
duration: 2 min
plants:
  gas:
    gas_network:
      nodes: {a: {}, b: {}}
      pipes: {ab: {from: a, to: b, length: 5 km, diameter: 0.5 m}}
      supplies: {s: {node: a, pressure: 50 bar}}
)yaml" + line + R"yaml(
models:
  gauge: {relations: {place: {to: gas_node, inverse: readers}}, physics: {inputs: {p: place.pressure}}}
fleet:
  gauge: {per: gas_node, id: "{gas_node}/reader"}
)yaml"}});
  };
  const std::string hot = written("      gas: {temperature: 1200 degC}");
  CHECK(hot.find("scenario.yaml:9:7: gas: the temperature must lie between 100 K and 1000 K") !=
        std::string::npos);
  const std::string fine = written("      cell: 1 mm");
  CHECK(fine.find("scenario.yaml:5:5: network: ") != std::string::npos);
}

TEST_CASE("gas files: a run goes on only with the network and the profiles that it began with") {
  const auto hash = [](const std::string& from, const std::string& to) {
    FileTexts files = kFiles;
    for (auto& [name, text] : files)
      if (const auto at = text.find(from); at != std::string::npos) text.replace(at, from.size(), to);
    const Folder folder(files);
    const auto scenario = load(folder.path());
    REQUIRE(scenario.has_value());
    return hash_of(*scenario, {});
  };
  const auto plain = hash("nothing", "nothing");
  CHECK(hash("nothing", "nothing") == plain);
  CHECK(hash("P,2,3,10000", "P,2,3,10001") != plain);
  CHECK(hash("uq = 100|150", "uq = 100|151") != plain);
}
