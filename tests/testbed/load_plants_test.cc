// Keys that there are not, in plants: each is told at its place, and nothing that follows from it is.
#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "loading.h"
#include "testbed/trial.h"

using namespace looptwin::testbed;
using namespace looptwin::testbed::test;

namespace {

const std::string kPlants = R"y(scenario: plants
duration: 1 min
models:
  meter:
    relations: {at: {to: gas_node, inverse: meters}}
    telemetry: {p: {from: x, unit: bar, every: 1 s, resolution: 0.01}}
    physics: {inputs: {x: at.pressure}}
  lamp:
    relations: {of: {to: shop_station, inverse: lamps}}
    telemetry: {n: {from: x, unit: "1", every: 1 s, resolution: 1}}
    physics: {inputs: {x: of.made}}
  gauge:
    relations: {of: {to: tanks_tank, inverse: gauges}}
    telemetry: {h: {from: x, unit: m, every: 1 s, resolution: 0.01}}
    physics: {inputs: {x: of.level}}
plants:
  gas: {gas_network: {
    gas: {gravity: 0.6},
    nodes: {a: {height: 1 m}, b: {}, c: {}, d: {}},
    pipes: {p: {from: a, to: b, length: 2 km, diameter: 0.5 m}},
    compressors: {k: {from: b, to: c}},
    valves: {v: {from: c, to: d, diameter: 0.5 m}},
    supplies: {s: {node: a, pressure: 5 bar}},
    demands: {q: {node: d, flow: 1 kg/s}},
    leaks: {l: {pipe: p, position: 1 km}},
    gauges: {g: {pipe: p, position: 1 km}}}}
  shop: {production_line: {
    buffers: {b: {capacity: 40}},
    sources: {s: {to: b, every: 11 s}},
    stations: {m: {from: b, takes: 9 s, inspects: {false_reject: 1 %}}}}}
  tanks: {equations: {elements: {tank: {
    states: {level: 1 m},
    rates: {level: 1 m / 1 h},
    relations: {yard: {to: yard}},
    limits: {level: {high: 2 m}},
    events: {full: {when: level > 1.5 m, reset: {level: 1 m}}},
    each: {t: {yard: y}}}, yard: {each: {y: {}}, outputs: {wide: 1 m}}}}}
fleet: {meter: {per: gas_node}, lamp: {per: shop_station}, gauge: {per: tanks_tank}}
)y";

/// What check says; nothing where all is well.
std::string said(const std::string& text) {
  const Folder folder({{"scenario.yaml", text}});
  const CheckRequest request{.scenario = folder.path()};
  Trial trial = try_out(request);
  return trial.assembly ? std::string() : in_short(all_problems(std::move(trial), request));
}

}  // namespace

TEST_CASE("plants: a key that there is not is told at its place, in each of their sections") {
  REQUIRE(said(kPlants) == "");
  const std::pair<const char*, const char*> sections[] = {
      {"gas: {", "a plant"},
      {"gas_network: {", "a gas network"},
      {"    gas: {", "'gas'"},
      {"nodes: {a: {", "a node"},
      {"pipes: {p: {", "a pipe"},
      {"compressors: {k: {", "a compressor"},
      {"valves: {v: {", "a valve"},
      {"supplies: {s: {", "a supply"},
      {"demands: {q: {", "a demand"},
      {"leaks: {l: {", "a leak"},
      {"gauges: {g: {", "a gauge"},
      {"shop: {", "a plant"},
      {"production_line: {", "a production line"},
      {"buffers: {b: {", "a buffer"},
      {"sources: {s: {", "a source"},
      {"stations: {m: {", "a station"},
      {"inspects: {", "'inspects'"},
      {"tanks: {", "a plant"},
      {"equations: {", "a plant of equations"},
      {"elements: {tank: {", "a kind of elements"},
      {"relations: {yard: {", "a relation of elements"},
      {"limits: {level: {", "a limit"},
      {"events: {full: {", "an event of a plant"},
  };
  for (const auto& [before, what] : sections) {
    auto text = kPlants;
    const auto at = text.find(before, text.find("plants:\n")) + std::string(before).size();
    text.insert(at, "sort: gas_network, ");
    const auto line = std::count(text.begin(), text.begin() + static_cast<long>(at), '\n') + 1;
    CAPTURE(before);
    CHECK_THAT(said(text), Catch::StartsWith(fmt::format("scenario.yaml:{}:{}: {} has no key 'sort' [", line,
                                                         at - text.rfind('\n', at), what)));
  }
}

TEST_CASE("plants: a quantity that a kind of elements has not is told at its place") {
  auto text = kPlants;
  text.insert(text.find("{yard: y}") + 1, "sort: 1 m, ");
  CHECK_THAT(said(text), Catch::Contains("'tank' has no parameter, input, state or relation 'sort'"));
}

TEST_CASE("plants: one that is not said by a key that there is, is told by the key") {
  const std::string rest =
      "fleet: {pump: {}}\nmodels: {pump: {telemetry: {p: {from: 1 bar, unit: bar, every: 1 s, resolution: "
      "0.01}}}}\n";
  const auto plant = [&](const std::string& text) {
    return said("scenario: plants\nduration: 1 min\nplants: {gas: " + text + "}\n" + rest);
  };
  CHECK(
      plant("{a: 1}") ==
      "scenario.yaml:3:16: a plant has no key 'a' [keys: exchange, gas_network, production_line, equations, "
      "python]\n");
  CHECK_THAT(plant("{kind: gas_network}"), Catch::Contains(":16: a plant has no key 'kind'"));
  CHECK_THAT(plant("{gas_netwrok: {nodes: {n: {}}}}"), Catch::Contains("did you mean 'gas_network'?"));
  CHECK_THAT(plant("{python: {clas: \"tools:Robot\", class: \"tools:Robot\"}}"),
             Catch::Contains("a Python class has no key 'clas' [did you mean 'class'?"));
  CHECK_THAT(plant("{}"), Catch::Contains("the plant 'gas' does not say what it is"));
}
